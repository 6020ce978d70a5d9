use letsbe_types::{
    Code, Problem,
    job::{Outcome, RunEventKind, StepResult},
};

use super::{as_events, pages, ports};
use crate::job::{selection, tests::job};

#[test]
fn only_what_the_entry_expects_is_an_answer_from_outside() {
    let job = job();
    let (catalog, selection) = selection(&job).expect("fits");
    let pages = pages(&catalog, &selection, &job.desired.domain);
    let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
    assert_eq!(names, ["blog.example.com", "example.com", "tables.example.com"]);
    for page in &pages {
        // Below 500, and yet not the tool: gone, forbidden, led away, asked for a password, closed.
        for status in [404, 403, 302, 401, 429, 503] {
            assert!(page.expect.check(status, "<html>Ghost").is_err(), "{} answers {status}", page.name);
        }
    }
    let blog = &pages[0];
    assert!(blog.expect.check(200, "generator: Ghost").is_ok());
    assert!(blog.expect.check(200, "<html>a page of somebody else").is_err());
}

#[test]
fn the_port_for_uploads_must_be_open_where_a_tool_accepts_them_and_must_not_elsewhere() {
    for (tool, takes) in [("static-website", true), ("ghost", false)] {
        let mut job = job();
        job.desired.tools = vec![tool.to_owned()];
        let (catalog, selection) = selection(&job).expect("fits");
        let ports = ports(&catalog, &selection);
        assert_eq!(ports.open.contains(&22023), takes, "{tool}");
        assert_eq!(ports.allowed.contains(&22023), takes, "{tool}");
        assert_eq!(ports.inner.contains(&22023), !takes, "{tool}");
    }
}

#[test]
fn the_first_failure_is_the_problem_and_all_results_are_reported() {
    let failure = |code| Outcome::Failed { problem: Problem::transient(code, "m", "h") };
    let fine = || Outcome::Converged { why: "w".to_owned() };
    let (events, problem) = as_events(
        vec![("a", fine(), 1), ("b", failure(Code::OUT001), 1), ("c", failure(Code::OUT004), 1)],
        3,
    );
    assert_eq!(problem.unwrap().code, Code::OUT001);
    assert_eq!(events.len(), 5);
    let last = events.last().unwrap();
    assert!(matches!(last, RunEventKind::StepFinished { step: 11, result: StepResult::Failed, .. }));
    assert_eq!(as_events(vec![("a", fine(), 1)], 1).1, None);
}
