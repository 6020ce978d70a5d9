//! The store's promises: leases with fences, one claim for each server, payments taken once, nothing half stored.
#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::{EffectKind, Event, Pace, Phase};
use letsbe_store::{
    Finished, LeasedEffect, NewEntry, NewJob, NewOrder, PaymentOutcome, Store, StoreError, token_hash,
};
use letsbe_types::{
    Problem, Region, Tier,
    api::{JobReport, JobStatus},
    clock::{Clock as _, ManualClock},
    ids::{JobId, OrderId, ServerId, ServerIdentity},
    job::{Outcome, RunEvent, RunEventKind},
};

struct World {
    store: Store,
    clock: ManualClock,
    pace: Pace,
    folder: tempfile::TempDir,
}

fn start() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn server(number: u32) -> ServerId {
    ServerId(format!("netcup:{number}"))
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("hub.db")).await.unwrap();
        Self { store, clock: ManualClock::at(start()), pace: Pace::default(), folder }
    }

    /// The same database as another process sees it.
    async fn another_process(&self) -> Store {
        Store::open(&self.folder.path().join("hub.db")).await.unwrap()
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    async fn order(&self) -> OrderId {
        let id = OrderId::generate();
        let new = NewOrder {
            id,
            domain: "acme.example".parse().unwrap(),
            email: "owner@acme.example".parse().unwrap(),
            tier: Tier::Build,
            region: Region::Eu,
            tools: vec!["ghost".into()],
            identity: ServerIdentity(format!("identity-{id}")),
        };
        self.store.create_order(&new, self.now()).await.unwrap();
        id
    }

    async fn paid_order(&self) -> OrderId {
        let id = self.order().await;
        self.apply(id, &Event::PaymentReceived).await.unwrap();
        id
    }

    async fn apply(&self, id: OrderId, event: &Event) -> Result<(), StoreError> {
        self.store.apply(id, event, None, &self.pace, self.now()).await.map(|_| ())
    }

    async fn lease(&self, owner: &str) -> Option<LeasedEffect> {
        self.store.lease_effect(owner, TimeDelta::seconds(30), self.now()).await.unwrap()
    }

    async fn finish(&self, leased: &LeasedEffect, event: &Event) -> Finished {
        self.store.finish_effect(leased, event, &self.pace, self.now()).await.unwrap()
    }

    async fn phase(&self, id: OrderId) -> Phase {
        self.store.order(id).await.unwrap().unwrap().state.phase
    }

    async fn lines(&self, id: OrderId) -> Vec<String> {
        self.store.timeline(id, 0, 1_000).await.unwrap().into_iter().map(|line| line.message).collect()
    }

    async fn pay(&self, event_id: &str, id: OrderId, event: &Event) -> PaymentOutcome {
        self.store.take_payment_event(event_id, "test", id, event, &self.pace, self.now()).await.unwrap()
    }
}

fn claimed(number: u32) -> Event {
    Event::ServerClaimed { server: server(number) }
}

#[tokio::test]
async fn an_effect_is_leased_to_one_worker_at_a_time() {
    let world = World::new().await;
    let id = world.paid_order().await;
    let leased = world.lease("one").await.unwrap();
    assert_eq!((leased.order, leased.kind, leased.fence), (id, EffectKind::ClaimServer, 1));
    assert_eq!(world.lease("two").await, None);
    world.clock.advance(TimeDelta::seconds(30));
    assert_eq!(world.lease("two").await, None, "the lease ends after its last moment");
    assert_eq!(world.store.outbox_counts().await.unwrap(), (1, 0));
}

#[tokio::test]
async fn an_extended_lease_is_kept() {
    let world = World::new().await;
    world.paid_order().await;
    let leased = world.lease("one").await.unwrap();
    world.clock.advance(TimeDelta::seconds(20));
    assert!(world.store.extend_lease(&leased, world.now() + TimeDelta::seconds(30)).await.unwrap());
    world.clock.advance(TimeDelta::seconds(20));
    assert_eq!(world.lease("two").await, None);
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_and_the_late_worker_is_refused() {
    let world = World::new().await;
    let id = world.paid_order().await;
    let slow = world.lease("slow").await.unwrap();
    world.clock.advance(TimeDelta::seconds(31));
    let quick = world.lease("quick").await.unwrap();
    assert_eq!((quick.id, quick.fence), (slow.id, slow.fence + 1));
    assert!(!world.store.extend_lease(&slow, world.now() + TimeDelta::hours(1)).await.unwrap());
    assert_eq!(world.finish(&slow, &claimed(1)).await, Finished::LeaseLost);
    assert_eq!(world.phase(id).await, Phase::PaymentConfirmed, "the late result changed nothing");
    assert!(world.store.taken_servers().await.unwrap().is_empty());
    assert!(matches!(world.finish(&quick, &claimed(2)).await, Finished::Applied(_)));
    assert_eq!(world.finish(&quick, &claimed(3)).await, Finished::LeaseLost, "finished once");
    let order = world.store.order(id).await.unwrap().unwrap();
    assert_eq!((order.state.phase, order.state.server), (Phase::AwaitingServer, Some(server(2))));
    let next = world.lease("quick").await.unwrap();
    assert_eq!((next.kind, next.fence), (EffectKind::InstallServer, 1));
}

#[tokio::test]
async fn effects_wait_for_their_moment_and_the_longest_due_comes_first() {
    let world = World::new().await;
    let first = world.paid_order().await;
    let leased = world.lease("one").await.unwrap();
    world.finish(&leased, &Event::PoolEmpty { why: "none".into() }).await;
    let purchase = world.lease("one").await.unwrap();
    assert_eq!((purchase.order, purchase.kind), (first, EffectKind::RequestPurchase));
    world.finish(&purchase, &Event::PurchaseRequested).await;
    assert_eq!(world.lease("one").await, None, "the next look into the pool is not due");
    world.clock.advance(TimeDelta::seconds(59));
    let second = world.paid_order().await;
    assert_eq!(world.lease("one").await.unwrap().order, second);
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(world.lease("one").await.unwrap().order, first);
}

#[tokio::test]
async fn what_is_void_cannot_be_leased_extended_or_finished() {
    let world = World::new().await;
    let running = world.paid_order().await;
    let leased = world.lease("one").await.unwrap();
    let waiting = world.paid_order().await;
    for id in [running, waiting] {
        world.apply(id, &Event::OperatorAbandon { reason: "test".into() }).await.unwrap();
    }
    assert_eq!(world.store.outbox_counts().await.unwrap(), (0, 0));
    assert_eq!(world.lease("two").await, None);
    assert!(!world.store.extend_lease(&leased, world.now() + TimeDelta::hours(1)).await.unwrap());
    assert_eq!(world.finish(&leased, &claimed(1)).await, Finished::LeaseLost);
    assert_eq!(world.phase(running).await, Phase::Stopped);
    assert!(world.store.taken_servers().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_result_that_makes_no_sense_ends_the_effect_without_consequence() {
    let world = World::new().await;
    let id = world.paid_order().await;
    let leased = world.lease("one").await.unwrap();
    assert_eq!(world.finish(&leased, &Event::DnsComplete).await, Finished::Outdated);
    assert_eq!(world.phase(id).await, Phase::PaymentConfirmed);
    assert_eq!(world.store.outbox_counts().await.unwrap(), (0, 0));
    assert!(world.lines(id).await.last().unwrap().contains("too late"));
}

#[tokio::test]
async fn no_effect_is_leased_twice_by_many_workers_at_once() {
    let world = World::new().await;
    for _ in 0..12 {
        world.paid_order().await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..4 {
        let (store, now) = (world.another_process().await, world.now());
        workers.spawn(async move {
            let mut leased = Vec::new();
            while let Some(one) =
                store.lease_effect(&format!("worker-{number}"), TimeDelta::seconds(30), now).await.unwrap()
            {
                leased.push(one.id);
            }
            leased
        });
    }
    let mut all: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(all.len(), 12);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 12);
}

#[tokio::test]
async fn one_server_is_never_claimed_twice() {
    for _ in 0..8 {
        let world = World::new().await;
        let orders = [world.paid_order().await, world.paid_order().await];
        let (one, two) = (world.lease("one").await.unwrap(), world.lease("two").await.unwrap());
        let other = world.another_process().await;
        let (first, event, now) = (&world.store, claimed(7), world.now());
        let (left, right) = tokio::join!(
            first.finish_effect(&one, &event, &world.pace, now),
            other.finish_effect(&two, &event, &world.pace, now),
        );
        let won = [&left, &right].iter().filter(|end| matches!(end, Ok(Finished::Applied(_)))).count();
        let lost = [&left, &right]
            .iter()
            .filter(|end| matches!(end, Err(StoreError::ServerTaken(taken)) if *taken == server(7)))
            .count();
        assert_eq!((won, lost), (1, 1), "{left:?} {right:?}");
        let mut holders = 0;
        for id in orders {
            holders += usize::from(world.store.order(id).await.unwrap().unwrap().state.server.is_some());
        }
        assert_eq!(holders, 1);
        assert_eq!(world.store.taken_servers().await.unwrap().len(), 1);
        // The loser still holds its lease and may choose another server.
        let loser = if left.is_err() { &one } else { &two };
        assert!(matches!(world.finish(loser, &claimed(8)).await, Finished::Applied(_)));
    }
}

#[tokio::test]
async fn a_released_server_stays_taken_until_it_is_wiped() {
    let world = World::new().await;
    let id = world.paid_order().await;
    let leased = world.lease("one").await.unwrap();
    world.finish(&leased, &claimed(1)).await;
    world.apply(id, &Event::OperatorAbandon { reason: "test".into() }).await.unwrap();
    let release = world.lease("one").await.unwrap();
    assert_eq!(release.kind, EffectKind::ReleaseServer);
    world.finish(&release, &Event::ServerReleased).await;
    assert!(world.store.taken_servers().await.unwrap().contains(&server(1)));
    world.paid_order().await;
    let next = world.lease("one").await.unwrap();
    let again = world.store.finish_effect(&next, &claimed(1), &world.pace, world.now()).await;
    assert!(matches!(again, Err(StoreError::ServerTaken(_))), "{again:?}");
}

#[tokio::test]
async fn an_illegal_event_stores_nothing() {
    let world = World::new().await;
    let id = world.order().await;
    let (before, lines) = (world.store.order(id).await.unwrap().unwrap(), world.lines(id).await);
    world.clock.advance(TimeDelta::minutes(1));
    let entry = NewEntry::new("operator", "ok", "must not be kept");
    for event in [Event::DnsComplete, claimed(1), Event::OperatorRetry, Event::ProvisioningSucceeded] {
        let result = world.store.apply(id, &event, Some(entry.clone()), &world.pace, world.now()).await;
        assert!(matches!(result, Err(StoreError::Illegal(_))), "{result:?}");
    }
    let missing =
        world.store.apply(OrderId::generate(), &Event::OperatorRetry, None, &world.pace, world.now());
    assert!(matches!(missing.await, Err(StoreError::NoSuchOrder(_))));
    let after = world.store.order(id).await.unwrap().unwrap();
    assert_eq!((after.state, after.updated_at), (before.state, before.updated_at));
    assert_eq!(world.lines(id).await, lines);
    assert_eq!(world.store.outbox_counts().await.unwrap(), (0, 0));
    assert!(world.store.taken_servers().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_claim_stores_nothing_of_its_event() {
    let world = World::new().await;
    world.paid_order().await;
    let leased = world.lease("one").await.unwrap();
    world.finish(&leased, &claimed(1)).await;
    let id = world.paid_order().await;
    let lines = world.lines(id).await;
    let address = [192, 0, 2, 1].into();
    let assigned = world.apply(id, &Event::OperatorAssign { server: server(1), address }).await;
    assert!(matches!(assigned, Err(StoreError::ServerTaken(_))));
    assert_eq!((world.phase(id).await, world.lines(id).await), (Phase::PaymentConfirmed, lines));
}

#[tokio::test]
async fn a_payment_event_is_taken_once() {
    let world = World::new().await;
    let id = world.order().await;
    assert_eq!(world.pay("evt_1", id, &Event::PaymentReceived).await, PaymentOutcome::Applied);
    let (lines, counts) = (world.lines(id).await, world.store.outbox_counts().await.unwrap());
    assert_eq!(counts, (0, 1));
    for _ in 0..3 {
        assert_eq!(world.pay("evt_1", id, &Event::PaymentReceived).await, PaymentOutcome::Duplicate);
    }
    // The id is what counts, not what comes with it.
    let withdrawn = Event::PaymentWithdrawn { why: "refund".into() };
    assert_eq!(world.pay("evt_1", id, &withdrawn).await, PaymentOutcome::Duplicate);
    assert_eq!((world.lines(id).await, world.store.outbox_counts().await.unwrap()), (lines, counts));
}

#[tokio::test]
async fn the_same_payment_event_at_the_same_time_is_taken_once() {
    let world = World::new().await;
    let id = world.order().await;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (store, now, pace) = (world.another_process().await, world.now(), world.pace.clone());
        senders.spawn(async move {
            store.take_payment_event("evt_1", "test", id, &Event::PaymentReceived, &pace, now).await.unwrap()
        });
    }
    let outcomes = senders.join_all().await;
    let applied = outcomes.iter().filter(|outcome| **outcome == PaymentOutcome::Applied).count();
    assert_eq!(applied, 1, "{outcomes:?}");
    assert_eq!(world.store.outbox_counts().await.unwrap(), (0, 1));
}

#[tokio::test]
async fn an_event_for_an_unknown_order_is_not_remembered_and_an_outdated_one_is() {
    let world = World::new().await;
    let unknown = OrderId::generate();
    assert_eq!(world.pay("evt_1", unknown, &Event::PaymentReceived).await, PaymentOutcome::UnknownOrder);
    let id = world.order().await;
    assert_eq!(world.pay("evt_1", id, &Event::PaymentReceived).await, PaymentOutcome::Applied);
    world.apply(id, &Event::OperatorAbandon { reason: "test".into() }).await.unwrap();
    assert_eq!(world.pay("evt_2", id, &Event::PaymentReceived).await, PaymentOutcome::Outdated);
    assert_eq!(world.pay("evt_2", id, &Event::PaymentReceived).await, PaymentOutcome::Duplicate);
    assert_eq!(world.phase(id).await, Phase::Stopped);
}

#[tokio::test]
async fn a_line_with_a_key_is_added_once() {
    let world = World::new().await;
    let (id, other) = (world.order().await, world.order().await);
    let once = |key: &str, text: &str| NewEntry {
        once_key: Some(key.to_owned()),
        ..NewEntry::new("step", "ok", text)
    };
    for entry in [once("a", "first"), once("a", "again"), once("b", "second")] {
        world.store.note(id, &entry, world.now()).await.unwrap();
    }
    world.store.note(other, &once("a", "elsewhere"), world.now()).await.unwrap();
    for _ in 0..2 {
        world.store.note(id, &NewEntry::new("step", "ok", "may repeat"), world.now()).await.unwrap();
    }
    assert_eq!(world.lines(id).await[1..], ["first", "second", "may repeat", "may repeat"]);
    assert_eq!(world.lines(other).await.len(), 1);
    let all = world.store.timeline(id, 0, 1_000).await.unwrap();
    let after = world.store.timeline(id, all[1].sequence, 2).await.unwrap();
    assert_eq!(after, all[2..4], "from a cursor, oldest first, no more than asked for");
}

#[tokio::test]
async fn a_job_report_is_taken_once_and_a_finished_job_stays_as_it_is() {
    let world = World::new().await;
    let order = world.order().await;
    let id = JobId::generate();
    let new = NewJob {
        id,
        order,
        runner_token_hash: token_hash("runner"),
        registration_token_hash: token_hash("register"),
    };
    world.store.create_job(&new, world.now()).await.unwrap();
    let job = world.store.latest_job(order).await.unwrap().unwrap();
    let event = |sequence, event| RunEvent { sequence, at: start(), event };
    let quiet = Outcome::Converged { why: "already there".into() };
    let operation =
        |outcome| RunEventKind::Operation { step: 1, operation: "packages".into(), outcome, milliseconds: 1 };
    let mut report = JobReport {
        status: JobStatus::Running,
        events: vec![
            event(1, RunEventKind::Started { attempt: 1 }),
            event(2, operation(quiet)),
            event(3, operation(Outcome::Changed { what: "installed 3 packages".into() })),
        ],
        host_key: Some("ssh-ed25519 AAAA".into()),
        problem: None,
    };
    for _ in 0..2 {
        world.store.report_job(&job, &report, world.now()).await.unwrap();
    }
    assert_eq!(
        world.lines(order).await[1..],
        ["The run began on the server", "packages: installed 3 packages"]
    );
    let stored = world.store.order(order).await.unwrap().unwrap();
    assert_eq!(stored.host_key.as_deref(), Some("ssh-ed25519 AAAA"));
    report.status = JobStatus::Failed;
    report.problem = Some(Problem::transient("SSH001", "gone", "wait"));
    world.store.report_job(&job, &report, world.now()).await.unwrap();
    report.status = JobStatus::Completed;
    world.store.report_job(&job, &report, world.now()).await.unwrap();
    let job = world.store.job(id).await.unwrap().unwrap();
    assert_eq!(
        (job.status, job.problem.map(|problem| problem.code)),
        (JobStatus::Failed, Some("SSH001".into()))
    );
}

#[tokio::test]
async fn sessions_end_by_themselves_or_when_asked() {
    let world = World::new().await;
    world.store.save_staff("ann@letsbe.example", "first", world.now()).await.unwrap();
    world.store.save_staff("ann@letsbe.example", "second", world.now()).await.unwrap();
    let staff = world.store.staff_by_email("ann@letsbe.example").await.unwrap().unwrap();
    assert_eq!(staff.password_hash, "second");
    let until = world.now() + TimeDelta::hours(1);
    for hash in ["one", "two"] {
        world.store.create_session(hash, staff.id, until).await.unwrap();
    }
    world.store.end_session("two").await.unwrap();
    assert!(world.store.session("one", world.now()).await.unwrap().is_some());
    assert!(world.store.session("two", world.now()).await.unwrap().is_none());
    assert!(world.store.session("one", until).await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let world = World::new().await;
    let id = world.paid_order().await;
    let leased = world.lease("one").await.unwrap();
    let again = world.another_process().await;
    assert_eq!(again.order(id).await.unwrap().unwrap().state.phase, Phase::PaymentConfirmed);
    world.clock.advance(TimeDelta::seconds(31));
    let taken = again.lease_effect("restarted", TimeDelta::seconds(30), world.now()).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.fence), (leased.id, 2), "no lease is stuck");
}
