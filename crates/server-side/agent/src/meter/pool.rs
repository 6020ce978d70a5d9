//! The count of tokens, without files and clocks: what is held, what is used, what the Hub has not been told.
//!
//! A reservation counts from its line in the journal to its one settlement; whoever settles again changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, DurationRound as _, TimeDelta, TimeZone as _, Utc};
use letsbe_types::{link::Usage, tenant::TokenSign};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// More are not held at a time: a proxy that never settles must not fill the memory.
const OPEN_MAX: usize = 10_000;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The state that all later lines change; always first.
    State {
        /// Everything.
        state: State,
    },
    /// Tokens are held.
    Reserved {
        /// Id.
        request: Uuid,
        /// How many.
        tokens: u64,
        /// Which model is asked first.
        model: String,
    },
    /// A reservation has ended.
    Settled {
        /// Id.
        request: Uuid,
        /// What was used.
        usage: Vec<Usage>,
        /// When.
        at: DateTime<Utc>,
    },
    /// What was counted up to here is being told to the Hub.
    Telling {
        /// Hours that are told.
        told: Vec<Hour>,
    },
    /// It has been handed over.
    Told,
}

/// Tokens held for a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reservation {
    pub(crate) tokens: u64,
    pub(crate) model: String,
}

/// Tokens of one hour and one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hour {
    /// Number of this message, from 1: it is handed over once.
    pub(crate) number: u64,
    pub(crate) hour: DateTime<Utc>,
    pub(crate) model: String,
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) requests: u64,
}

/// Everything that must survive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// `2026-11`.
    period: String,
    used: u64,
    open: BTreeMap<Uuid, Reservation>,
    /// Counted and not told yet; number 0.
    untold: Vec<Hour>,
    /// Being told.
    telling: Vec<Hour>,
    /// Number of the last message.
    last_number: u64,
}

/// Whether tokens are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// They are, and were not before: to be written down before anybody is told.
    Hold,
    /// They are held already.
    Held,
    /// They are not.
    Denied {
        /// Tokens left.
        left: u64,
    },
}

impl State {
    /// Decides about a reservation. Changes nothing.
    pub(crate) fn ask(&self, request: Uuid, tokens: u64, pool: u64, now: DateTime<Utc>) -> Answer {
        if self.open.get(&request).is_some_and(|open| open.tokens == tokens) {
            return Answer::Held;
        }
        let used = if self.period == period(now) { self.used } else { 0 };
        let left = pool.saturating_sub(used).saturating_sub(self.reserved());
        if tokens > left || self.open.len() >= OPEN_MAX || self.open.contains_key(&request) {
            return Answer::Denied { left };
        }
        Answer::Hold
    }

    /// Takes a line of the journal into account.
    pub(crate) fn apply(&mut self, line: Line) {
        match line {
            Line::State { state } => *self = state,
            Line::Reserved { request, tokens, model } => {
                self.open.insert(request, Reservation { tokens, model });
            }
            Line::Settled { request, usage, at } => {
                if self.open.remove(&request).is_some() {
                    self.count(&usage, at);
                }
            }
            Line::Telling { told } => {
                self.last_number = told.iter().map(|hour| hour.number).fold(self.last_number, u64::max);
                self.untold.retain(|hour| !told.iter().any(|told| same_bucket(told, hour)));
                self.telling.extend(told);
            }
            Line::Told => self.telling.clear(),
        }
    }

    fn count(&mut self, usage: &[Usage], at: DateTime<Utc>) {
        let month = period(at);
        if month > self.period {
            self.period = month;
            self.used = 0;
        }
        for used in usage {
            self.used = self.used.saturating_add(used.input).saturating_add(used.output);
            let hour = hour_of(at);
            let found = self.untold.iter_mut().find(|known| known.hour == hour && known.model == used.model);
            match found {
                Some(known) => {
                    known.input = known.input.saturating_add(used.input);
                    known.output = known.output.saturating_add(used.output);
                    known.requests += 1;
                }
                None => self.untold.push(Hour {
                    number: 0,
                    hour,
                    model: used.model.clone(),
                    input: used.input,
                    output: used.output,
                    requests: 1,
                }),
            }
        }
    }

    /// What can be told: hours that are over, and the present one if `through` lies in the next. Numbered.
    pub(crate) fn to_tell(&self, through: DateTime<Utc>) -> Vec<Hour> {
        let ready = self.untold.iter().filter(|known| known.hour < hour_of(through));
        (self.last_number + 1..).zip(ready).map(|(number, hour)| Hour { number, ..hour.clone() }).collect()
    }

    /// Being told, and not known to have been handed over.
    pub(crate) fn telling(&self) -> &[Hour] {
        &self.telling
    }

    /// The reservations.
    pub(crate) const fn open(&self) -> &BTreeMap<Uuid, Reservation> {
        &self.open
    }

    fn reserved(&self) -> u64 {
        self.open.values().fold(0, |sum, open| sum.saturating_add(open.tokens))
    }

    /// For the heartbeat.
    pub(crate) fn sign(&self, pool: u64, now: DateTime<Utc>) -> TokenSign {
        let period = period(now);
        let used = if self.period == period { self.used } else { 0 };
        TokenSign { period, pool, used, reserved: self.reserved() }
    }
}

fn same_bucket(left: &Hour, right: &Hour) -> bool {
    left.hour == right.hour && left.model == right.model
}

/// `2026-11`.
fn period(at: DateTime<Utc>) -> String {
    format!("{:04}-{:02}", at.year(), at.month())
}

/// Start of the hour.
pub(crate) fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

/// When the pool is filled again: the first of the next month.
pub(crate) fn renews_at(now: DateTime<Utc>) -> DateTime<Utc> {
    let (year, month) = if now.month() == 12 { (now.year() + 1, 1) } else { (now.year(), now.month() + 1) };
    Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).single().unwrap_or(now)
}
