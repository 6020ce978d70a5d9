//! Events and claims: all or nothing.

use chrono::TimeDelta;
use letsbe_lifecycle::order::{EffectKind, Event, Phase};
use letsbe_store::{Finished, NewEntry, StoreError};
use letsbe_types::ids::OrderId;

use crate::{World, claimed, server};

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
    let assigned =
        world.apply(id, &Event::OperatorAssign { server: server(1), address, host_key: None }).await;
    assert!(matches!(assigned, Err(StoreError::ServerTaken(_))));
    assert_eq!((world.phase(id).await, world.lines(id).await), (Phase::PaymentConfirmed, lines));
}

#[tokio::test]
async fn a_released_server_stays_taken_until_it_is_wiped() {
    let world = World::new().await;
    let id = world.paid_order().await;
    let leased = world.lease("one").await.unwrap();
    world.finish(&leased, &claimed(1)).await;
    // A server in use is not returned, whoever asks.
    assert!(!world.store.return_server(&server(1)).await.unwrap());
    world.apply(id, &Event::OperatorAbandon { reason: "test".into() }).await.unwrap();
    let release = world.lease("one").await.unwrap();
    assert_eq!(release.kind, EffectKind::ReleaseServer);
    world.finish(&release, &Event::ServerReleased).await;
    assert!(world.store.taken_servers().await.unwrap().contains(&server(1)));
    world.paid_order().await;
    let next = world.lease("one").await.unwrap();
    let again = world.store.finish_effect(&next, &claimed(1), &world.pace, world.now()).await;
    assert!(matches!(again, Err(StoreError::ServerTaken(_))), "{again:?}");
    // A person has wiped it and says so.
    assert!(world.store.return_server(&server(1)).await.unwrap());
    let finished = world.store.finish_effect(&next, &claimed(1), &world.pace, world.now()).await.unwrap();
    assert!(matches!(finished, Finished::Applied(_)), "{finished:?}");
}
