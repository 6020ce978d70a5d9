//! Which of Stripe's ids are about which order. Ids that come together before it is known to whom they belong are a group,
//! and all of it is an order's as soon as one of them is: Stripe sends its events in no order.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::ids::OrderId;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::Sum;
use crate::{
    StoreError,
    entities::{
        payment_movement,
        payment_reference::{ActiveModel, Column, Entity, Model},
    },
};

/// What nobody's order was found for by then is about something else that the account sells.
const NOBODYS: TimeDelta = TimeDelta::days(180);

/// What is known of the ids of an event.
pub(super) struct Known {
    pub(super) order: Option<OrderId>,
    /// Whether the order was begun for this money.
    pub(super) counted: bool,
    /// Whether this is what was ordered.
    fits: bool,
    pub(super) amount: Option<Sum>,
    /// It went back before it was known whose it is, as an older version of the Hub kept it.
    pub(super) withdrawn: Option<String>,
    groups: Vec<Uuid>,
}

impl Known {
    pub(super) async fn of(db: &impl ConnectionTrait, references: &[String]) -> Result<Self, StoreError> {
        let rows = Entity::find().filter(Column::Reference.is_in(references)).all(db).await?;
        let mut groups: Vec<Uuid> = rows.iter().filter_map(|row| row.group_id).collect();
        groups.sort_unstable();
        groups.dedup();
        let best = best(&rows);
        Ok(Self {
            order: best.and_then(|row| row.order_id).map(OrderId),
            counted: best.is_some_and(|row| row.counted),
            fits: best.is_some_and(|row| row.fits),
            amount: best.and_then(sum),
            withdrawn: rows.iter().find_map(|row| row.withdrawn.clone()),
            groups,
        })
    }
}

/// What was paid by this id. An older Hub kept no currency.
pub(super) fn sum(row: &Model) -> Option<Sum> {
    Some(Sum { amount: row.amount?, currency: row.currency.clone().unwrap_or_default() })
}

fn best(rows: &[Model]) -> Option<&Model> {
    rows.iter().filter(|row| row.order_id.is_some()).max_by_key(|row| (row.counted, row.amount.is_some()))
}

/// Whether the order was begun for money of which an id is known.
pub(super) async fn has_counted(db: &impl ConnectionTrait, order: OrderId) -> Result<bool, StoreError> {
    let counted = Entity::find().filter(Column::OrderId.eq(order.0)).filter(Column::Counted.eq(true));
    Ok(counted.one(db).await?.is_some())
}

/// The order stands on the payment with these ids, and on no other one.
pub(super) async fn count(
    db: &impl ConnectionTrait,
    order: OrderId,
    references: &[String],
) -> Result<(), StoreError> {
    let all = Entity::update_many().filter(Column::OrderId.eq(order.0));
    let is_of = Column::Reference.is_in(references);
    all.col_expr(Column::Counted, is_of).exec(db).await?;
    Ok(())
}

/// What is known of a payment.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// The order was begun for it.
    pub(super) counted: bool,
    /// It is what was ordered.
    pub(super) fits: bool,
    pub(super) amount: Option<Sum>,
}

/// New ids that came together with one that is known.
pub(super) async fn relate(
    db: &impl ConnectionTrait,
    order: Option<OrderId>,
    references: &[String],
    known: &Known,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if order.is_none() {
        forget(db, now - NOBODYS).await?;
    }
    let mark = Mark { counted: known.counted, fits: known.fits, amount: known.amount.clone() };
    remember(db, order, references, mark, known, now).await
}

/// What is known of an id already is believed rather than what comes later, but that an order was begun for it, and how
/// much was paid where nothing had said so.
pub(super) async fn remember(
    db: &impl ConnectionTrait,
    order: Option<OrderId>,
    references: &[String],
    Mark { counted, fits, amount }: Mark,
    known: &Known,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (amount, currency) = match amount {
        Some(Sum { amount, currency }) => (Some(amount), Some(currency).filter(|name| !name.is_empty())),
        None => (None, None),
    };
    let group = known.groups.first().copied().unwrap_or_else(Uuid::now_v7);
    for reference in references {
        let row = ActiveModel {
            reference: Set(reference.clone()),
            order_id: Set(order.map(|order| order.0)),
            counted: Set(counted),
            amount: Set(amount),
            currency: Set(currency.clone()),
            withdrawn: Set(None),
            seen_at: Set(now),
            group_id: Set(Some(group)),
            fits: Set(fits),
        };
        let once = OnConflict::column(Column::Reference).do_nothing().to_owned();
        Entity::insert(row).on_conflict(once).exec_without_returning(db).await?;
    }
    let these = Condition::any()
        .add(Column::Reference.is_in(references))
        .add(Column::GroupId.is_in(known.groups.iter().copied()));
    let nobodys = Column::OrderId.is_null();
    let whose = Condition::any().add(nobodys.clone());
    let whose = order.iter().fold(whose, |any, order| any.add(Column::OrderId.eq(order.0)));
    let merged = Entity::update_many().col_expr(Column::GroupId, Expr::value(Some(group)));
    merged.filter(these.clone()).filter(whose).exec(db).await?;
    let Some(order) = order else { return Ok(()) };
    let owned = Entity::update_many().col_expr(Column::OrderId, Expr::value(Some::<Uuid>(order.0)));
    owned.filter(these.clone()).filter(nobodys).exec(db).await?;
    let mine = || Entity::update_many().filter(these.clone()).filter(Column::OrderId.eq(order.0));
    if fits {
        mine().col_expr(Column::Fits, Expr::value(true)).exec(db).await?;
    }
    if counted {
        mine()
            .col_expr(Column::Counted, Expr::value(true))
            .col_expr(Column::Amount, Expr::value(amount))
            .col_expr(Column::Currency, Expr::value(currency))
            .exec(db)
            .await?;
    } else if amount.is_some() {
        let unknown = mine().filter(Column::Amount.is_null());
        let told = unknown.col_expr(Column::Amount, Expr::value(amount));
        told.col_expr(Column::Currency, Expr::value(currency)).exec(db).await?;
    }
    Ok(())
}

async fn forget(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::OrderId.is_null())
        .filter(Column::SeenAt.lt(before))
        .exec(db)
        .await?;
    payment_movement::Entity::delete_many()
        .filter(payment_movement::Column::OrderId.is_null())
        .filter(payment_movement::Column::SeenAt.lt(before))
        .exec(db)
        .await?;
    Ok(())
}
