//! What an event tells of a refund, a dispute or an invoice. Pure.

use chrono::{DateTime, Utc};
use letsbe_store::{MoneyStanding, Movement, MovementKind};
use serde_json::Value;

use super::meaning::{id_at, number, text};

/// An event of Stripe's.
pub(super) struct Told<'a> {
    pub(super) event: &'a str,
    pub(super) kind: &'a str,
    pub(super) at: DateTime<Utc>,
    pub(super) object: &'a Value,
}

impl Told<'_> {
    /// What is told; `Some(None)` if that is only which ids belong together, `None` for an event that is not used.
    pub(super) fn movement(&self) -> Option<Option<Movement>> {
        Some(match self.kind {
            "charge.refunded" => self.charge(),
            "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => self.refund(),
            "charge.dispute.created"
            | "charge.dispute.updated"
            | "charge.dispute.closed"
            | "charge.dispute.funds_withdrawn"
            | "charge.dispute.funds_reinstated" => Some(self.dispute()),
            "radar.early_fraud_warning.created" | "radar.early_fraud_warning.updated" => Some(self.warning()),
            "invoice.paid" | "invoice.payment_succeeded" => self.invoice(MoneyStanding::Kept),
            "invoice.payment_failed" => self.invoice(MoneyStanding::Asked),
            _ => return None,
        })
    }

    fn charge(&self) -> Option<Movement> {
        let whole = self.object.get("refunded") == Some(&Value::Bool(true));
        let paid = number(self.object, "amount_captured").or_else(|| number(self.object, "amount"));
        let back = number(self.object, "amount_refunded").filter(|back| *back > 0);
        // Without an amount it could be a small part.
        let amount = if whole { back.or(paid) } else { Some(back?) };
        let told = self.of(MovementKind::Charge, MoneyStanding::Back, amount);
        Some(Movement { paid, charge: id_at(self.object, "/id"), ..told })
    }

    fn refund(&self) -> Option<Movement> {
        // Without an amount it could be a small part: `charge.refunded` tells of the whole.
        let amount = number(self.object, "amount")?;
        let standing = match text(self.object, "status") {
            _ if self.kind == "refund.failed" => MoneyStanding::Failed,
            Some("failed") => MoneyStanding::Failed,
            Some("canceled") => MoneyStanding::Kept,
            _ => MoneyStanding::Back,
        };
        Some(self.of(MovementKind::Refund, standing, Some(amount)))
    }

    fn dispute(&self) -> Movement {
        let standing = match (text(self.object, "status"), self.kind) {
            (Some("lost"), _) => MoneyStanding::Lost,
            (Some("won" | "warning_closed"), _) | (_, "charge.dispute.funds_reinstated") => {
                MoneyStanding::Kept
            }
            (_, "charge.dispute.funds_withdrawn") => MoneyStanding::Back,
            (Some("warning_needs_response" | "warning_under_review" | "prevented"), _) => {
                MoneyStanding::Asked
            }
            _ => MoneyStanding::Back,
        };
        // A part of the order may be disputed, and not always in the payment's currency.
        let amount = number(self.object, "amount").filter(|amount| *amount > 0);
        self.of(MovementKind::Dispute, standing, amount)
    }

    /// Nothing is left to do about one when its payment is paid back or disputed: the other event tells of that.
    fn warning(&self) -> Movement {
        let is_over = self.object.get("actionable") == Some(&Value::Bool(false));
        let standing = if is_over { MoneyStanding::Kept } else { MoneyStanding::Asked };
        self.of(MovementKind::Warning, standing, None)
    }

    /// That the first attempt at the first month fails is the checkout's own matter.
    fn invoice(&self, standing: MoneyStanding) -> Option<Movement> {
        let is_first = text(self.object, "billing_reason") == Some("subscription_create");
        (!is_first).then(|| self.of(MovementKind::Invoice, standing, None))
    }

    fn of(&self, kind: MovementKind, standing: MoneyStanding, amount: Option<i64>) -> Movement {
        Movement {
            id: id_at(self.object, "/id").unwrap_or_else(|| self.event.to_owned()),
            kind,
            standing,
            amount,
            paid: None,
            currency: text(self.object, "currency").map(str::to_lowercase),
            charge: id_at(self.object, "/charge"),
            payment_intent: id_at(self.object, "/payment_intent")
                .or_else(|| id_at(self.object, "/charge/payment_intent")),
            told_at: self.at,
        }
    }
}
