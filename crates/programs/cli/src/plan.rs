//! A plan as text: what would be changed, step by step, and what would stop the run.

use clap::Args;
use letsbe_protocol::{PlannedAssessment, PlannedOperation};
use letsbe_types::{Code, Problem, api::DeskPlan, job::STEPS};
use thiserror::Error;

use crate::style::{self, Level, bold, faint, harmless, say};

/// What no run mends, wherever in the plan it stands: the server is another's, or not one that can be provisioned. What else
/// is not known may only not be there yet.
const STOPS: [Code; 8] = [
    Code::HOST001,
    Code::HOST002,
    Code::HOST003,
    Code::HOST007,
    Code::HOST008,
    Code::HOST012,
    Code::NODE043,
    Code::NODE046,
];

/// A run would not come to its end. It has been said; the exit code says it to scripts.
#[derive(Debug, Error)]
#[error("the run would stop")]
pub(crate) struct WouldStop;

/// Shows a plan, or why there is none.
///
/// # Errors
/// [`WouldStop`] where the run would stop; the problem, where nothing is known of the server.
pub(crate) fn show(planned: Result<Vec<PlannedOperation>, Problem>, json: bool) -> anyhow::Result<()> {
    let plan = match planned {
        // Waiting does not help: a run would end here as well.
        Err(problem) if !problem.retryable => {
            if json {
                style::print_error(&problem.into(), true);
            } else {
                say(&format!("{} would stop before step 1: {}", Level::Failed.mark(), named(&problem)));
                say(&format!("  {}", harmless(&problem.hint)));
                say("nothing was changed");
            }
            return Err(WouldStop.into());
        }
        planned => planned?,
    };
    if json {
        style::say_json(&plan)?;
    } else {
        print(&plan);
    }
    if stops(&plan).next().is_some() { Err(WouldStop.into()) } else { Ok(()) }
}

/// Shows what an action would do, or what stands in its way.
///
/// # Errors
/// [`WouldStop`] where something does.
pub(crate) fn show_desk(plan: &DeskPlan, json: bool) -> anyhow::Result<()> {
    if json {
        style::say_json(plan)?;
    } else {
        plan.consequences.iter().for_each(|line| say(&harmless(line)));
        plan.problem.iter().for_each(stop);
        say("nothing was done");
    }
    if plan.problem.is_some() { Err(WouldStop.into()) } else { Ok(()) }
}

/// `--plan`, on every command that changes something.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Planned {
    /// Show what would be done and what would stop it, and do nothing. Ends with 2 if something would stop it.
    #[arg(long, global = true)]
    pub(crate) plan: bool,
}

/// Shows what would follow, a sentence each; nothing stands in its way as far as this program knows.
///
/// # Errors
/// When it cannot be printed.
pub(crate) fn show_only(consequences: Vec<String>, json: bool) -> anyhow::Result<()> {
    show_desk(&DeskPlan { consequences, problem: None }, json)
}

/// Says what would stop what is asked for, and what to do.
pub(crate) fn stop(problem: &Problem) {
    say(&format!("{} would stop: {}", Level::Failed.mark(), named(problem)));
    if !problem.hint.is_empty() {
        say(&format!("  {}", harmless(&problem.hint)));
    }
}

/// What would stop the run, with its step.
fn stops(plan: &[PlannedOperation]) -> impl Iterator<Item = (u8, &Problem)> {
    let problems = plan.iter().filter_map(|planned| Some((planned.step, planned.assessment.as_ref().err()?)));
    problems.filter(|(_, problem)| problem.is_one_of(&STOPS))
}

fn named(problem: &Problem) -> String {
    harmless(&format!("{} ({})", problem.message, problem.code))
}

/// Prints the plan, grouped by step.
fn print(plan: &[PlannedOperation]) {
    for (step, title) in STEPS {
        let operations: Vec<&PlannedOperation> = plan.iter().filter(|planned| planned.step == step).collect();
        if operations.is_empty() {
            continue;
        }
        say(&bold(&format!("{step}. {title}")));
        for planned in operations {
            lines(planned).iter().for_each(|line| say(line));
        }
    }
    say(&sum(plan));
}

/// The last line: how much would change, and where the run would stop.
fn sum(plan: &[PlannedOperation]) -> String {
    let changes = |planned: &PlannedOperation| match &planned.assessment {
        Ok(PlannedAssessment::Needed { changes, .. }) => changes.len(),
        _ => 0,
    };
    let changes: usize = plan.iter().map(changes).sum();
    match stops(plan).next() {
        Some((step, problem)) => {
            format!("the run would stop at step {step}: {}; nothing was changed", named(problem))
        }
        None => format!("{changes} changes; nothing was changed"),
    }
}

fn lines(planned: &PlannedOperation) -> Vec<String> {
    let line = |level: Level, text: &str| {
        format!("  {} {} {}", level.mark(), harmless(&planned.operation), faint(&harmless(text)))
    };
    match &planned.assessment {
        Ok(PlannedAssessment::Converged { why } | PlannedAssessment::Skipped { why }) => {
            vec![line(Level::Fine, why)]
        }
        Ok(PlannedAssessment::Warned { warning }) => vec![line(Level::Warning, warning)],
        Ok(PlannedAssessment::Needed { because, changes }) => {
            let mut lines = vec![line(Level::Running, because)];
            lines.extend(changes.iter().map(|change| format!("      {}", style::harmless(change))));
            lines
        }
        Err(problem) if problem.is_one_of(&STOPS) => {
            let stop = format!("would stop at step {}: {}", planned.step, named(problem));
            vec![line(Level::Failed, &stop), format!("      {}", harmless(&problem.hint))]
        }
        Err(problem) => vec![line(Level::Warning, &format!("not known yet: {problem}"))],
    }
}

#[cfg(test)]
mod tests {
    use letsbe_protocol::PlannedOperation;
    use letsbe_types::{Code, Problem};

    use super::{WouldStop, lines, show, sum};

    fn needed() -> PlannedOperation {
        serde_json::from_str(
            r#"{"step":1,"operation":"packages.installed","assessment":{"Ok":{"assessment":"needed",
               "because":"jq is missing","changes":["run apt-get update","run apt-get install jq"]}}}"#,
        )
        .unwrap()
    }

    fn problem(step: u8, code: Code) -> PlannedOperation {
        let problem = Problem::permanent(code, "the server is another's", "look at its address");
        PlannedOperation { step, operation: "identity.planted".to_owned(), assessment: Err(problem) }
    }

    #[test]
    fn every_change_is_a_line() {
        let lines = lines(&needed());
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains("jq is missing") && lines[2].ends_with("run apt-get install jq"));
    }

    #[test]
    fn a_plan_says_what_would_stop_the_run_and_at_which_step() {
        let plan = vec![needed(), problem(2, Code::HOST012), problem(3, Code::HOST001)];
        assert!(lines(&plan[1])[0].contains("would stop at step 2: the server is another's (HOST012)"));
        assert!(sum(&plan).starts_with("the run would stop at step 2:"), "{}", sum(&plan));
        assert!(show(Ok(plan), false).unwrap_err().is::<WouldStop>());
        // What a run mends, or what is not there yet, stops nothing.
        let plan = vec![needed(), problem(4, Code::NODE042)];
        assert!(lines(&plan[1])[0].contains("not known yet"));
        assert_eq!(sum(&plan), "2 changes; nothing was changed");
        show(Ok(plan), false).unwrap();
        show(Ok(Vec::new()), true).unwrap();
    }

    #[test]
    fn a_host_key_that_changed_stops_a_run_and_an_address_where_nobody_is_does_not_say_so() {
        let changed = Problem::permanent(Code::SSH003, "the host key changed", "look");
        assert!(show(Err(changed), false).unwrap_err().is::<WouldStop>());
        let away = Problem::transient(Code::SSH001, "no answer", "wait");
        assert_eq!(show(Err(away), false).unwrap_err().downcast::<Problem>().unwrap().code, "SSH001");
    }
}
