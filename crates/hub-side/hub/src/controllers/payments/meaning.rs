//! What a Stripe event means for an order. Pure: JSON in, meaning out.

use chrono::{DateTime, Utc};
use letsbe_store::{Movement, Sum};
use letsbe_types::ids::OrderId;
use serde::Deserialize;
use serde_json::Value;

use super::movement;

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
    /// When Stripe made it, in seconds; a date in thin events.
    #[serde(default)]
    created: Value,
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
    /// Money goes back, is disputed or did not come, or does not after all; and the order if it is named.
    Moved(Movement, Option<OrderId>),
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
    /// What was taken off the price.
    pub(super) discount: i64,
    /// What was charged, where the customer paid in another currency than the price's.
    pub(super) charged: Option<Sum>,
    /// In small letters.
    pub(super) currency: String,
    /// Whether it is real money.
    pub(super) livemode: bool,
    /// The tier that was sold, where the session was made with it.
    pub(super) tier: Option<String>,
}

impl Paid {
    fn sum(&self) -> Option<Sum> {
        Some(Sum { amount: self.total?, currency: self.currency.clone() })
    }

    /// What the customer was charged.
    pub(super) fn charged(&self) -> Option<Sum> {
        self.charged.clone().or_else(|| self.sum())
    }
}

impl StripeEvent {
    /// What it means; `now` stands for an event that does not say when it was made.
    pub(super) fn meaning(&self, now: DateTime<Utc>) -> Meaning {
        let Some(Data { object }) = &self.data else { return Meaning::Ignored("a thin event") };
        let told = movement::Told {
            event: &self.id,
            kind: &self.kind,
            at: self.created.as_i64().and_then(|at| DateTime::from_timestamp(at, 0)).unwrap_or(now),
            object,
        };
        match self.kind.as_str() {
            "checkout.session.completed"
            | "checkout.session.async_payment_succeeded"
            | "checkout.session.async_payment_failed" => self.checkout(object),
            "customer.subscription.deleted" => Meaning::Concerning(
                "subscription_ended",
                "the subscription has ended: nothing more will be paid for this server",
            ),
            "invoice_payment.paid" | "charge.succeeded" | "payment_intent.succeeded" => Meaning::Related,
            _ => match told.movement() {
                Some(Some(movement)) => Meaning::Moved(movement, order_of(object)),
                Some(None) => Meaning::Related,
                None => Meaning::Ignored("event type not used"),
            },
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
        let paid = self.paid(object, mode);
        let step = match (self.kind.as_str(), text(object, "payment_status")) {
            ("checkout.session.async_payment_failed", _) => Step::Failed,
            // A subscription with a coupon of 100 % counts as paid at Stripe.
            (_, Some("paid")) if paid.total == Some(0) => Step::Free(paid),
            (_, Some("paid")) => Step::Paid(paid),
            (_, Some("no_payment_required")) => Step::Free(paid),
            ("checkout.session.completed", Some("unpaid")) => Step::Opened,
            _ => return Meaning::Ignored("unknown payment_status"),
        };
        Meaning::Checkout(order, step)
    }

    fn paid(&self, object: &Value, mode: &str) -> Paid {
        let detail =
            |name| object.get("total_details").and_then(|details| number(details, name)).unwrap_or(0);
        let paid = Paid {
            mode: mode.to_owned(),
            total: number(object, "amount_total"),
            tax: detail("amount_tax"),
            discount: detail("amount_discount"),
            charged: None,
            currency: text(object, "currency").unwrap_or_default().to_lowercase(),
            livemode: self.livemode == Some(true) && object.get("livemode") != Some(&Value::Bool(false)),
            tier: object.get("metadata").and_then(|data| text(data, "tier")).map(str::to_owned),
        };
        // Older versions of the interface tell the customer's currency, and the price's beside it.
        let Some(price) = object.get("currency_conversion").filter(|price| price.is_object()) else {
            return paid;
        };
        let (total, before) = (number(price, "amount_total"), number(price, "amount_subtotal"));
        let on_top = total.zip(before).map_or(0, |(total, before)| total.saturating_sub(before));
        Paid {
            charged: paid.sum(),
            total,
            tax: if paid.tax > 0 && paid.discount == 0 { on_top } else { 0 },
            discount: 0,
            currency: text(price, "source_currency").unwrap_or_default().to_lowercase(),
            ..paid
        }
    }

    /// Every id that tells which payment this is about. Newer versions of Stripe's interface nest some of them.
    pub(super) fn references(&self) -> Vec<String> {
        let Some(Data { object }) = &self.data else { return Vec::new() };
        let nested = (0..PAYMENTS).flat_map(|number| {
            ["payment_intent", "charge"].map(|name| format!("/payments/data/{number}/payment/{name}"))
        });
        let places = PLACES.into_iter().map(str::to_owned).chain(nested);
        let found = places.filter_map(|place| id_at(object, &place));
        let mut found: Vec<String> = found.take(REFERENCES).collect();
        found.sort();
        found.dedup();
        found
    }
}

/// Where ids stand; whatever stands there may be expanded.
const PLACES: [&str; 17] = [
    "/id",
    "/payment_intent",
    "/payment_intent/latest_charge",
    "/payment_intent/invoice",
    "/charge",
    "/charge/payment_intent",
    "/charge/invoice",
    "/latest_charge",
    "/invoice",
    "/invoice/subscription",
    "/invoice/parent/subscription_details/subscription",
    "/subscription",
    "/parent/subscription_details/subscription",
    "/subscription_details/subscription",
    "/latest_invoice",
    "/payment/payment_intent",
    "/payment/charge",
];
/// Payments of one invoice that are looked at.
const PAYMENTS: usize = 5;

/// The id at a place of an object; an expanded object stands in the place of its id.
pub(super) fn id_at(object: &Value, place: &str) -> Option<String> {
    let value = object.pointer(place)?;
    let id = value.as_str().or_else(|| text(value, "id"))?;
    (id.contains('_') && id.len() <= REFERENCE_BYTES).then(|| id.to_owned())
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

pub(super) fn number(value: &Value, name: &str) -> Option<i64> {
    value.get(name).and_then(Value::as_i64)
}

fn order_of(object: &Value) -> Option<OrderId> {
    object.get("metadata").and_then(|data| text(data, "order_id")).and_then(|id| id.parse().ok())
}
