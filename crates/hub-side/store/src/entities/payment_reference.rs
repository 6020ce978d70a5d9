//! An id of Stripe's (a payment, a charge, an invoice, a subscription) and the order that it is about.

use sea_orm::entity::prelude::*;

/// An id of Stripe's and the order that it is about.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_references")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub reference: String,
    /// `None` for money that went back before it was known whose it was.
    pub order_id: Option<Uuid>,
    /// Whether this is the money that the order was begun for.
    pub counted: bool,
    /// What was paid, in the currency's smallest unit.
    pub amount: Option<i64>,
    /// Of that amount, in small letters.
    pub currency: Option<String>,
    /// `refund` or `dispute`: written before there were `payment_movements`.
    pub withdrawn: Option<String>,
    pub seen_at: DateTimeUtc,
    /// Ids of one group were seen together before it was known whose they are.
    pub group_id: Option<Uuid>,
    /// Whether this is what was ordered: an order can stand on it.
    pub fits: bool,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
