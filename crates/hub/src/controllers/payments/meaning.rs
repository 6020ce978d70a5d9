//! What a Stripe event means for an order. Pure: JSON in, meaning out.

use letsbe_types::ids::OrderId;
use serde::Deserialize;
use serde_json::Value;

/// Ids of one event that are remembered.
const REFERENCES: usize = 32;
/// The longest id of Stripe's.
const REFERENCE_BYTES: usize = 255;

/// The parts of an event that are looked at; Stripe adds fields without notice, so others are no error.
#[derive(Debug, Deserialize)]
pub(super) struct StripeEvent {
    /// `evt_…`
    pub(super) id: String,
    /// For example `checkout.session.completed`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Whether it is about real money.
    #[serde(default)]
    pub(super) livemode: Option<bool>,
    /// Thin events (`v2.…`) have none.
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(default)]
    object: Value,
}

/// What to do about an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A checkout says how its order's payment stands.
    Checkout(OrderId, Step),
    /// Money went back, or will: why, how much, and the order if it is named.
    Withdrawn(&'static str, Option<i64>, Option<OrderId>),
    /// A person should know: the task's kind, and what happened.
    Concerning(&'static str, &'static str),
    /// Only which ids belong together.
    Related,
    /// It is not for us.
    Ignored(&'static str),
}

/// How a payment stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The money is there.
    Paid(Paid),
    /// Nothing has to be paid.
    Free(Paid),
    /// It was begun and is still open.
    Opened,
    /// It failed.
    Failed,
}

/// What a checkout says that was paid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Paid {
    /// `payment` or `subscription`.
    pub(super) mode: String,
    /// In the currency's smallest unit.
    pub(super) total: Option<i64>,
    /// What of it is tax.
    pub(super) tax: i64,
    /// As Stripe spells it.
    pub(super) currency: String,
    /// Whether it is real money.
    pub(super) livemode: bool,
    /// The tier that was sold, where the session was made with it.
    pub(super) tier: Option<String>,
}

impl StripeEvent {
    pub(super) fn meaning(&self) -> Meaning {
        let Some(Data { object }) = &self.data else { return Meaning::Ignored("a thin event") };
        let refunded = object.get("refunded") == Some(&Value::Bool(true));
        match self.kind.as_str() {
            "checkout.session.completed"
            | "checkout.session.async_payment_succeeded"
            | "checkout.session.async_payment_failed" => self.checkout(object),
            "charge.refunded" => {
                let back = number(object, "amount_refunded").filter(|_| !refunded);
                Meaning::Withdrawn("refund", back, order_of(object))
            }
            "refund.created" | "charge.refund.updated" | "refund.updated" => match text(object, "status") {
                Some("failed" | "canceled") => Meaning::Ignored("the refund did not take place"),
                // Without an amount it could be a small part: `charge.refunded` tells of the whole.
                _ => number(object, "amount").map_or(Meaning::Related, |back| {
                    Meaning::Withdrawn("refund", Some(back), order_of(object))
                }),
            },
            "charge.dispute.created" => Meaning::Withdrawn("dispute", None, order_of(object)),
            "invoice.payment_failed" => Meaning::Concerning(
                "payment_failed",
                "a payment of the subscription failed: see at Stripe whether it is tried again",
            ),
            "customer.subscription.deleted" => Meaning::Concerning(
                "subscription_ended",
                "the subscription has ended: nothing more will be paid for this server",
            ),
            "invoice.paid"
            | "invoice.payment_succeeded"
            | "invoice_payment.paid"
            | "charge.succeeded"
            | "payment_intent.succeeded" => Meaning::Related,
            _ => Meaning::Ignored("event type not used"),
        }
    }

    fn checkout(&self, object: &Value) -> Meaning {
        let Some(order) = text(object, "client_reference_id").and_then(|id| id.parse().ok()) else {
            return Meaning::Ignored("no order of ours");
        };
        let mode = text(object, "mode").unwrap_or_default();
        if mode == "setup" {
            return Meaning::Ignored("nothing was paid");
        }
        let tax = object.get("total_details").and_then(|details| number(details, "amount_tax"));
        let paid = Paid {
            mode: mode.to_owned(),
            total: number(object, "amount_total"),
            tax: tax.unwrap_or(0),
            currency: text(object, "currency").unwrap_or_default().to_owned(),
            livemode: self.livemode == Some(true) && object.get("livemode") != Some(&Value::Bool(false)),
            tier: object.get("metadata").and_then(|data| text(data, "tier")).map(str::to_owned),
        };
        let step = match (self.kind.as_str(), text(object, "payment_status")) {
            ("checkout.session.async_payment_failed", _) => Step::Failed,
            (_, Some("paid")) => Step::Paid(paid),
            (_, Some("no_payment_required")) => Step::Free(paid),
            ("checkout.session.completed", Some("unpaid")) => Step::Opened,
            _ => return Meaning::Ignored("unknown payment_status"),
        };
        Meaning::Checkout(order, step)
    }

    /// Every id that tells which payment this is about. Newer versions of Stripe's interface nest some of them.
    pub(super) fn references(&self) -> Vec<String> {
        let Some(Data { object }) = &self.data else { return Vec::new() };
        let places = [
            "/id",
            "/payment_intent",
            "/charge",
            "/latest_charge",
            "/invoice",
            "/subscription",
            "/parent/subscription_details/subscription",
            "/payment/payment_intent",
            "/payment/charge",
            "/payments/data/0/payment/payment_intent",
            "/payments/data/0/payment/charge",
        ];
        let found = places.iter().filter_map(|place| {
            let value = object.pointer(place)?;
            // An expanded object stands in the place of its id.
            value.as_str().or_else(|| text(value, "id"))
        });
        let mut found: Vec<String> = found
            .filter(|id| id.contains('_') && id.len() <= REFERENCE_BYTES)
            .take(REFERENCES)
            .map(str::to_owned)
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn number(value: &Value, name: &str) -> Option<i64> {
    value.get(name).and_then(Value::as_i64)
}

fn order_of(object: &Value) -> Option<OrderId> {
    object.get("metadata").and_then(|data| text(data, "order_id")).and_then(|id| id.parse().ok())
}
