//! Which commands are known, without files and clocks: an id that was begun is never begun again.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    ids::CommandId,
    tenant::{CommandOutcome, CommandResult, TenantCommand},
};
use serde::{Deserialize, Serialize};

/// Ids are remembered at least this long.
const REMEMBERED: TimeDelta = TimeDelta::days(30);
/// More ids are not remembered: nothing new is begun then.
const KNOWN_MAX: usize = 10_000;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(crate) enum Line {
    /// Work begins; on the disk before it does.
    Begun {
        /// Which.
        command: CommandId,
        /// When.
        at: DateTime<Utc>,
        /// From then on the Hub's copy cannot be begun anyway.
        expires_at: DateTime<Utc>,
    },
    /// It has ended, or was never begun because it came too late.
    Ended {
        /// How.
        result: CommandResult,
        /// As above.
        expires_at: DateTime<Utc>,
    },
    /// The result is in the outbox.
    Told {
        /// Which.
        command: CommandId,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    result: Option<CommandResult>,
    told: bool,
}

/// What to do about a command that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Begin it.
    Begin,
    /// It was begun before.
    Known,
    /// It is too old.
    Expired,
    /// Too many are remembered.
    Full,
}

/// All commands that are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger(BTreeMap<CommandId, Known>);

impl Ledger {
    /// Decides about a command that was given.
    pub(crate) fn judge(&self, command: &TenantCommand, now: DateTime<Utc>) -> Verdict {
        if self.0.contains_key(&command.id) {
            Verdict::Known
        } else if self.0.len() >= KNOWN_MAX {
            Verdict::Full
        } else if command.expires_at <= now {
            Verdict::Expired
        } else {
            Verdict::Begin
        }
    }

    /// Takes a line of the journal into account.
    pub(crate) fn apply(&mut self, line: Line) {
        match line {
            Line::Begun { command, at, expires_at } => {
                self.0.entry(command).or_insert(Known { at, expires_at, result: None, told: false });
            }
            Line::Ended { result, expires_at } => {
                let at = result.finished_at;
                let new = Known { at, expires_at, result: None, told: false };
                self.0.entry(result.command).or_insert(new).result.get_or_insert(result);
            }
            Line::Told { command } => {
                if let Some(known) = self.0.get_mut(&command) {
                    known.told = true;
                }
            }
        }
    }

    /// Lines for what was begun and not ended: whoever was at work is gone.
    pub(crate) fn interrupted(&self, now: DateTime<Utc>) -> Vec<Line> {
        let open = self.0.iter().filter(|(_, known)| known.result.is_none());
        open.map(|(command, known)| {
            let outcome = CommandOutcome::Interrupted;
            let result = CommandResult { command: *command, finished_at: now, outcome };
            Line::Ended { result, expires_at: known.expires_at }
        })
        .collect()
    }

    /// Results that are not known to be in the outbox.
    pub(crate) fn untold(&self) -> Vec<CommandResult> {
        let untold = self.0.values().filter(|known| !known.told);
        untold.filter_map(|known| known.result.clone()).collect()
    }

    /// How many are at work.
    pub(crate) fn at_work(&self) -> usize {
        self.0.values().filter(|known| known.result.is_none()).count()
    }

    /// Forgets what is old; answers the lines that make up the rest.
    pub(crate) fn tidy(&mut self, now: DateTime<Utc>) -> Vec<Line> {
        self.0.retain(|_, known| !known.told || now - known.at < REMEMBERED || known.expires_at > now);
        let lines = self.0.iter().flat_map(|(command, known)| {
            let (command, at, expires_at) = (*command, known.at, known.expires_at);
            let begun = Line::Begun { command, at, expires_at };
            let ended = known.result.clone().map(|result| Line::Ended { result, expires_at });
            let told = known.told.then_some(Line::Told { command });
            std::iter::once(begun).chain(ended).chain(told)
        });
        lines.collect()
    }
}
