//! Background work: one Hub at a time has a task, and a Hub that died holds none for ever.

use chrono::TimeDelta;
use letsbe_store::{BackgroundTask, LeasedTask, Store, TaskRecord};
use letsbe_types::{Code, Problem};
use serde_json::json;

use crate::World;

const LEASE: TimeDelta = TimeDelta::seconds(30);

async fn lease(world: &World, store: &Store, owner: &str, fence: i64) -> Option<LeasedTask> {
    let now = world.now();
    store.lease_task("drills", fence, (owner, now + LEASE), now).await.unwrap()
}

async fn only(store: &Store) -> BackgroundTask {
    let mut tasks = store.background_tasks().await.unwrap();
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    tasks.remove(0)
}

#[tokio::test]
async fn of_two_hubs_that_find_a_task_due_one_gets_it_and_the_other_not_even_afterwards() {
    let world = World::new().await;
    let other = world.another_process().await;
    let leased = lease(&world, &world.store, "one", 0).await.unwrap();
    assert_eq!(lease(&world, &other, "two", 0).await, None, "both saw the same");
    let task = only(&other).await;
    assert_eq!((task.fence, task.lease.map(|(owner, _)| owner)), (1, Some("one".to_owned())));
    assert_eq!(lease(&world, &other, "two", 1).await, None, "it is leased");
    let due_at = Some(world.now() + TimeDelta::hours(1));
    let problem = Some(Problem::transient(Code::WORK001, "m", "h"));
    let finished_at = Some(world.now());
    let record = TaskRecord {
        started_at: finished_at,
        finished_at,
        took_ms: 7,
        report: Some(json!({"begun": 1})),
        problem,
        failures: 3,
        due_at,
    };
    assert!(world.store.finish_task(&leased, &record).await.unwrap());
    assert_eq!(lease(&world, &other, "two", 0).await, None, "it decided by what is no longer so");
    let task = only(&other).await;
    assert_eq!((task.lease, task.record), (None, record));
    assert!(lease(&world, &other, "two", 1).await.is_some());
}

#[tokio::test]
async fn the_task_of_a_hub_that_died_is_taken_over_and_its_late_result_is_refused() {
    let world = World::new().await;
    let slow = lease(&world, &world.store, "slow", 0).await.unwrap();
    world.clock.advance(TimeDelta::seconds(20));
    assert!(world.store.extend_task(&slow, world.now() + LEASE).await.unwrap());
    world.clock.advance(TimeDelta::seconds(30));
    assert_eq!(lease(&world, &world.store, "quick", 1).await, None, "the lease ends after its last moment");
    world.clock.advance(TimeDelta::seconds(1));
    let quick = lease(&world, &world.store, "quick", 1).await.unwrap();
    assert_eq!(quick.fence, 2);
    assert!(!world.store.extend_task(&slow, world.now() + LEASE).await.unwrap());
    assert!(!world.store.finish_task(&slow, &TaskRecord::default()).await.unwrap());
    assert!(world.store.finish_task(&quick, &TaskRecord::default()).await.unwrap());
    assert!(!world.store.finish_task(&quick, &TaskRecord::default()).await.unwrap(), "finished once");
}

#[tokio::test]
async fn a_hub_that_ends_gives_its_leases_back_and_a_request_stays_until_it_is_seen_to() {
    let world = World::new().await;
    let (store, now) = (&world.store, world.now());
    store.request_task("drills", "ann@letsbe.example", now).await.unwrap();
    let task = only(store).await;
    assert_eq!((task.fence, task.requested_by.as_deref()), (0, Some("ann@letsbe.example")));
    lease(&world, store, "one", 0).await.unwrap();
    store.keep_own_tasks(("one", now + LEASE), &[("messages", TaskRecord::default())]).await.unwrap();
    store.keep_own_tasks(("two", now + LEASE), &[("messages", TaskRecord::default())]).await.unwrap();
    store.release_tasks("one").await.unwrap();
    let tasks = store.background_tasks().await.unwrap();
    let left: Vec<_> =
        tasks.iter().map(|task| (&*task.name, task.hub.as_deref(), task.lease.is_some())).collect();
    assert_eq!(left, [("drills", None, false), ("messages", Some("two"), true)]);
    assert_eq!(tasks[0].requested_at, Some(now));
    world.clock.advance(TimeDelta::hours(2));
    store.forget_tasks_of_ended_hubs(world.now() - TimeDelta::hours(1)).await.unwrap();
    assert_eq!(only(store).await.name, "drills");
}

#[tokio::test]
async fn what_each_hub_does_is_kept_beside_that_of_others_and_replaced_by_itself() {
    let world = World::new().await;
    let (store, now) = (&world.store, world.now());
    for took_ms in [1, 2] {
        let record = TaskRecord { took_ms, started_at: Some(now), ..TaskRecord::default() };
        let own = [("messages", record.clone()), ("order-effects", record)];
        store.keep_own_tasks(("one", now + LEASE), &own).await.unwrap();
    }
    store.keep_own_tasks(("one", now), &[]).await.unwrap();
    let tasks = store.background_tasks().await.unwrap();
    let kept: Vec<_> = tasks.iter().map(|task| (&*task.name, task.record.took_ms)).collect();
    assert_eq!(kept, [("messages", 2), ("order-effects", 2)]);
}

#[tokio::test]
async fn a_task_that_no_hub_is_set_to_run_is_forgotten_unless_somebody_has_it() {
    let world = World::new().await;
    let late = world.now() - TimeDelta::days(2);
    let record = TaskRecord { due_at: Some(late), ..TaskRecord::default() };
    let leased = lease(&world, &world.store, "one", 0).await.unwrap();
    world.store.finish_task(&leased, &record).await.unwrap();
    world.store.forget_unused_task("drills", late).await.unwrap();
    lease(&world, &world.store, "one", 1).await.unwrap();
    world.store.forget_unused_task("drills", world.now()).await.unwrap();
    assert_eq!(only(&world.store).await.fence, 2, "it is due, and leased");
    world.store.release_tasks("one").await.unwrap();
    world.store.forget_unused_task("drills", world.now()).await.unwrap();
    assert!(world.store.background_tasks().await.unwrap().is_empty());
}
