//! Payment events: taken once.

use letsbe_lifecycle::order::{Event, Phase};
use letsbe_store::PaymentOutcome;
use letsbe_types::ids::OrderId;

use crate::World;

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
            store
                .take_payment_event(&crate::checkout("evt_1", id, &Event::PaymentReceived), &pace, now)
                .await
                .unwrap()
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
