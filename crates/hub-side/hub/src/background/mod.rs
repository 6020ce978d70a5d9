//! The background work of this Hub: everything that runs without a request is a task in one table ([`registry::TABLE`]),
//! activated by the [`Driver`].
//!
//! A task is activated when its time has come, by a signal, and when a person asks for it. One activation does a bounded
//! amount; what is left is done by the next one, at once. A task either runs on one Hub at a time, by a lease in the
//! database, or on each Hub, because it serves that Hub or because what it takes is leased piece by piece. How each
//! activation ended stands in the database, so that any Hub shows it. The writer of heartbeats is no task: it is a part of
//! answering them.

mod driver;
pub(crate) mod lease;
pub mod registry;
pub mod status;
pub mod tasks;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::future::{BoxFuture, FutureExt as _};
use letsbe_types::Problem;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;

pub use driver::Driver;
pub use registry::{Entry, Runs, Signal};

/// What an activation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<R> {
    /// In numbers.
    pub report: R,
    /// There is more to do: the next activation follows at once.
    pub more: bool,
}

/// What a task does when it is activated.
pub trait Activate: Send + Sync + 'static {
    /// What it did, in numbers; the default is nothing.
    type Report: Serialize + Default + PartialEq + Send;

    /// Does a bounded amount of work. It may be killed anywhere, and be activated again.
    fn activate(
        &self,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Done<Self::Report>, Problem>> + Send;
}

/// The report as it is stored; `None` where there was nothing to do.
type Outcome = Result<Done<Option<Value>>, Problem>;
type Work = Box<dyn Fn(DateTime<Utc>) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// A task that this Hub runs.
pub struct Task {
    entry: Entry,
    work: Work,
}

impl Task {
    /// The task of this name in the table.
    ///
    /// # Panics
    /// When the table has no such name.
    #[must_use]
    pub fn new(name: &str, work: impl Activate) -> Self {
        let entry = *registry::entry(name).expect("each task is in the table");
        Self::of(entry, work)
    }

    /// A task as this entry describes it.
    #[must_use]
    pub fn of(entry: Entry, work: impl Activate) -> Self {
        let work = Arc::new(work);
        let erased = move |now| {
            let work = Arc::clone(&work);
            async move { work.activate(now).await.map(stored) }.boxed()
        };
        Self { entry, work: Box::new(erased) }
    }

    /// With another period, from the Hub's settings.
    #[must_use]
    pub const fn every(mut self, period: Duration) -> Self {
        self.entry.every = period;
        self
    }
}

fn stored<R: Serialize + Default + PartialEq>(done: Done<R>) -> Done<Option<Value>> {
    let is_something = done.report != R::default();
    let report = is_something.then(|| serde_json::to_value(&done.report).ok()).flatten();
    Done { report, more: done.more }
}

/// The driver of this process, as requests reach it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Handle(Arc<Reached>);

struct Reached {
    asked: BTreeMap<&'static str, Notify>,
    round: Notify,
    last: Mutex<Option<Round>>,
}

/// What the driver saw when it last read the table of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// When.
    pub at: DateTime<Utc>,
    /// How many tasks stalled, on any Hub.
    pub stalled: usize,
}

impl Default for Reached {
    fn default() -> Self {
        let asked = registry::TABLE.iter().map(|entry| (entry.name, Notify::new())).collect();
        Self { asked, round: Notify::new(), last: Mutex::new(None) }
    }
}

impl Handle {
    /// Activates a task of this Hub, and has the driver look at those that any Hub may run.
    pub fn activate(&self, name: &str) {
        if let Some(asked) = self.0.asked.get(name) {
            asked.notify_one();
        }
        self.go_round();
    }

    /// What the driver saw last; `None` if it has not yet read anything.
    #[must_use]
    pub fn last_round(&self) -> Option<Round> {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn went_round(&self, round: Round) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(round);
    }

    fn go_round(&self) {
        self.0.round.notify_one();
    }

    async fn round_asked(&self) {
        self.0.round.notified().await;
    }

    /// Ends when this task is asked for.
    async fn asked(&self, name: &str) {
        match self.0.asked.get(name) {
            Some(asked) => asked.notified().await,
            None => std::future::pending().await,
        }
    }
}
