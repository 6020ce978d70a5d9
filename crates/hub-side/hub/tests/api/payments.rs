//! What was paid is what was ordered, and money that goes back finds its order: in the shapes that Stripe sends.

use axum::http::StatusCode;
use letsbe_lifecycle::order::{Event, Phase};
use letsbe_types::ids::{OrderId, ServerId};
use serde_json::{Value, json};

use crate::{
    Hub,
    webhooks::{charge, paid, result},
};

const TASKS: &str = "/api/v1/admin/tasks";

/// One of Stripe's events, about this order where it names one.
pub(crate) fn fixture(name: &str, order: OrderId) -> Value {
    let path = format!("{}/tests/api/fixtures/stripe/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap().replace("ORDER", &order.to_string());
    serde_json::from_str(&text).unwrap()
}

/// The same with another id and some fields of its object changed.
pub(crate) fn changed(mut event: Value, id: &str, changes: &Value) -> String {
    event["id"] = json!(id);
    for (field, value) in changes.as_object().unwrap() {
        event["data"]["object"][field] = value.clone();
    }
    event.to_string()
}

impl Hub {
    pub(crate) async fn live(&self, id: OrderId) {
        for event in [
            Event::ServerClaimed { server: ServerId("netcup:1".into()) },
            Event::ServerInstalled { address: [192, 0, 2, 7].into() },
            Event::DnsComplete,
            Event::ProvisioningPrepared,
            Event::ProvisioningSucceeded,
        ] {
            self.apply(id, &event).await;
        }
        assert_eq!(self.phase(id).await, Phase::Fulfilled);
    }

    pub(crate) async fn task_kinds(&self) -> Vec<String> {
        self.store.tasks().await.unwrap().into_iter().map(|task| task.kind).collect()
    }

    async fn lines(&self, id: OrderId) -> Vec<String> {
        self.store.timeline(id, 0, 100).await.unwrap().into_iter().map(|line| line.message).collect()
    }
}

#[tokio::test]
async fn a_payment_that_is_not_what_was_ordered_begins_nothing_and_waits_for_a_person() {
    let (hub, staff) = Hub::with_staff().await;
    let good = |id| fixture("checkout_subscription", id);
    let live = |event: Value| {
        let mut event = event;
        event["livemode"] = json!(true);
        event
    };
    let mut number = 0;
    for (change, named, turn) in [
        (json!({"amount_total": 1}), "0.01 eur", None),
        (json!({"amount_total": 1200}), "12.00 eur", None),
        (json!({"amount_total": null}), "no amount", None),
        (json!({"currency": "idr"}), "idr", None),
        (json!({"metadata": {"tier": "lite"}}), "lite", None),
        (json!({"mode": "something_new"}), "something_new", None),
        (json!({"payment_status": "no_payment_required", "amount_total": 0}), "nothing had to be paid", None),
        (json!({"livemode": true}), "live money", Some(live)),
    ] {
        number += 1;
        let id = hub.order(number).await;
        let event = turn.map_or_else(|| good(id), |turn| turn(good(id)));
        let mut change = change;
        change["id"] = json!(format!("cs_{number}"));
        (change["subscription"], change["invoice"]) = (Value::Null, Value::Null);
        let body = changed(event, &format!("evt_{number}"), &change);
        assert_eq!(result(&hub.deliver(&body).await), "applied");
        let state = hub.store.order(id).await.unwrap().unwrap().state;
        assert_eq!((state.phase, state.needs_operator), (Phase::AwaitingPayment, true), "{named}");
        let problem = state.problem.unwrap();
        assert!(problem.code == "PAY010" && problem.message.contains(named), "{problem}");
        assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 0), "{named}: nothing begins");
        let shown = hub.get(&format!("/api/v1/admin/orders/{id}"), Some(&staff)).await;
        assert!(shown.body.contains("PAY010") && shown.body.contains(named), "{}", shown.body);
    }
    // A person compares and goes on; or gives it up. A right payment later goes on by itself.
    let act = async |number: u128, body: Value| {
        let path = format!("/api/v1/admin/orders/{}/actions", crate::order_id(number));
        hub.json("POST", &path, Some(&staff), &body).await.status
    };
    assert_eq!(act(1, json!({"action": "skip", "reason": "agreed by telephone"})).await, StatusCode::OK);
    assert_eq!(hub.phase(crate::order_id(1)).await, Phase::PaymentConfirmed);
    assert!(
        hub.lines(crate::order_id(1)).await.iter().any(|line| line.contains("though the payment differs"))
    );
    assert_eq!(act(2, json!({"action": "abandon", "reason": "paid back"})).await, StatusCode::OK);
    assert_eq!(hub.phase(crate::order_id(2)).await, Phase::Stopped);
    assert_eq!(result(&hub.deliver(&paid("evt_right", crate::order_id(3))).await), "applied");
    let state = hub.store.order(crate::order_id(3)).await.unwrap().unwrap().state;
    assert_eq!((state.phase, state.problem), (Phase::PaymentConfirmed, None));
    // Nobody skips what was never paid.
    let unpaid = hub.order(90).await;
    assert_eq!(act(90, json!({"action": "skip", "reason": "x"})).await, StatusCode::CONFLICT);
    assert_eq!(hub.phase(unpaid).await, Phase::AwaitingPayment);
}

#[tokio::test]
async fn what_is_no_payment_changes_nothing_and_thin_events_are_answered() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    for name in ["checkout_setup", "thin"] {
        assert_eq!(result(&hub.deliver(&fixture(name, id).to_string()).await), "ignored", "{name}");
        hub.assert_untouched(id, name).await;
    }
    let large = json!({"metadata": {"note": "x".repeat(200_000)}});
    let body = changed(fixture("checkout_payment", id), "evt_large", &large);
    assert_eq!(result(&hub.deliver(&body).await), "applied", "a large body");
    // What comes late about the beginning of it says nothing.
    let lines = hub.lines(id).await.len();
    let late = json!({"payment_status": "unpaid"});
    assert_eq!(
        result(&hub.deliver(&changed(fixture("checkout_payment", id), "evt_late", &late)).await),
        "applied"
    );
    assert_eq!(hub.lines(id).await.len(), lines);
}

#[tokio::test]
async fn a_dispute_or_refund_without_metadata_finds_its_order_in_any_order_of_arrival() {
    for name in ["dispute", "charge_refunded", "refund_created"] {
        let hub = Hub::new().await;
        let id = hub.order(1).await;
        let event = fixture(name, id).to_string();
        assert!(!event.contains(&id.to_string()), "{name}: Stripe does not name our order");
        hub.deliver(&fixture("checkout_payment", id).to_string()).await;
        assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
        assert_eq!(result(&hub.deliver(&event).await), "applied", "{name}");
        assert_eq!(hub.phase(id).await, Phase::Stopped, "{name}");

        let hub = Hub::new().await;
        let id = hub.order(1).await;
        assert_eq!(result(&hub.deliver(&event).await), "ignored", "{name}: nobody's yet");
        hub.deliver(&fixture("checkout_payment", id).to_string()).await;
        assert_eq!(hub.phase(id).await, Phase::Stopped, "{name}: the payment came later");
        assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 0), "{name}");
    }
}

#[tokio::test]
async fn money_that_goes_back_after_go_live_is_a_task_that_staff_sees_and_closes() {
    let (hub, staff) = Hub::with_staff().await;
    let id = hub.order(1).await;
    hub.deliver(&fixture("checkout_subscription", id).to_string()).await;
    hub.live(id).await;
    for name in ["invoice_paid", "invoice_paid_2025", "invoice_payment_paid"] {
        assert_eq!(result(&hub.deliver(&fixture(name, id).to_string()).await), "applied", "{name}");
    }
    assert_eq!(hub.task_kinds().await, Vec::<String>::new(), "a month that was paid is no task");
    // A later month is disputed: by the charge of the old interface, and by the payment of the new one.
    let dispute = |id: &str, charge: &str, intent: &str| {
        let ids = json!({"id": format!("dp_{id}"), "charge": charge, "payment_intent": intent});
        changed(fixture("dispute", OrderId::generate()), &format!("evt_{id}"), &ids)
    };
    assert_eq!(result(&hub.deliver(&dispute("a", "ch_2", "pi_other")).await), "applied");
    assert_eq!(hub.task_kinds().await, ["payment_dispute"]);
    assert_eq!(result(&hub.deliver(&dispute("b", "ch_3", "pi_3")).await), "applied");
    assert_eq!(hub.task_kinds().await, ["payment_dispute"], "one open task of a kind");
    assert_eq!(hub.phase(id).await, Phase::Fulfilled, "nobody's server goes by a message about money");
    for (kind, task) in [
        ("invoice.payment_failed", "payment_failed"),
        ("customer.subscription.deleted", "subscription_ended"),
    ] {
        let mut event = fixture("invoice_paid_2025", id);
        event["type"] = json!(kind);
        event["data"]["object"]["id"] = json!("in_4");
        if kind == "customer.subscription.deleted" {
            event["data"]["object"] = json!({"id": "sub_1", "object": "subscription", "metadata": {}});
        }
        hub.deliver(&changed(event, kind, &json!({}))).await;
        assert!(hub.task_kinds().await.iter().any(|kind| kind == task), "{task}");
    }
    let listed = hub.get(TASKS, Some(&staff)).await.json();
    let first = &listed["data"][0];
    assert_eq!((&first["domain"], &first["order"]), (&json!("acme.example"), &json!(id)));
    let path = format!("{TASKS}/{}/done", first["id"].as_str().unwrap());
    assert_eq!(hub.json("POST", &path, Some(&staff), &json!({})).await.status, StatusCode::OK);
    assert_eq!(hub.json("POST", &path, Some(&staff), &json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.task_kinds().await.len(), 2);
    assert!(hub.lines(id).await.iter().any(|line| line.starts_with("ann@letsbe.example: done:")));
}

#[tokio::test]
async fn a_strangers_payment_for_another_order_stops_nothing_when_it_goes_back() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    hub.deliver(&fixture("checkout_subscription", id).to_string()).await;
    // Somebody pays one cent with this order's id in the address, and disputes it.
    let evil = json!({"amount_total": 1, "payment_intent": "pi_evil", "id": "cs_evil"});
    hub.deliver(&changed(fixture("checkout_payment", id), "evt_evil", &evil)).await;
    let ids = json!({"charge": "ch_evil", "payment_intent": "pi_evil"});
    hub.deliver(&changed(fixture("dispute", id), "evt_evil_dispute", &ids)).await;
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    assert_eq!(hub.task_kinds().await, ["payment_twice", "payment_dispute"]);
    // A part that is paid back ends nothing either.
    let part = json!({"charge": "ch_1", "payment_intent": "pi_x", "invoice": "in_1", "refunded": false,
                      "amount_refunded": 100});
    assert_eq!(
        result(&hub.deliver(&changed(fixture("charge_refunded", id), "evt_part", &part)).await),
        "applied"
    );
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    assert_eq!(result(&hub.deliver(&charge("evt_whole", "charge.refunded", id)).await), "applied");
    assert_eq!(hub.phase(id).await, Phase::Stopped, "our own word about the whole");
}
