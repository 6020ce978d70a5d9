//! Events as the Hub takes them: a program's words may hold signs that move a terminal's cursor, or be endless. An event
//! that the Hub refuses would be lost.

use letsbe_types::{
    Problem,
    tenant::{CommandOutcome, CommandResult, TenantEventKind, limits},
};

/// The event with plain, bounded texts.
pub(super) fn readable(event: TenantEventKind) -> TenantEventKind {
    let some = |problem: Option<Problem>| problem.map(of_problem);
    match event {
        TenantEventKind::CommandFinished { result } => {
            let outcome = match result.outcome {
                CommandOutcome::Done { summary } => CommandOutcome::Done { summary: plain(&summary) },
                CommandOutcome::Failed { problem } => CommandOutcome::Failed { problem: of_problem(problem) },
                other => other,
            };
            TenantEventKind::CommandFinished { result: CommandResult { outcome, ..result } }
        }
        TenantEventKind::Trouble { problem } => TenantEventKind::Trouble { problem: of_problem(problem) },
        TenantEventKind::Rotated { tool, secrets, problem } => {
            TenantEventKind::Rotated { tool, secrets, problem: some(problem) }
        }
        TenantEventKind::OpenClawUpdated { from, to, problem } => {
            TenantEventKind::OpenClawUpdated { from, to, problem: some(problem) }
        }
        TenantEventKind::Proven { proof } => TenantEventKind::Proven { proof: proof.bounded() },
        TenantEventKind::Restored { tool, set, taken_at, undone, problem, milliseconds } => {
            let problem = some(problem);
            TenantEventKind::Restored { tool, set, taken_at, undone, problem, milliseconds }
        }
        other => other,
    }
}

fn of_problem(problem: Problem) -> Problem {
    Problem { message: plain(&problem.message), hint: plain(&problem.hint), ..problem }
}

fn plain(text: &str) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_control() || "\n\t".contains(*c)).collect();
    text.truncate(text.floor_char_boundary(limits::TEXT));
    text
}

#[cfg(test)]
mod tests {
    use letsbe_types::{
        Code, Problem,
        tenant::{TenantEventKind, limits},
    };

    use super::readable;

    #[test]
    fn what_a_program_printed_never_makes_an_event_unreadable() {
        let said = format!("\u{1b}[31mno\u{1b}[0m\r\nroom\u{9b}2J {}", "é".repeat(limits::TEXT));
        let told = readable(TenantEventKind::Trouble {
            problem: Problem::permanent(Code::WORK001, said, "\u{7}do"),
        });
        let TenantEventKind::Trouble { problem } = told else { panic!("{told:?}") };
        assert!(problem.message.starts_with("[31mno[0m\nroom2J é") && problem.hint == "do", "{problem}");
        assert!(problem.message.len() <= limits::TEXT);
    }
}
