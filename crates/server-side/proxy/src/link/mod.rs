//! The line to the agent: secrets come in, reservations and settlements go out.
//!
//! While it is broken there are no secrets here, and nothing leaves. An answer that is already under way is passed
//! on to its end: it comes in, nothing goes out with it.

mod connection;
mod force;
mod queue;

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use letsbe_types::link::{ToAgent, Usage};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

pub(crate) use self::force::{InForce, Provider};
use self::queue::Queue;

/// Between two attempts to reach the agent: from the first to the last.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// The agent's answer to a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The tokens are held.
    Granted,
    /// They are not there.
    Denied { left: u64, renews_at: DateTime<Utc> },
}

/// The line to the agent.
#[derive(Debug)]
pub struct Link {
    in_force: watch::Sender<Option<Arc<InForce>>>,
    queue: Queue,
    verdicts: Mutex<HashMap<Uuid, oneshot::Sender<Verdict>>>,
    connect_patience: Duration,
}

impl Link {
    /// A line that is not connected yet. Connections to providers are waited for as long as this.
    #[must_use]
    pub fn new(connect_patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            in_force: watch::Sender::new(None),
            queue: Queue::default(),
            verdicts: Mutex::default(),
            connect_patience,
        })
    }

    /// Keeps the line up for as long as it is polled.
    pub async fn keep(self: Arc<Self>, socket: PathBuf) {
        let mut wait = BACKOFF[0];
        let mut told: Option<io::ErrorKind> = None;
        loop {
            let ended = connection::hold(&self, &socket).await;
            if self.in_force.send_replace(None).is_some() {
                tracing::warn!(%ended, "the line to the agent is broken; nothing leaves");
                wait = BACKOFF[0];
                told = None;
            } else if told != Some(ended.kind()) {
                tracing::warn!(%ended, socket = %socket.display(), "the agent does not answer");
                told = Some(ended.kind());
            }
            // Whoever waits for a verdict is told so by the end of its channel.
            self.verdicts().clear();
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(BACKOFF[1]);
        }
    }

    /// The secrets in force, waited for as long as this.
    pub(crate) async fn in_force(&self, patience: Duration) -> Option<Arc<InForce>> {
        if let Some(now) = self.now() {
            return Some(now);
        }
        let mut receiver = self.in_force.subscribe();
        let there = tokio::time::timeout(patience, receiver.wait_for(Option::is_some)).await;
        there.ok()?.ok()?.clone()
    }

    /// The secrets in force now.
    pub(crate) fn now(&self) -> Option<Arc<InForce>> {
        self.in_force.borrow().clone()
    }

    /// Asks for tokens. `None`: there is no answer, and the reservation may be held or not; it must be settled.
    pub(crate) async fn reserve(
        &self,
        request: Uuid,
        tokens: u64,
        model: &str,
        patience: Duration,
    ) -> Option<Verdict> {
        let (sender, verdict) = oneshot::channel();
        self.verdicts().insert(request, sender);
        let reserve = ToAgent::Reserve { request, tokens, model: model.to_owned() };
        let verdict = match self.queue.push(reserve) {
            Ok(()) => tokio::time::timeout(patience, verdict).await.ok().and_then(Result::ok),
            Err(queue::Full) => None,
        };
        self.verdicts().remove(&request);
        verdict
    }

    /// Ends a reservation; said as soon as the line is up.
    pub(crate) fn settle(&self, request: Uuid, usage: Vec<Usage>) {
        self.queue.settle(request, usage);
    }

    /// Waits until everything is said, for as long as this.
    pub(crate) async fn all_said(&self, patience: Duration) {
        if tokio::time::timeout(patience, self.queue.emptied()).await.is_err() {
            tracing::warn!("the agent did not take every settlement; it will charge those requests in full");
        }
    }

    fn verdict(&self, request: Uuid, verdict: Verdict) {
        if let Some(waits) = self.verdicts().remove(&request) {
            // Whoever asked may have gone; then the reservation is settled already.
            let _ = waits.send(verdict);
        }
    }

    fn verdicts(&self) -> MutexGuard<'_, HashMap<Uuid, oneshot::Sender<Verdict>>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
