//! The outbox: one worker at a time, and none too late.

use chrono::TimeDelta;
use letsbe_lifecycle::order::{EffectKind, Event, Phase};
use letsbe_store::Finished;

use crate::{World, claimed, server};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

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
    world.finish(&leased, &Event::PoolEmpty { why: "none".into(), by_hand: false }).await;
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

#[tokio::test]
async fn on_postgresql_a_change_by_another_hub_wakes_whoever_waits_here() {
    // On SQLite a process hears of its own changes only, and looks from time to time.
    if !letsbe_test_postgres::is_wanted() {
        return;
    }
    let world = World::new().await;
    let id = world.order().await;
    let other = world.another_process().await;
    let mut changes = world.store.changes();
    let mut heard = async || tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    // It says so when it begins to listen.
    heard().await;
    other.apply(id, &Event::PaymentReceived, None, &world.pace, world.now()).await.unwrap();
    heard().await;
    world
        .store
        .create_session("hash", letsbe_types::ids::StaffId::generate(), world.now(), world.now())
        .await
        .unwrap();
    other.end_session("hash").await.unwrap();
    heard().await;
}

#[tokio::test]
async fn on_postgresql_a_hub_whose_connections_were_ended_works_on_and_hears_others_again() {
    if !letsbe_test_postgres::is_wanted() {
        return;
    }
    let world = World::new().await;
    let id = world.order().await;
    let other = world.another_process().await;
    let mut changes = world.store.changes();
    let mut heard = async || tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    heard().await;
    // As the end of PostgreSQL does, with all of them.
    let db = sea_orm::Database::connect(world.database.to_string()).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sea_orm::ConnectionTrait::execute_unprepared(&db, end).await.unwrap();
    db.close().await.unwrap();
    // It says so when it listens anew: something may have been missed.
    heard().await;
    other.apply(id, &Event::PaymentReceived, None, &world.pace, world.now()).await.unwrap();
    heard().await;
    assert_eq!(world.phase(id).await, Phase::PaymentConfirmed);
}
