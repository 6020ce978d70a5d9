//! `/api/v1/webhooks/stripe`: the whole list of bad input, and what each may change.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_hub::security::signature::sign;
use letsbe_lifecycle::order::Phase;
use letsbe_types::{Secret, clock::Clock as _, ids::OrderId};
use serde_json::{Value, json};

use crate::{Answer, Hub, STRIPE_SECRET, start};

const PATH: &str = "/api/v1/webhooks/stripe";

fn session(id: &str, kind: &str, order: OrderId, status: &str) -> String {
    let object = json!({"object": "checkout.session", "client_reference_id": order, "payment_status": status,
                        "mode": "subscription", "amount_total": 1800, "currency": "eur", "livemode": false});
    json!({"id": id, "object": "event", "type": kind, "livemode": false, "data": {"object": object}})
        .to_string()
}

pub(crate) fn charge(id: &str, kind: &str, order: OrderId) -> String {
    let object = json!({"object": "charge", "metadata": {"order_id": order}, "refunded": true});
    json!({"id": id, "object": "event", "type": kind, "data": {"object": object}}).to_string()
}

pub(crate) fn paid(id: &str, order: OrderId) -> String {
    session(id, "checkout.session.completed", order, "paid")
}

impl Hub {
    async fn deliver_signed(&self, body: &str, secret: &str, at: DateTime<Utc>) -> Answer {
        let signature = sign(body.as_bytes(), &Secret::from(secret), at);
        let headers = [("stripe-signature", signature.as_str()), ("content-type", "application/json")];
        self.send("POST", PATH, &headers, body.to_owned()).await
    }

    pub(crate) async fn deliver(&self, body: &str) -> Answer {
        self.deliver_signed(body, STRIPE_SECRET, self.clock.now()).await
    }

    pub(crate) async fn phase(&self, id: OrderId) -> Phase {
        self.store.order(id).await.unwrap().unwrap().state.phase
    }

    /// The order is as it was checked out, no work waits, and `evt_1` is not known: it can still be taken.
    pub(crate) async fn assert_untouched(&self, id: OrderId, what: &str) {
        let order = self.store.order(id).await.unwrap().unwrap();
        assert_eq!(order.state, letsbe_lifecycle::order::State::new(), "{what}");
        assert_eq!(self.store.timeline(id, 0, 10).await.unwrap().len(), 1, "{what}");
        assert_eq!(self.store.outbox_counts().await.unwrap(), (0, 0), "{what}");
    }

    async fn assert_nothing_stored(&self, id: OrderId, what: &str) {
        self.assert_untouched(id, what).await;
        let answer = self.deliver(&paid("evt_1", id)).await;
        assert_eq!(answer.json()["data"]["result"], "applied", "{what}: {answer:?}");
    }
}

pub(crate) fn result(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["data"]["result"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_paid_checkout_starts_the_work_once() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    insta::assert_snapshot!(hub.deliver(&paid("evt_1", id)).await.shown());
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 1));
    assert_eq!(result(&hub.deliver(&paid("evt_1", id)).await), "duplicate");
    assert_eq!(result(&hub.deliver(&paid("evt_2", id)).await), "applied", "the same money, told twice");
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 1), "one order, one server");
    assert_eq!(hub.store.orders(0, 10).await.unwrap().1, 1);
}

#[tokio::test]
async fn a_signature_that_is_not_right_changes_nothing() {
    let old = TimeDelta::seconds(301);
    let cases: [(&str, &str, DateTime<Utc>); 3] = [
        ("another secret", "whsec_other", start()),
        ("replayed", STRIPE_SECRET, start() - old),
        ("from the future", STRIPE_SECRET, start() + old),
    ];
    for (what, secret, at) in cases {
        let hub = Hub::new().await;
        let id = hub.order(1).await;
        let answer = hub.deliver_signed(&paid("evt_1", id), secret, at).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}");
        assert_eq!(answer.json()["error"]["code"], "API400", "{what}");
        hub.assert_nothing_stored(id, what).await;
    }
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    let body = paid("evt_1", id);
    let signature = sign(body.as_bytes(), &Secret::from(STRIPE_SECRET), start());
    for header in [None, Some(""), Some("t=1,v1="), Some("v1=00"), Some("nonsense")] {
        let headers: Vec<_> = header.map(|value| ("stripe-signature", value)).into_iter().collect();
        let answer = hub.send("POST", PATH, &headers, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{header:?}");
    }
    let changed = body.replace("\"paid\"", "\"paid\" ");
    let answer = hub.send("POST", PATH, &[("stripe-signature", &signature)], changed).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "a changed body");
    hub.assert_nothing_stored(id, "no signature").await;
}

#[tokio::test]
async fn malformed_and_oversized_bodies_change_nothing() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    let whole = paid("evt_1", id);
    for body in [
        "",
        "nonsense",
        "[]",
        "{}",
        &whole[..whole.len() - 1],
        &whole.replace("evt_1", ""),
        &whole.replace("evt_1", &"e".repeat(256)),
        &whole.replace("\"evt_1\"", "1"),
        &format!("{whole}{whole}"),
    ] {
        let answer = hub.deliver(body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:.60}");
        assert_eq!(answer.json()["success"], false);
    }
    let answer =
        hub.deliver(&whole.replace("\"paid\"", &format!("\"paid\",\"x\":\"{}\"", "x".repeat(270_000)))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    hub.assert_nothing_stored(id, "malformed").await;
}

#[tokio::test]
async fn an_open_bank_payment_starts_no_work_until_it_arrives() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    let opened = session("evt_1", "checkout.session.completed", id, "unpaid");
    assert_eq!(result(&hub.deliver(&opened).await), "applied");
    assert_eq!(hub.phase(id).await, Phase::AwaitingPayment);
    assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 0), "no server for open money");
    let arrived = session("evt_2", "checkout.session.async_payment_succeeded", id, "paid");
    assert_eq!(result(&hub.deliver(&arrived).await), "applied");
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);

    let other = hub.order(2).await;
    let failed = session("evt_3", "checkout.session.async_payment_failed", other, "unpaid");
    assert_eq!(result(&hub.deliver(&failed).await), "applied");
    let order = hub.store.order(other).await.unwrap().unwrap();
    assert_eq!(order.state.phase, Phase::AwaitingPayment);
    assert_eq!(order.state.problem.unwrap().code, "PAY002");
}

#[tokio::test]
async fn events_out_of_order_make_one_order_that_ends_right() {
    let hub = Hub::new().await;
    // The bank payment arrives before the message that it was begun.
    let id = hub.order(1).await;
    let arrived = session("evt_1", "checkout.session.async_payment_succeeded", id, "paid");
    let opened = session("evt_2", "checkout.session.completed", id, "unpaid");
    assert_eq!(result(&hub.deliver(&arrived).await), "applied");
    assert_eq!(result(&hub.deliver(&opened).await), "applied");
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 1));

    // The refund arrives before the payment: no work for money that went back.
    let id = hub.order(2).await;
    assert_eq!(result(&hub.deliver(&charge("evt_3", "charge.refunded", id)).await), "applied");
    assert_eq!(result(&hub.deliver(&paid("evt_4", id)).await), "ignored");
    assert_eq!(hub.phase(id).await, Phase::Stopped);
    assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 1), "only the first order's");
    let lines = hub.store.timeline(id, 0, 10).await.unwrap();
    assert!(lines.iter().any(|line| line.message.contains("payment arrived after")), "{lines:?}");

    // A dispute in the middle stops it, and the work that waited is void.
    let id = hub.order(3).await;
    hub.deliver(&paid("evt_5", id)).await;
    assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 2));
    assert_eq!(result(&hub.deliver(&charge("evt_6", "charge.dispute.created", id)).await), "applied");
    assert_eq!(hub.phase(id).await, Phase::Stopped);
    assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 1));
}

#[tokio::test]
async fn what_is_not_for_us_is_acknowledged_and_ignored() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    let mut shown = String::new();
    let about = |kind: &str, object: Value| json!({"id": "evt_1", "type": kind, "data": {"object": object}});
    for body in [
        about("customer.created", json!({})),
        about("charge.refunded", json!({"metadata": {"order_id": crate::order_id(99)}, "refunded": true})),
        about("checkout.session.completed", json!({"payment_status": "paid"})),
        about("checkout.session.completed", json!({"payment_status": "paid", "client_reference_id": "x"})),
        about(
            "checkout.session.completed",
            json!({"payment_status": "paid", "client_reference_id": crate::order_id(99)}),
        ),
    ] {
        shown.push_str(&hub.deliver(&body.to_string()).await.shown());
        shown.push('\n');
    }
    insta::assert_snapshot!(shown);
    hub.assert_nothing_stored(id, "ignored").await;
}

#[tokio::test]
async fn refused_webhooks_are_limited_and_good_ones_are_not() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    for number in 0..70 {
        let answer = hub.deliver(&paid(&format!("evt_{number}"), id)).await;
        assert_eq!(answer.status, StatusCode::OK, "{number}");
    }
    let mut last = StatusCode::OK;
    for _ in 0..61 {
        last = hub.deliver_signed("{}", "whsec_other", start()).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}
