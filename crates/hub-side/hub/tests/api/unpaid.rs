//! Orders that nobody pays end and go away; money that comes late is never lost.

use chrono::TimeDelta;
use letsbe_hub::{
    background::tasks::unpaid_orders::{Report, expire},
    config::UnpaidConfig,
};
use letsbe_lifecycle::order::{Event, Pace, Phase};
use letsbe_types::clock::Clock as _;

use crate::{
    Hub, order_id,
    webhooks::{paid, result},
};

async fn days(hub: &Hub, days: i64) -> (u64, u64) {
    hub.clock.advance(TimeDelta::days(days));
    let (terms, pace, mut all) = (UnpaidConfig::default(), Pace::default(), Report::default());
    loop {
        let done = expire(&hub.store, &terms, &pace, hub.clock.now()).await.unwrap();
        if done == Report::default() {
            return (all.expired, all.removed);
        }
        assert!(done.expired <= 200 && done.removed <= 200, "one activation does a page: {done:?}");
        all = Report { expired: all.expired + done.expired, removed: all.removed + done.removed };
    }
}

#[tokio::test]
async fn an_unpaid_order_expires_and_is_removed_and_a_late_payment_revives_it() {
    let (hub, _) = Hub::with_staff().await;
    for number in 1..=250 {
        hub.order(number).await;
    }
    let (forgotten, late, begun, differs) = (order_id(1), order_id(2), order_id(3), order_id(4));
    hub.apply(differs, &Event::PaymentDiffers { why: "0.01 eur".into() }).await;
    assert_eq!(days(&hub, 20).await, (0, 0));
    hub.apply(begun, &Event::PaymentOpened).await;
    // A bank payment that was begun has its time, and what a person is to decide does not go away.
    assert_eq!(days(&hub, 2).await, (248, 0));
    assert_eq!(hub.phase(forgotten).await, Phase::Expired);
    assert_eq!(hub.phase(begun).await, Phase::AwaitingPayment);
    assert_eq!(hub.phase(differs).await, Phase::AwaitingPayment);
    let page = hub.get(&format!("/progress/{late}"), None).await;
    assert!(page.body.contains("not paid in time"), "{}", page.body);
    assert_eq!(result(&hub.deliver(&paid("evt_late", late)).await), "applied");
    assert_eq!(hub.phase(late).await, Phase::PaymentConfirmed);
    assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 1));
    // One of which Stripe told something stays.
    let failed = letsbe_store::StripeNews {
        id: "evt_failed".into(),
        kind: "test".into(),
        order: Some(order_id(5)),
        references: vec!["pi_5".into()],
        news: letsbe_store::PaymentNews::Checkout { event: Event::PaymentFailed, amount: None },
    };
    hub.store.take_payment_event(&failed, &Pace::default(), hub.clock.now()).await.unwrap();
    // `begun` has expired by now, but not for long enough.
    assert_eq!(days(&hub, 91).await, (1, 246));
    for (id, is_there) in
        [(forgotten, false), (late, true), (begun, true), (differs, true), (order_id(5), true)]
    {
        assert_eq!(hub.store.order(id).await.unwrap().is_some(), is_there, "{id}");
    }
    assert!(hub.store.timeline(forgotten, 0, 10).await.unwrap().is_empty());
    // What names an order that is gone changes nothing, and is told to Stripe as such.
    assert_eq!(result(&hub.deliver(&paid("evt_gone", forgotten)).await), "ignored");
}

#[tokio::test]
async fn money_for_an_order_that_was_given_up_is_a_task() {
    let (hub, _) = Hub::with_staff().await;
    let id = hub.order(1).await;
    hub.apply(id, &Event::OperatorAbandon { reason: "asked for".into() }).await;
    for _ in 0..2 {
        hub.deliver(&paid("evt_late", id)).await;
    }
    let tasks = hub.store.tasks().await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.kind.as_str()).collect::<Vec<_>>(), ["payment_late"]);
    assert_eq!(hub.phase(id).await, Phase::Stopped);
}
