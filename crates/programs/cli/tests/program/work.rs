//! `letsbe work`.

use serde_json::{Value, json};

use crate::{Operator, hub::FakeHub};

const ORDER: &str = "018f7b1e-0000-7000-8000-000000000001";
const RECOVERY: &str = "018f7b1f-0000-7000-8000-000000000002";

fn entry(id: &str, machine: &str, phase: &str) -> Value {
    json!({
        "id": id, "machine": machine, "order": ORDER, "domain": "acme.example", "phase": phase, "activity": "open",
        "needs_operator": false, "problem": null, "updated_at": "2026-11-21T12:00:00Z", "actions": ["retry"],
    })
}

fn hub() -> FakeHub {
    let order = || entry(ORDER, "order", "SERVER_LOST");
    let recovery = || entry(RECOVERY, "recovery", "RUNNING");
    FakeHub::new(move |line, _| match line {
        "GET /api/v1/admin/work" => (200, json!([order(), recovery()])),
        line if line.ends_with("/actions/plan") => {
            (200, json!({"consequences": ["It goes on."], "problem": null}))
        }
        line if line.contains(RECOVERY) => (200, recovery()),
        _ => (200, order()),
    })
}

#[test]
fn the_workflows_of_every_machine_are_listed_and_shown_with_what_can_be_done() {
    let operator = Operator::at(hub());
    let listed = operator.types(&["work", "list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    for part in ["SERVER_LOST", "RUNNING", "recovery", RECOVERY] {
        assert!(listed.out.contains(part), "{part}: {listed:?}");
    }
    let json = operator.types(&["work", "list", "--json"]).json();
    assert_eq!(json[1], entry(RECOVERY, "recovery", "RUNNING"));
    let shown = operator.types(&["work", "show", "018f7b1f"]);
    assert!(shown.out.contains(&format!("letsbe work retry {RECOVERY}")), "{shown:?}");
}

#[test]
fn an_action_goes_to_the_workflow_that_is_named_and_a_plan_does_nothing() {
    let operator = Operator::at(hub());
    for (words, expected) in [
        (
            &["work", "retry", "018f7b1f", "--plan"][..],
            format!("POST /api/v1/admin/work/{RECOVERY}/actions/plan"),
        ),
        (&["work", "retry", "018f7b1f"], format!("POST /api/v1/admin/work/{RECOVERY}/actions")),
        (&["work", "skip", ORDER, "--reason", "r"], format!("POST /api/v1/admin/work/{ORDER}/actions")),
        (
            &["work", "abandon", RECOVERY, "--reason", "r", "--yes"],
            format!("POST /api/v1/admin/work/{RECOVERY}/actions"),
        ),
    ] {
        let said = operator.types(words);
        assert_eq!(said.code, Some(0), "{words:?}: {said:?}");
        assert_eq!(operator.hub.asked().last(), Some(&expected), "{words:?}");
    }
    let asked = operator.hub.asked().len();
    let unasked = operator.types(&["work", "abandon", RECOVERY, "--reason", "r"]);
    assert_eq!(unasked.code, Some(1), "{unasked:?}");
    let ambiguous = operator.types(&["work", "retry", "018f7b"]);
    assert!(ambiguous.code == Some(1) && ambiguous.err.contains("HUB049"), "{ambiguous:?}");
    let later = &operator.hub.asked()[asked..];
    assert!(later.iter().all(|line| line.starts_with("GET ")), "{later:?}");
}
