//! A plan as text: what would be changed, step by step.

use letsbe_provision::protocol::{PlannedAssessment, PlannedOperation};
use letsbe_types::job::STEPS;

use crate::style::{self, Level, bold, faint, harmless, say};

/// Prints the plan, grouped by step.
pub(crate) fn print(plan: &[PlannedOperation]) -> anyhow::Result<()> {
    let mut changes = 0;
    for (step, title) in STEPS {
        let operations: Vec<&PlannedOperation> = plan.iter().filter(|planned| planned.step == step).collect();
        if operations.is_empty() {
            continue;
        }
        say(&bold(&format!("{step}. {title}")));
        for planned in operations {
            lines(planned).iter().for_each(|line| say(line));
            if let Ok(PlannedAssessment::Needed { changes: needed, .. }) = &planned.assessment {
                changes += needed.len();
            }
        }
    }
    say(&format!("{changes} changes; nothing was changed"));
    Ok(())
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
        Err(problem) => vec![line(Level::Warning, &format!("not known yet: {problem}"))],
    }
}

#[cfg(test)]
mod tests {
    use letsbe_provision::protocol::PlannedOperation;

    use super::lines;

    #[test]
    fn every_change_is_a_line() {
        let planned: PlannedOperation = serde_json::from_str(
            r#"{"step":1,"operation":"packages.installed","assessment":{"Ok":{"assessment":"needed",
               "because":"jq is missing","changes":["run apt-get update","run apt-get install jq"]}}}"#,
        )
        .unwrap();
        let lines = lines(&planned);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains("jq is missing") && lines[2].ends_with("run apt-get install jq"));
    }
}
