use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{BackgroundTask, Store, TaskRecord};
use letsbe_types::{
    Code, Problem,
    clock::{Clock as _, ManualClock},
};
use serde::Serialize;
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};

use super::{Driver, Handle, activate};
use crate::background::{
    Activate, Done, Entry, Task,
    registry::{DRILLS, HUB_BACKUP, MESSAGES, TABLE, entry},
};

const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Far more than anything here needs; whoever reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a task does when it is activated.
#[derive(Clone, Copy)]
enum Does {
    /// So many pieces of work are there.
    Pieces(u64),
    Fails,
    Panics,
    Hangs,
}

/// A task that can be watched, and is let go on.
#[derive(Clone)]
struct Watched {
    does: Does,
    begun: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
    /// One for each activation that may go on.
    allowed: Arc<Semaphore>,
}

#[derive(Default, PartialEq, Serialize)]
struct Report {
    pieces: u64,
}

impl Watched {
    fn new(does: Does, allowed: usize) -> Self {
        let (begun, ended) = (Arc::default(), Arc::default());
        Self { does, begun, ended, allowed: Arc::new(Semaphore::new(allowed)) }
    }

    fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    fn task(&self, name: &str) -> Task {
        Task::new(name, self.clone())
    }
}

impl Activate for Watched {
    type Report = Report;

    async fn activate(&self, _now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        let number = self.begun.fetch_add(1, Ordering::SeqCst);
        self.allowed.acquire().await.expect("is never closed").forget();
        let done = match self.does {
            Does::Pieces(pieces) => {
                let left = pieces.saturating_sub(number);
                Ok(Done { report: Report { pieces: left.min(1) }, more: left > 1 })
            }
            Does::Fails => Err(Problem::transient(Code::WORK002, "it does not work", "look")),
            Does::Panics => panic!("a fault"),
            Does::Hangs => std::future::pending().await,
        };
        self.ended.fetch_add(1, Ordering::SeqCst);
        done
    }
}

struct Bench {
    folder: tempfile::TempDir,
    clock: ManualClock,
}

/// A Hub that runs.
struct Running {
    working: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
    handle: Handle,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let start = "2026-11-28T12:00:00Z".parse().expect("a moment");
        Self { folder: tempfile::tempdir().expect("a folder"), clock: ManualClock::at(start) }
    }

    async fn store(&self) -> Store {
        Store::open(&self.folder.path().join("hub.db")).await.expect("opens")
    }

    async fn hub(&self, owner: &str, task: Task) -> Running {
        let (store, handle) = (self.store().await, Handle::default());
        let clock = Arc::new(self.clock.clone());
        let driver = Driver::new(store.clone(), clock, (owner, LEASE), handle.clone()).with(task);
        let (stop, stopped) = oneshot::channel();
        let working = tokio::spawn(driver.run(async {
            let _ = stopped.await;
        }));
        Running { working, stop: Some(stop), handle, store }
    }
}

impl Running {
    /// Until a task is as it should be.
    async fn until(&self, name: &str, is_so: impl Fn(&BackgroundTask) -> bool) -> BackgroundTask {
        let found = async {
            loop {
                let tasks = self.store.background_tasks().await.expect("reads");
                if let Some(task) = tasks.into_iter().find(|task| task.name == name && is_so(task)) {
                    return task;
                }
                self.handle.go_round();
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the task becomes so")
    }

    async fn stop(mut self) {
        self.stop.take().map(|stop| stop.send(()));
        tokio::time::timeout(PATIENCE, self.working).await.expect("it ends").expect("it ends well");
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it becomes so");
}

#[tokio::test]
async fn an_activation_that_hangs_is_ended_at_its_timeout_and_one_that_panics_is_a_problem() {
    let now = Utc::now();
    let of = |does, timeout| {
        let work = Watched::new(does, 1);
        let entry = Entry { timeout, ..*entry(DRILLS).expect("is in the table") };
        (work.clone(), Task::of(entry, work))
    };
    for (does, timeout, code) in [
        (Does::Hangs, Duration::from_millis(20), "WORK005"),
        (Does::Panics, PATIENCE, "WORK006"),
        (Does::Fails, PATIENCE, "WORK002"),
    ] {
        let (work, task) = of(does, timeout);
        let problem = activate(&task, now).await.expect_err("fails");
        assert_eq!((problem.code.as_str(), problem.retryable), (code, true), "{problem}");
        assert_eq!(work.begun(), 1);
    }
    let (_, task) = of(Does::Pieces(2), PATIENCE);
    let done = activate(&task, now).await.expect("works");
    assert_eq!((done.report, done.more), (Some(serde_json::json!({"pieces": 1})), true));
}

#[tokio::test]
async fn what_hangs_is_ended_and_activated_again_and_its_place_is_free_meanwhile() {
    let (bench, work) = (Bench::new(), Watched::new(Does::Hangs, 9));
    let entry = Entry { timeout: Duration::from_millis(20), ..*entry(DRILLS).expect("is in the table") };
    let hub = bench.hub("one", Task::of(entry, work.clone())).await;
    let ended = hub.until(DRILLS, |task| task.record.failures == 1).await;
    assert_eq!(
        (ended.lease, ended.record.problem.map(|problem| problem.code)),
        (None, Some("WORK005".to_owned()))
    );
    bench.clock.advance(TimeDelta::minutes(2));
    hub.until(DRILLS, |task| task.record.failures == 2).await;
    assert_eq!(work.begun(), 2);
}

#[tokio::test]
async fn what_one_hub_runs_for_all_is_run_by_one_of_two_and_how_it_ended_is_seen_by_both() {
    let (bench, work) = (Bench::new(), Watched::new(Does::Pieces(1), 0));
    let one = bench.hub("one", work.task(DRILLS)).await;
    let leased = one.until(DRILLS, |task| task.lease.is_some()).await;
    let two = bench.hub("two", work.task(DRILLS)).await;
    // The other has looked, and more than once.
    for _ in 0..3 {
        two.until(DRILLS, |task| task.lease.is_some()).await;
        let before = two.handle.last_round();
        bench.clock.advance(TimeDelta::milliseconds(1));
        two.until(DRILLS, |_| two.handle.last_round() != before).await;
    }
    assert_eq!((leased.lease.map(|(owner, _)| owner).as_deref(), work.begun()), (Some("one"), 1));
    work.allowed.add_permits(1);
    let ended = two.until(DRILLS, |task| task.record.finished_at.is_some()).await;
    assert_eq!((ended.lease, ended.record.problem), (None, None));
    assert_eq!(ended.record.report, Some(serde_json::json!({"pieces": 1})));
    assert!(
        ended.record.due_at >= Some(bench.clock.now() + TimeDelta::minutes(59)),
        "{:?}",
        ended.record.due_at
    );
    assert_eq!(work.begun(), 1, "it is not due again");
}

#[tokio::test]
async fn when_a_hub_is_killed_another_takes_its_task_over_once_the_lease_has_ended() {
    let bench = Bench::new();
    let (dying, living) = (Watched::new(Does::Hangs, 9), Watched::new(Does::Pieces(1), 9));
    let one = bench.hub("one", dying.task(DRILLS)).await;
    one.until(DRILLS, |task| task.lease.is_some()).await;
    until(|| dying.begun() == 1).await;
    // As by `kill -9`: nothing is given back.
    one.working.abort();
    assert!(one.working.await.expect_err("was killed").is_cancelled());
    let two = bench.hub("two", living.task(DRILLS)).await;
    let held = two.until(DRILLS, |task| task.lease.is_some()).await;
    assert_eq!((held.fence, living.begun()), (1, 0), "the lease holds");
    bench.clock.advance(LEASE + TimeDelta::seconds(1));
    let ended = two.until(DRILLS, |task| task.record.finished_at.is_some()).await;
    assert_eq!((ended.fence, living.begun()), (2, 1));
}

#[tokio::test]
async fn a_hub_that_is_told_to_end_waits_for_what_is_at_work_and_gives_its_leases_back() {
    let (bench, work) = (Bench::new(), Watched::new(Does::Pieces(1), 0));
    let hub = bench.hub("one", work.task(DRILLS)).await;
    until(|| work.begun() == 1).await;
    let (store, allowed, ended) = (hub.store.clone(), work.allowed.clone(), work.ended.clone());
    let stopped = tokio::spawn(hub.stop());
    allowed.add_permits(1);
    stopped.await.expect("ends");
    assert_eq!(ended.load(Ordering::SeqCst), 1);
    let tasks = store.background_tasks().await.expect("reads");
    assert!(tasks[0].lease.is_none() && tasks[0].record.finished_at.is_some(), "{tasks:?}");
    // What hangs is left to another Hub at once.
    bench.clock.advance(TimeDelta::hours(2));
    let hangs = Watched::new(Does::Hangs, 9);
    let hub = bench.hub("two", hangs.task(DRILLS)).await;
    until(|| hangs.begun() == 1).await;
    hub.stop().await;
    let next = Watched::new(Does::Pieces(1), 9);
    let hub = bench.hub("three", next.task(DRILLS)).await;
    until(|| next.begun() == 1).await;
    hub.until(DRILLS, |task| task.fence == 3 && task.lease.is_none()).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_failure_is_seen_and_stops_no_other_activation_and_a_person_need_not_wait_for_the_next() {
    let (bench, work) = (Bench::new(), Watched::new(Does::Panics, 9));
    let hub = bench.hub("one", work.task(DRILLS)).await;
    let failed = hub.until(DRILLS, |task| task.record.failures == 1).await;
    assert_eq!(failed.record.problem.expect("is told").code, "WORK006");
    bench.clock.advance(TimeDelta::seconds(59));
    let round = hub.handle.last_round();
    hub.until(DRILLS, |_| hub.handle.last_round() != round).await;
    assert_eq!(work.begun(), 1, "it is tried again after a minute");
    hub.store.request_task(DRILLS, "ann@letsbe.example", bench.clock.now()).await.expect("writes");
    hub.handle.activate(DRILLS);
    hub.until(DRILLS, |task| task.record.failures == 2).await;
    bench.clock.advance(TimeDelta::minutes(3));
    hub.until(DRILLS, |task| task.record.failures == 3).await;
    assert_eq!(work.begun(), 3);
}

#[tokio::test]
async fn what_each_hub_runs_is_run_by_each_and_woken_by_what_is_stored_and_by_a_person() {
    let bench = Bench::new();
    // By itself the next activation would come in an hour.
    let rare = Entry { every: Duration::from_secs(3600), ..*entry(MESSAGES).expect("is in the table") };
    let works = [Watched::new(Does::Pieces(2), 99), Watched::new(Does::Pieces(0), 99)];
    let one = bench.hub("one", Task::of(rare, works[0].clone())).await;
    let two = bench.hub("two", Task::of(rare, works[1].clone())).await;
    until(|| works[0].begun() == 2 && works[1].begun() == 1).await;
    let is_of = |hub: &'static str| move |task: &BackgroundTask| task.hub.as_deref() == Some(hub);
    let of_one = two.until(MESSAGES, is_of("one")).await;
    assert!(of_one.record.started_at.is_some() && of_one.lease.is_some(), "{of_one:?}");
    one.until(MESSAGES, is_of("two")).await;
    // Only what this process stored is told to it at once.
    let (id, now) = (letsbe_types::ids::OrderId::generate(), bench.clock.now());
    let new = letsbe_store::NewOrder {
        id,
        domain: "acme.example".parse().expect("a domain"),
        email: "owner@acme.example".parse().expect("an address"),
        tier: letsbe_types::Tier::Build,
        region: letsbe_types::Region::Eu,
        tools: vec!["ghost".into()],
        identity: letsbe_types::ids::ServerIdentity("planted".into()),
    };
    two.store.create_order(&new, now).await.expect("stores");
    until(|| works[1].begun() >= 2).await;
    one.handle.activate(MESSAGES);
    until(|| works[0].begun() >= 3).await;
    one.stop().await;
    let tasks = two.store.background_tasks().await.expect("reads");
    assert!(tasks.iter().all(|task| task.hub.as_deref() == Some("two")), "{tasks:?}");
}

#[tokio::test]
async fn a_task_that_the_settings_no_longer_ask_for_is_forgotten_while_the_hub_runs() {
    let bench = Bench::new();
    let (store, now) = (bench.store().await, bench.clock.now());
    let leased = store.lease_task(HUB_BACKUP, 0, ("former", now + LEASE), now).await.expect("writes");
    let record = TaskRecord { started_at: Some(now), due_at: Some(now), ..TaskRecord::default() };
    store.finish_task(&leased.expect("is free"), &record).await.expect("writes");
    let hub = bench.hub("one", Watched::new(Does::Pieces(0), 99).task(DRILLS)).await;
    hub.until(DRILLS, |task| task.record.finished_at.is_some()).await;
    hub.until(HUB_BACKUP, |task| task.record == record).await;
    bench.clock.advance(TimeDelta::days(2));
    let forgotten = async {
        while store.background_tasks().await.expect("reads").iter().any(|task| task.name == HUB_BACKUP) {
            hub.handle.go_round();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.expect("it is forgotten");
}

#[test]
fn each_task_of_the_table_has_a_file_and_each_file_is_in_the_table() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/background/tasks");
    let files = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").path());
    let mut files: Vec<String> =
        files.map(|file| file.file_stem().expect("a name").to_string_lossy().replace('_', "-")).collect();
    files.retain(|name| name != "mod");
    files.sort_unstable();
    let mut names: Vec<_> = TABLE.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
}
