//! What a journal says about its run. Pure.

use std::collections::BTreeSet;

use letsbe_types::{
    Problem,
    job::{RunEvent, RunEventKind},
};

/// Starts in a row that may pass without one more operation ended.
pub(crate) const STARTS_MAX: usize = 5;

/// What a unit that has just come up has to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Carry the run out.
    Run {
        /// 1 for the first time in this journal.
        attempt: u32,
    },
    /// Nothing: it had ended before this unit came up.
    Over,
    /// End it: it dies again and again at the same place.
    GiveUp,
}

/// Decides from the journal; `after` is the last event before the present request.
pub(crate) fn start(events: &[RunEvent], after: u64) -> Start {
    if end(events, after).is_some() {
        return Start::Over;
    }
    let (mut ended, mut fruitless, mut attempts) = (BTreeSet::new(), 0, 0_u32);
    for event in events {
        match &event.event {
            RunEventKind::Started { .. } => {
                attempts += 1;
                if event.sequence > after {
                    fruitless += 1;
                }
            }
            RunEventKind::Operation { operation, .. }
                if event.sequence > after && ended.insert(operation) =>
            {
                fruitless = 0;
            }
            _ => {}
        }
    }
    if fruitless >= STARTS_MAX { Start::GiveUp } else { Start::Run { attempt: attempts + 1 } }
}

/// How the present request ended, if it has.
pub(crate) fn end(events: &[RunEvent], after: u64) -> Option<Option<Problem>> {
    events.iter().rev().take_while(|event| event.sequence > after).find_map(|event| match &event.event {
        RunEventKind::Finished { problem } => Some(problem.clone()),
        _ => None,
    })
}

/// How the run ended for good: there is an end, and no start after it.
pub(crate) fn last_end(events: &[RunEvent]) -> Option<Option<Problem>> {
    let settled = events.iter().rev().find_map(|event| match &event.event {
        RunEventKind::Finished { problem } => Some(Some(problem.clone())),
        RunEventKind::Started { .. } => Some(None),
        _ => None,
    });
    settled.flatten()
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use letsbe_types::{
        Code, Problem,
        job::{Outcome, RunEvent, RunEventKind},
    };

    use super::{Start, last_end, start};

    /// `s` started, `f` failed end, `e` good end, any other letter: that operation ended.
    fn journal(letters: &str) -> Vec<RunEvent> {
        let event = |letter| match letter {
            's' => RunEventKind::Started { attempt: 1 },
            'e' => RunEventKind::Finished { problem: None },
            'f' => RunEventKind::Finished { problem: Some(Problem::transient(Code::WORK001, "m", "h")) },
            other => RunEventKind::Operation {
                step: 1,
                operation: other.to_string(),
                outcome: Outcome::Converged { why: String::new() },
                milliseconds: 1,
            },
        };
        let numbered = letters.chars().map(event).zip(1..);
        numbered.map(|(event, sequence)| RunEvent { sequence, at: Utc::now(), event }).collect()
    }

    #[test]
    fn what_a_unit_does_when_it_comes_up() {
        let table = [
            ("", 0, Start::Run { attempt: 1 }),
            ("s", 0, Start::Run { attempt: 2 }),
            ("sab", 0, Start::Run { attempt: 2 }),
            ("sabe", 0, Start::Over),
            ("sabf", 0, Start::Over),
            ("sabf", 4, Start::Run { attempt: 2 }),
            ("sabfs", 4, Start::Run { attempt: 3 }),
            ("sabfsae", 4, Start::Over),
            ("ssss", 0, Start::Run { attempt: 5 }),
            ("sssss", 0, Start::GiveUp),
            // The same operations again are no progress, one more is.
            ("sasasasasas", 0, Start::GiveUp),
            ("sasasasasabs", 0, Start::Run { attempt: 7 }),
            // What came before this request does not count.
            ("sssssf", 6, Start::Run { attempt: 6 }),
        ];
        for (letters, after, expected) in table {
            assert_eq!(start(&journal(letters), after), expected, "{letters} after {after}");
        }
    }

    #[test]
    fn an_end_holds_until_the_next_start() {
        assert_eq!(last_end(&journal("sae")), Some(None));
        assert_eq!(last_end(&journal("saeb")), Some(None));
        assert!(last_end(&journal("saf")).unwrap().is_some());
        assert_eq!(last_end(&journal("saes")), None);
        assert_eq!(last_end(&journal("")), None);
    }
}
