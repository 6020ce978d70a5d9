//! Passes a provider's answer on as it comes: one piece at a time, the next when the caller has taken it.

use std::{io, sync::Arc};

use axum::body::{Body, Bytes};
use futures::stream;
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

use super::{
    Relay,
    key_guard::KeyGuard,
    limits::{ANSWER_BYTES, Slot},
    meter::Meter,
    usage::UsageReader,
};

/// An answer on its way. When it is dropped, the request is settled and its slot is free.
pub(super) struct Answer {
    response: Response,
    relay: Arc<Relay>,
    guard: Option<KeyGuard>,
    usage: Option<UsageReader>,
    meter: Meter,
    received: u64,
    deadline: Instant,
    _slot: Slot,
}

impl Answer {
    pub(super) fn new(
        response: Response,
        guard: KeyGuard,
        usage: UsageReader,
        (relay, meter, slot): (Arc<Relay>, Meter, Slot),
        deadline: Instant,
    ) -> Self {
        let (guard, usage) = (Some(guard), Some(usage));
        Self { response, relay, guard, usage, meter, received: 0, deadline, _slot: slot }
    }

    /// The body of the answer. It breaks off where the provider's does.
    pub(super) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut answer| async {
            let next = answer.next().await?;
            Some((next, answer))
        }))
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        while self.guard.is_some() {
            let until = self.deadline.min(Instant::now() + self.relay.patience.idle);
            let chunk = match timeout_at(until, self.response.chunk()).await {
                Ok(Ok(chunk)) => chunk,
                Ok(Err(_)) => return Some(Err(self.broken("the provider's answer broke off"))),
                Err(_) => return Some(Err(self.broken("the provider's answer does not go on"))),
            };
            let Some(chunk) = chunk else {
                let rest = self.guard.take().map(KeyGuard::finish).unwrap_or_default();
                self.read_usage();
                return (!rest.is_empty()).then(|| Ok(rest.into()));
            };
            match self.pass(&chunk) {
                Ok(out) if out.is_empty() => {}
                Ok(out) => return Some(Ok(out.into())),
                Err(why) => return Some(Err(self.broken(why))),
            }
        }
        None
    }

    fn pass(&mut self, chunk: &[u8]) -> Result<Vec<u8>, &'static str> {
        self.received = self.received.saturating_add(chunk.len() as u64);
        self.meter.received(chunk.len() as u64);
        if self.received > ANSWER_BYTES {
            return Err("the provider's answer is too long");
        }
        if let Some(usage) = &mut self.usage {
            usage.push(chunk);
            // The caller may go away at any piece.
            self.meter.report(usage.found());
        }
        let Some(guard) = &mut self.guard else { return Ok(Vec::new()) };
        guard.push(chunk).map_err(|_| "the provider's answer holds the Hub's key")
    }

    fn broken(&mut self, why: &'static str) -> io::Error {
        tracing::warn!(why, "a relayed answer is cut");
        self.guard = None;
        self.read_usage();
        io::Error::other(why)
    }

    fn read_usage(&mut self) {
        if let Some(usage) = self.usage.take() {
            self.meter.report(usage.finish());
        }
    }
}
