//! Money that went back, is disputed or did not come, by Stripe's id of the refund, the dispute, the invoice or the charge.

use sea_orm::entity::prelude::*;

/// One of Stripe's refunds, disputes, invoices or charges, as it was last told of.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_movements")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// `None` while it is not known whose money it is.
    pub order_id: Option<Uuid>,
    /// `refund`, `charge`, `dispute`, `invoice` or `warning`.
    pub kind: String,
    /// As `MoneyStanding` spells it.
    pub standing: String,
    /// How much of it went back or is disputed, in the currency's smallest unit; all of it where this is not known.
    pub amount: Option<i64>,
    /// How much had been paid, where the event says so.
    pub paid: Option<i64>,
    /// Of these amounts, in small letters.
    pub currency: Option<String>,
    pub charge: Option<String>,
    pub payment_intent: Option<String>,
    /// When Stripe made the newest event about it.
    pub told_at: DateTimeUtc,
    pub seen_at: DateTimeUtc,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
