//! What a Stripe event means for an order. Pure: JSON in, meaning out.

use letsbe_lifecycle::order::Event;
use letsbe_types::ids::OrderId;
use serde::Deserialize;
use serde_json::Value;

/// The parts of an event that are looked at; Stripe adds fields without notice, so others are no error.
#[derive(Debug, Deserialize)]
pub(super) struct StripeEvent {
    /// `evt_…`
    pub(super) id: String,
    /// For example `checkout.session.completed`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    object: Value,
}

/// What to do about an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is about this order.
    Order(OrderId, Event),
    /// It is not for us.
    Ignored(&'static str),
}

impl StripeEvent {
    pub(super) fn meaning(&self) -> Meaning {
        let object = &self.data.object;
        let word = |name: &str| object.get(name).and_then(Value::as_str);
        let session = word("client_reference_id");
        let metadata = object.get("metadata").and_then(|data| data.get("order_id")).and_then(Value::as_str);
        let withdrawn = |why: &str| Event::PaymentWithdrawn { why: why.to_owned() };
        let (order, event) = match self.kind.as_str() {
            "checkout.session.completed" => match word("payment_status") {
                Some("paid" | "no_payment_required") => (session, Event::PaymentReceived),
                Some("unpaid") => (session, Event::PaymentOpened),
                _ => return Meaning::Ignored("unknown payment_status"),
            },
            "checkout.session.async_payment_succeeded" => (session, Event::PaymentReceived),
            "checkout.session.async_payment_failed" => (session, Event::PaymentFailed),
            "charge.refunded" if object.get("refunded") == Some(&Value::Bool(true)) => {
                (metadata, withdrawn("refund"))
            }
            "charge.refunded" => return Meaning::Ignored("partial refund"),
            "charge.dispute.created" => (metadata, withdrawn("dispute")),
            _ => return Meaning::Ignored("event type not used"),
        };
        match order.and_then(|id| id.parse().ok()) {
            Some(order) => Meaning::Order(order, event),
            None => Meaning::Ignored("no order of ours"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Meaning, StripeEvent};
    use letsbe_lifecycle::order::Event;
    use serde_json::{Value, json};

    const ORDER: &str = "0199f0a0-0000-7000-8000-000000000001";

    fn meaning(kind: &str, object: &Value) -> Meaning {
        let event = json!({"id": "evt_1", "type": kind, "data": {"object": object}, "livemode": false});
        serde_json::from_value::<StripeEvent>(event).expect("an event").meaning()
    }

    #[test]
    fn every_kind_of_event_has_its_meaning() {
        let withdrawn = |why: &str| Event::PaymentWithdrawn { why: why.into() };
        let session = |status: &str| json!({"client_reference_id": ORDER, "payment_status": status});
        let charge = |full: bool| json!({"metadata": {"order_id": ORDER}, "refunded": full});
        for (kind, object, event) in [
            ("checkout.session.completed", session("paid"), Event::PaymentReceived),
            ("checkout.session.completed", session("no_payment_required"), Event::PaymentReceived),
            ("checkout.session.completed", session("unpaid"), Event::PaymentOpened),
            ("checkout.session.async_payment_succeeded", session("paid"), Event::PaymentReceived),
            ("checkout.session.async_payment_failed", session("unpaid"), Event::PaymentFailed),
            ("charge.refunded", charge(true), withdrawn("refund")),
            ("charge.dispute.created", charge(false), withdrawn("dispute")),
        ] {
            assert_eq!(
                meaning(kind, &object),
                Meaning::Order(ORDER.parse().expect("an id"), event),
                "{kind}"
            );
        }
        for (kind, object) in [
            ("charge.refunded", charge(false)),
            ("checkout.session.completed", session("new_status")),
            ("checkout.session.completed", json!({"payment_status": "paid"})),
            ("checkout.session.completed", json!({"payment_status": "paid", "client_reference_id": "x"})),
            ("checkout.session.completed", json!([])),
            ("charge.dispute.created", json!({"metadata": null})),
            ("customer.created", json!({})),
        ] {
            assert!(matches!(meaning(kind, &object), Meaning::Ignored(_)), "{kind} {object}");
        }
    }
}
