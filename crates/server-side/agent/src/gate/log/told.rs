//! What the Hub is told of the log.

use std::{path::Path, sync::PoisonError};

use letsbe_types::tenant::{LogChain, LogHead, limits};

use super::{Log, read};

impl Log {
    /// What the Hub is told: the end of the log, or of as much of it as one heartbeat tells, and how it goes on to
    /// there from a line that the Hub knows.
    pub(in crate::gate) fn told(&self, known: &LogHead) -> (LogHead, Option<LogChain>) {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reaches = recent.front().is_some_and(|first| first.entry <= known.entry.max(1));
        if reaches { piece(known, self.head(), recent) } else { told_by_file(&self.path, known) }
    }
}

/// The same, of a log that nobody has open.
pub(in crate::gate) fn told_by_file(path: &Path, known: &LogHead) -> (LogHead, Option<LogChain>) {
    let mut lines = Vec::new();
    let wanted = known.entry..=known.entry.saturating_add(limits::LOG_HASHES as u64);
    let found = read(path, |_, head| {
        if wanted.contains(&head.entry) {
            lines.push(head.clone());
        }
    });
    match found {
        Ok(found) => piece(known, found.head, lines),
        Err(problem) => {
            tracing::warn!(%problem, "the gate's log cannot be read");
            (known.clone(), None)
        }
    }
}

fn piece(
    known: &LogHead,
    head: LogHead,
    lines: impl IntoIterator<Item = LogHead>,
) -> (LogHead, Option<LogChain>) {
    let mut chain = LogChain { after: LogHead::default(), hashes: Vec::new() };
    let mut end = None;
    for line in lines.into_iter().filter(|line| line.entry >= known.entry) {
        if line.entry == known.entry {
            chain.after = line;
        } else if chain.hashes.len() < limits::LOG_HASHES {
            chain.hashes.push(line.hash.clone());
            end = Some(line);
        }
    }
    let end = end.unwrap_or_else(|| head.clone());
    // A log that is shorter than what the Hub knows has no line to go on from.
    let fits = chain.after.entry == known.entry
        && end.entry.checked_sub(known.entry) == Some(chain.hashes.len() as u64);
    if fits { (end, Some(chain)) } else { (head, None) }
}
