//! Disputes of a part of a payment, and warnings of fraud, in the shapes that Stripe sends and in any order.

use letsbe_lifecycle::order::Phase;
use letsbe_types::ids::OrderId;
use serde_json::json;

use crate::{
    Hub,
    movements::{later, refund, told},
    payments::fixture,
    webhooks::result,
};

fn dispute(seconds: i64, amount: u32, status: &str) -> String {
    let event = format!("evt_dp_{seconds}_{amount}_{status}");
    later("dispute", &event, seconds, &json!({"amount": amount, "status": status}))
}

#[tokio::test]
async fn a_dispute_of_a_part_stops_nothing_and_with_the_rest_it_is_the_whole() {
    let (hub, id) = Hub::paid_once(1).await;
    let part = dispute(0, 600, "needs_response");
    assert_eq!(result(&hub.deliver(&part).await), "applied");
    assert_eq!(result(&hub.deliver(&part).await), "duplicate");
    hub.deliver(&told("charge.dispute.funds_withdrawn", &dispute(1, 600, "needs_response"))).await;
    let details = hub.details().await;
    assert!(details.len() == 1 && details[0].contains("a part of a payment"), "{details:?}");
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    hub.deliver(&told("charge.dispute.closed", &dispute(60, 600, "won"))).await;
    assert_eq!((hub.phase(id).await, hub.task_kinds().await), (Phase::PaymentConfirmed, vec![]));

    // The rest is paid back, before or after; or the dispute grows.
    let grown = told("charge.dispute.updated", &dispute(60, 1800, "needs_response"));
    for events in [[part.clone(), refund(1, 1200)], [refund(1, 1200), part.clone()], [part.clone(), grown]] {
        let (hub, id) = Hub::paid_once(1).await;
        hub.deliver(&events[0]).await;
        assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed, "{}", events[0]);
        hub.deliver(&events[1]).await;
        assert_eq!(hub.phase(id).await, Phase::Stopped, "{}", events[1]);
    }

    // Told before it is known whose it is.
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    assert_eq!(result(&hub.deliver(&part).await), "ignored");
    hub.deliver(&fixture("checkout_payment", id).to_string()).await;
    assert_eq!(
        (hub.phase(id).await, hub.task_kinds().await),
        (Phase::PaymentConfirmed, vec!["payment_dispute".into()])
    );

    // On a live server, lost.
    let (hub, id) = Hub::paid_once(1).await;
    hub.live(id).await;
    hub.deliver(&part).await;
    hub.deliver(&told("charge.dispute.closed", &dispute(60, 600, "lost"))).await;
    let details = hub.details().await;
    assert!(details.len() == 1 && details[0].contains("that part is gone"), "{details:?}");
    assert_eq!(hub.phase(id).await, Phase::Fulfilled);
}

#[tokio::test]
async fn a_dispute_in_another_currency_or_of_a_little_less_than_was_paid_is_of_the_whole() {
    for (amount, currency, phase) in [
        (1795, "eur", Phase::Stopped),
        (1790, "EUR", Phase::Stopped),
        (1650, "usd", Phase::Stopped),
        // Of how much of the payment that is nobody here knows.
        (900, "usd", Phase::Stopped),
        (900, "eur", Phase::PaymentConfirmed),
    ] {
        let changes = json!({"amount": amount, "currency": currency});
        let told = later("dispute", "evt_dp", 0, &changes);
        let (hub, id) = Hub::paid_once(1).await;
        hub.deliver(&told).await;
        assert_eq!(hub.phase(id).await, phase, "{changes}");
        // Told before it is known whose it is.
        let hub = Hub::new().await;
        let id = hub.order(1).await;
        hub.deliver(&told).await;
        hub.deliver(&fixture("checkout_payment", id).to_string()).await;
        assert_eq!(hub.phase(id).await, phase, "{changes}");
    }
}

#[tokio::test]
async fn a_warning_of_fraud_is_a_task_with_what_to_do_whenever_it_comes() {
    let warning = fixture("early_fraud_warning", OrderId::generate()).to_string();
    let over = later("early_fraud_warning", "evt_over", 60, &json!({"actionable": false}));
    let over = told("radar.early_fraud_warning.updated", &over);
    let (hub, id) = Hub::paid_once(1).await;
    assert_eq!(result(&hub.deliver(&warning).await), "applied");
    assert_eq!(result(&hub.deliver(&warning).await), "duplicate");
    let details = hub.details().await;
    assert!(details.len() == 1 && details[0].contains("pay it back now"), "{details:?}");
    assert_eq!(
        (hub.phase(id).await, hub.task_kinds().await),
        (Phase::PaymentConfirmed, vec!["payment_fraud_warning".into()])
    );
    hub.deliver(&over).await;
    assert_eq!(hub.task_kinds().await, Vec::<String>::new());
    let late = later("early_fraud_warning", "evt_late", 30, &json!({}));
    assert_eq!(result(&hub.deliver(&late).await), "ignored", "older than its end");

    // Before the payment is known, with and without its end.
    for (events, left) in [(vec![&warning], 1), (vec![&warning, &over], 0), (vec![&over, &warning], 0)] {
        let hub = Hub::new().await;
        let id = hub.order(1).await;
        for event in &events {
            assert_eq!(result(&hub.deliver(event).await), "ignored");
        }
        hub.deliver(&fixture("checkout_payment", id).to_string()).await;
        assert_eq!(hub.task_kinds().await.len(), left, "{events:?}");
    }
}

#[tokio::test]
async fn warnings_and_disputes_of_stripes_other_mode_count_for_nothing() {
    let (hub, id) = Hub::paid_once(1).await;
    for event in [
        fixture("early_fraud_warning", id).to_string(),
        dispute(0, 600, "needs_response"),
        dispute(1, 1800, "needs_response"),
    ] {
        let other = event.replacen("\"livemode\":false", "\"livemode\":true", 9);
        assert_ne!(other, event);
        assert_eq!(result(&hub.deliver(&other).await), "ignored", "{other}");
    }
    assert_eq!((hub.phase(id).await, hub.task_kinds().await), (Phase::PaymentConfirmed, vec![]));
}
