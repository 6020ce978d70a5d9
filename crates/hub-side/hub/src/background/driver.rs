//! The driver: activates the tasks of this Hub, each when it is due, and keeps how they went in the database.
//!
//! It makes a round every few seconds: what one Hub runs for all and is due, it leases and starts. A task of each Hub has
//! a loop of its own, which needs no database to be activated. A task that fails, panics or hangs stops no other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{BackgroundTask, LeasedTask, Store, StoreError, TaskRecord};
use letsbe_types::{Code, Language, Problem, clock::Clock, hub_tasks::HubTaskState};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::Instant,
};

use super::{
    Entry, Handle, Outcome, Round, Runs, Signal, Task, lease,
    status::{self, Turn},
};

/// A Hub looks this often for what is due and what a person asked another Hub for.
const ROUND: Duration = Duration::from_secs(5);
/// How each Hub's own tasks go is written this often, and at once when one begins or ceases to fail.
const PUBLISHED_EVERY: Duration = Duration::from_secs(15);
/// So long it is believed.
const BELIEVED: TimeDelta = TimeDelta::minutes(1);
/// What another Hub's own tasks did is forgotten when it was not heard of for so long.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);
/// What is at work when the Hub ends may go on for so long.
const GRACE: Duration = Duration::from_secs(5);

/// Activates tasks until it is told to stop.
pub struct Driver {
    store: Store,
    clock: Arc<dyn Clock>,
    lease: TimeDelta,
    owner: String,
    handle: Handle,
    tasks: Vec<Arc<Task>>,
}

impl Driver {
    /// With no tasks yet. `owner` names this process in leases, which last for `lease`.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        (owner, lease): (&str, TimeDelta),
        handle: Handle,
    ) -> Self {
        Self { store, clock, lease, owner: owner.to_owned(), handle, tasks: Vec::new() }
    }

    /// With this task, too.
    #[must_use]
    pub fn with(mut self, task: Task) -> Self {
        self.tasks.push(Arc::new(task));
        self
    }

    /// Runs the tasks until `stop` is ready; then waits a moment for what is at work, and leaves the rest to other Hubs.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let (stopping, stopped) = watch::channel(false);
        let mut working = JoinSet::new();
        let own = self.tasks.iter().filter(|task| task.entry.runs == Runs::OnEachHub);
        let own: Vec<Arc<Task>> = own.cloned().collect();
        let this = Arc::new(Process {
            own: Mutex::default(),
            is_news: AtomicBool::new(false),
            store: self.store,
            clock: self.clock,
            lease: self.lease,
            owner: self.owner,
            handle: self.handle,
        });
        for task in own {
            working.spawn(Arc::clone(&this).keep_own(task, stopped.clone()));
        }
        let shared: Vec<Arc<Task>> =
            self.tasks.into_iter().filter(|task| task.entry.runs == Runs::OnOneHub).collect();
        let (mut published, mut forgot) = (None, None);
        tokio::pin!(stop);
        loop {
            this.forget(&shared, &mut forgot).await;
            let pause = this.round(&shared, &mut working, &mut published).await;
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(pause) => {}
                () = this.handle.round_asked() => {}
                Some(_) = working.join_next() => {}
            }
        }
        stopping.send_replace(true);
        let all_ended = async { while working.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all_ended).await.is_err() {
            working.shutdown().await;
        }
        if let Err(error) = this.store.release_tasks(&this.owner).await {
            tracing::warn!(%error, "the leases of this Hub's tasks end by themselves only");
        }
    }
}

/// This process, as its tasks share it.
struct Process {
    store: Store,
    clock: Arc<dyn Clock>,
    lease: TimeDelta,
    owner: String,
    handle: Handle,
    /// How the tasks of each Hub go here.
    own: Mutex<BTreeMap<&'static str, TaskRecord>>,
    /// One of them began to fail, or ceased to.
    is_news: AtomicBool,
}

impl Process {
    /// What nobody will speak of any more, if it is time to look for it.
    async fn forget(&self, shared: &[Arc<Task>], forgot: &mut Option<DateTime<Utc>>) {
        let now = self.clock.now();
        if forgot.is_some_and(|at| at <= now && now - at < REMEMBERED) {
            return;
        }
        *forgot = Some(now);
        let is_elsewhere = |entry: &&Entry| !shared.iter().any(|task| task.entry.name == entry.name);
        let optional =
            super::registry::TABLE.iter().filter(|entry| entry.needs.is_some()).filter(is_elsewhere);
        let forgotten = async {
            self.store.forget_tasks_of_ended_hubs(now - REMEMBERED).await?;
            for entry in optional {
                let late = TimeDelta::from_std(entry.every).unwrap_or(REMEMBERED) + REMEMBERED;
                self.store.forget_unused_task(entry.name, now - late).await?;
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "tasks of Hubs that have ended are still listed");
        }
    }

    /// Starts what is due for all Hubs, and writes how things go; how long nothing is due.
    async fn round(
        self: &Arc<Self>,
        shared: &[Arc<Task>],
        working: &mut JoinSet<()>,
        published: &mut Option<Instant>,
    ) -> Duration {
        self.publish(published).await;
        let known = match self.store.background_tasks().await {
            Ok(known) => known,
            Err(error) => {
                tracing::error!(%error, "which tasks are due cannot be read; looking again");
                return ROUND;
            }
        };
        let now = self.clock.now();
        let stalled = |tasks: &[BackgroundTask]| {
            let listed = status::list(tasks, now, Language::En).into_iter();
            listed.filter(|task| task.state == HubTaskState::Stalled).count()
        };
        self.handle.went_round(Round { at: now, stalled: stalled(&known) });
        let mut pause = ROUND;
        for task in shared {
            let known = known.iter().find(|one| one.name == task.entry.name && one.hub.is_none());
            match status::turn(&task.entry, known, now) {
                Turn::Now => self.start(task, known.cloned().unwrap_or_default(), working).await,
                Turn::At(at) => pause = pause.min((at - now).to_std().unwrap_or_default()),
                Turn::Taken => {}
            }
        }
        pause
    }

    async fn start(self: &Arc<Self>, task: &Arc<Task>, known: BackgroundTask, working: &mut JoinSet<()>) {
        let (name, now) = (task.entry.name, self.clock.now());
        match self.store.lease_task(name, known.fence, (&self.owner, now + self.lease), now).await {
            Ok(Some(leased)) => {
                working.spawn(Arc::clone(self).run_for_all(Arc::clone(task), leased, known.record));
            }
            // Another Hub was quicker.
            Ok(None) => {}
            Err(error) => tracing::error!(%error, task = name, "a task could not be leased"),
        }
    }

    /// One activation of a task that this Hub has leased.
    async fn run_for_all(self: Arc<Self>, task: Arc<Task>, leased: LeasedTask, before: TaskRecord) {
        let (started, clock) = (self.clock.now(), Instant::now());
        let outcome = tokio::select! {
            outcome = activate(&task, started) => outcome,
            () = self.keep_lease(&leased) => {
                return tracing::warn!(task = leased.name, "its lease was lost: another Hub does it");
            }
        };
        log(&task.entry, &outcome);
        let record = status::after(&task.entry, before, &outcome, (started, clock.elapsed()));
        match self.store.finish_task(&leased, &record).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(task = leased.name, "it ended too late: another Hub does it"),
            // The lease ends by itself, and the task is activated again.
            Err(error) => tracing::error!(%error, task = leased.name, "how a task ended was not stored"),
        }
    }

    /// Returns when the lease is lost.
    async fn keep_lease(&self, leased: &LeasedTask) {
        lease::keep(self.lease, &*self.clock, |until| self.store.extend_task(leased, until)).await;
    }

    /// Activates a task of each Hub whenever it is due.
    async fn keep_own(self: Arc<Self>, task: Arc<Task>, mut stopping: watch::Receiver<bool>) {
        let entry = task.entry;
        let mut stored = self.store.changes();
        let mut record = TaskRecord::default();
        loop {
            let (started, clock) = (self.clock.now(), Instant::now());
            record.started_at = Some(started);
            self.note(&entry, &record);
            let outcome = activate(&task, started).await;
            log(&entry, &outcome);
            record = status::after(&entry, record, &outcome, (started, clock.elapsed()));
            self.note(&entry, &record);
            let pause = status::pause(&entry, record.failures, outcome.is_ok_and(|done| done.more));
            // After a failure only time and people activate it: what fails at once must not fail without end.
            let listens = record.failures == 0 && entry.signals.contains(&Signal::Stored);
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(pause) => {}
                _ = stored.changed(), if listens => {}
                () = self.handle.asked(entry.name) => {}
            }
        }
    }

    fn note(&self, entry: &Entry, record: &TaskRecord) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let before = own.insert(entry.name, record.clone());
        let failed = |record: Option<&TaskRecord>| record.is_some_and(|record| record.problem.is_some());
        if failed(before.as_ref()) != failed(Some(record)) || before.is_none() {
            self.is_news.store(true, Ordering::Relaxed);
            self.handle.go_round();
        }
    }

    /// Writes how the tasks of this Hub go, if it is time.
    async fn publish(&self, published: &mut Option<Instant>) {
        let is_news = self.is_news.swap(false, Ordering::Relaxed);
        if !is_news && published.is_some_and(|at| at.elapsed() < PUBLISHED_EVERY) {
            return;
        }
        let own: Vec<_> = {
            let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            own.iter().map(|(name, record)| (*name, record.clone())).collect()
        };
        *published = Some(Instant::now());
        let until = self.clock.now() + BELIEVED;
        if let Err(error) = self.store.keep_own_tasks((&self.owner, until), &own).await {
            tracing::error!(%error, "how this Hub's own tasks go was not stored");
        }
    }
}

/// One activation, whatever becomes of it. Dropped, it ends.
async fn activate(task: &Task, now: DateTime<Utc>) -> Outcome {
    let entry = &task.entry;
    let mut apart = JoinSet::new();
    apart.spawn((task.work)(now));
    match tokio::time::timeout(entry.timeout, apart.join_next()).await {
        Ok(Some(Ok(outcome))) => outcome,
        Ok(Some(Err(error))) => Err(broken(entry, Some(&error))),
        Ok(None) => Err(broken(entry, None)),
        Err(_) => Err(hung(entry)),
    }
}

fn hung(entry: &Entry) -> Problem {
    Problem::transient(
        Code::WORK005,
        format!("{} did not end within {} seconds and was stopped.", entry.name, entry.timeout.as_secs()),
        "It is tried again by itself. On the Hub's machine: journalctl -u letsbe-hub",
    )
}

fn broken(entry: &Entry, error: Option<&JoinError>) -> Problem {
    let how = if error.is_some_and(JoinError::is_panic) { "broke off" } else { "was stopped" };
    Problem::transient(
        Code::WORK006,
        format!("{} {how}: this is a fault of the Hub.", entry.name),
        "It is tried again by itself. Keep the Hub's log and report it: journalctl -u letsbe-hub",
    )
}

fn log(entry: &Entry, outcome: &Outcome) {
    match outcome {
        // What each Hub does all the time is logged where it is done.
        Ok(done) if entry.runs == Runs::OnOneHub => {
            if let Some(report) = &done.report {
                tracing::info!(task = entry.name, %report, "a task is done");
            }
        }
        Ok(_) => {}
        Err(problem) => tracing::error!(task = entry.name, %problem, "a task failed"),
    }
}

#[cfg(test)]
mod tests;
