//! Tokens: held before a request is sent, counted once when it has ended, never above the pool.
//!
//! A reservation is a line of `tokens.jsonl` before the secrets proxy hears of it, so that a kill of the agent or of
//! the proxy misses none. The lines are flushed once a second: a power cut may lose the last of them, and then the
//! proxy's answer was lost with it.

mod latency;
mod pool;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    Problem,
    link::{ToProxy, Usage},
    tenant::{TenantEventKind, TokenSign},
};
use uuid::Uuid;

pub use self::latency::ModelLatency;
use self::{
    latency::ModelLatencies,
    pool::{Answer, MeterRecord, State},
};
use super::outbox::Queue;
use letsbe_base::jsonl::JsonLines;

letsbe_types::crash_points! {
    /// Where the agent can be killed around a reservation and its settlement.
    pub(crate) mod reservation_points {
        RESERVED = "agent.tokens.reserved",
        SETTLING = "agent.tokens.settling",
        SETTLED = "agent.tokens.settled",
    }
}

letsbe_types::crash_points! {
    /// Where the agent can be killed around the count that the Hub is told.
    pub(crate) mod count_points {
        TELLING = "agent.tokens.telling",
        TOLD = "agent.tokens.told",
    }
}

/// A reservation that no line knows any more is charged in full after this time.
const ORPHAN_PATIENCE: TimeDelta = TimeDelta::minutes(15);
/// The journal is written anew when it is longer.
const JOURNAL_BYTES: u64 = 1 << 20;

/// Counts tokens.
pub(crate) struct Meter {
    inner: Mutex<JournaledState>,
}

struct JournaledState {
    state: State,
    journal: JsonLines,
    unflushed: bool,
    /// Reservations that no line knows, and since when.
    orphans: BTreeMap<Uuid, DateTime<Utc>>,
    paces: ModelLatencies,
}

impl JournaledState {
    fn write(&mut self, line: MeterRecord) -> Result<(), Problem> {
        self.journal.append(&line)?;
        self.unflushed = true;
        self.state.apply(line);
        Ok(())
    }
}

impl Meter {
    /// Reads the journal. Every open reservation is an orphan until a line settles it.
    pub(crate) fn open(path: &Path, now: DateTime<Utc>) -> Result<Self, Problem> {
        let (journal, lines) = JsonLines::open::<MeterRecord>(path)?;
        let mut state = State::default();
        lines.into_iter().for_each(|line| state.apply(line));
        let orphans = state.open().keys().map(|request| (*request, now)).collect();
        Ok(Self {
            inner: Mutex::new(JournaledState {
                state,
                journal,
                unflushed: false,
                orphans,
                paces: ModelLatencies::default(),
            }),
        })
    }

    fn inner(&self) -> MutexGuard<'_, JournaledState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds tokens, or not; what cannot be written down is not granted.
    pub(crate) fn reserve(
        &self,
        request: Uuid,
        tokens: u64,
        model: &str,
        pool: u64,
        now: DateTime<Utc>,
    ) -> ToProxy {
        let mut inner = self.inner();
        let denied = |left| ToProxy::Denied { request, left, renews_at: pool::renews_at(now) };
        match inner.state.ask(request, tokens, pool, now) {
            Answer::Denied { left } => return denied(left),
            Answer::Held => {}
            Answer::Hold => {
                if let Err(problem) =
                    inner.write(MeterRecord::Reserved { request, tokens, model: model.to_owned() })
                {
                    tracing::error!(%problem, "tokens are not granted because they cannot be written down");
                    return denied(0);
                }
                letsbe_types::crash::point(&reservation_points::RESERVED);
            }
        }
        inner.orphans.remove(&request);
        ToProxy::Granted { request }
    }

    /// Ends a reservation; a second time changes nothing.
    pub(crate) fn settle(&self, request: Uuid, usage: Vec<Usage>, now: DateTime<Utc>) -> Result<(), Problem> {
        let mut inner = self.inner();
        if !inner.state.open().contains_key(&request) {
            return Ok(());
        }
        letsbe_types::crash::point(&reservation_points::SETTLING);
        inner.paces.add(&usage);
        inner.write(MeterRecord::Settled { request, usage, at: now })?;
        letsbe_types::crash::point(&reservation_points::SETTLED);
        inner.orphans.remove(&request);
        Ok(())
    }

    /// The line that made these reservations is gone: they stay held, for a while.
    pub(crate) fn orphan(&self, requests: &BTreeSet<Uuid>, now: DateTime<Utc>) {
        let mut inner = self.inner();
        let open: Vec<Uuid> =
            requests.iter().filter(|id| inner.state.open().contains_key(id)).copied().collect();
        inner.orphans.extend(open.into_iter().map(|request| (request, now)));
    }

    /// Charges what nobody can settle any more, as if everything had been used: a request may have been sent.
    pub(crate) fn charge_orphans(&self, now: DateTime<Utc>) -> Result<(), Problem> {
        let mut inner = self.inner();
        let over = inner.orphans.iter().filter(|(_, since)| now - **since > ORPHAN_PATIENCE);
        let over: Vec<Uuid> = over.map(|(request, _)| *request).collect();
        for request in over {
            if let Some(open) = inner.state.open().get(&request) {
                let usage = Usage {
                    model: open.model.clone(),
                    input: open.tokens,
                    output: 0,
                    reported: false,
                    first_token_ms: None,
                };
                tracing::warn!(%request, tokens = open.tokens, "an unsettled reservation is charged in full");
                inner.write(MeterRecord::Settled { request, usage: vec![usage], at: now })?;
            }
            inner.orphans.remove(&request);
        }
        Ok(())
    }

    /// Hands counted hours over to the outbox, each once: those that ended before `through`.
    pub(crate) fn publish(&self, outbox: &Queue, through: DateTime<Utc>) -> Result<(), Problem> {
        let mut inner = self.inner();
        if inner.state.telling().is_empty() {
            let told = inner.state.to_tell(through);
            if told.is_empty() {
                return Ok(());
            }
            inner.write(MeterRecord::Telling { told })?;
        }
        letsbe_types::crash::point(&count_points::TELLING);
        for hour in inner.state.telling() {
            let event = TenantEventKind::TokensUsed {
                hour: hour.hour,
                model: hour.model.clone(),
                input: hour.input,
                output: hour.output,
                requests: hour.requests,
            };
            outbox.publish_numbered(hour.number, event)?;
        }
        letsbe_types::crash::point(&count_points::TOLD);
        inner.write(MeterRecord::Told)
    }

    /// Once a second: has the journal survive a power cut, and keeps it short.
    pub(crate) fn flush(&self) -> Result<(), Problem> {
        let mut inner = self.inner();
        if inner.journal.bytes() > JOURNAL_BYTES {
            let state = inner.state.clone();
            inner.journal.replace([MeterRecord::State { state }])?;
            inner.unflushed = false;
        }
        if inner.unflushed {
            inner.journal.sync()?;
            inner.unflushed = false;
        }
        Ok(())
    }

    /// How long models let people wait.
    pub(crate) fn paces(&self) -> Vec<ModelLatency> {
        self.inner().paces.list()
    }

    /// For the heartbeat.
    pub(crate) fn sign(&self, pool: u64, now: DateTime<Utc>) -> TokenSign {
        self.inner().state.sign(pool, now)
    }
}

#[cfg(test)]
mod tests;
