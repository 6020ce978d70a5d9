//! Payment events: taken once, in the same transaction as what follows from them. An order is found by its own id, or by
//! any of Stripe's ids that was seen together with it before: a dispute or a refund names a charge and a payment, never
//! an order.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, Pace, Phase};
use letsbe_types::ids::OrderId;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, TryInsertResult,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entities::{payment_reference, stripe_event},
    orders, tasks,
};

/// What became of a payment event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentOutcome {
    /// It changed the order, or confirmed what was known.
    Applied,
    /// It had been taken before.
    Duplicate,
    /// It names no order of ours.
    UnknownOrder,
    /// It makes no sense for the order any more; remembered, without consequence.
    Outdated,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentNews {
    /// What a checkout says about its own order.
    Checkout {
        /// What it means for the order.
        event: Event,
        /// What was paid, in the currency's smallest unit.
        amount: Option<i64>,
    },
    /// Money went back, or will.
    Withdrawn {
        /// `refund` or `dispute`.
        why: &'static str,
        /// How much of it; all of it where the event does not say.
        amount: Option<i64>,
    },
    /// Something that a person should know of an order that is live.
    Concerning {
        /// What kind of task.
        kind: &'static str,
        /// What happened.
        detail: &'static str,
    },
    /// Only that ids belong together.
    Related,
}

/// A signed event of Stripe's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeNews {
    /// `evt_…`
    pub id: String,
    /// For example `checkout.session.completed`.
    pub kind: String,
    /// The order, where the event names one.
    pub order: Option<OrderId>,
    /// Every id of Stripe's that it is about.
    pub references: Vec<String>,
    /// What it says.
    pub news: PaymentNews,
}

impl Store {
    /// Takes a payment event once.
    ///
    /// # Errors
    /// When the database fails; nothing is stored then, and the sender will try again.
    pub async fn take_payment_event(
        &self,
        event: &StripeNews,
        pace: &Pace,
        now: DateTime<Utc>,
    ) -> Result<PaymentOutcome, StoreError> {
        let transaction = self.begin_write().await?;
        let row = stripe_event::ActiveModel {
            id: Set(event.id.clone()),
            kind: Set(event.kind.clone()),
            received_at: Set(now),
        };
        let inserted = stripe_event::Entity::insert(row)
            .on_conflict_do_nothing_on([stripe_event::Column::Id])
            .exec(&transaction)
            .await?;
        if matches!(inserted, TryInsertResult::Conflicted) {
            return Ok(PaymentOutcome::Duplicate);
        }
        let known = Known::of(&transaction, &event.references).await?;
        let outcome = match &event.news {
            PaymentNews::Checkout { event: meant, amount } => {
                let Some(order) = event.order else { return Ok(PaymentOutcome::UnknownOrder) };
                if orders::find(&transaction, order).await?.is_none() {
                    return Ok(PaymentOutcome::UnknownOrder);
                }
                checkout(&transaction, order, meant, *amount, &event.references, &known, (pace, now)).await?
            }
            PaymentNews::Withdrawn { why, amount } => {
                withdrawn(&transaction, event, (why, *amount), &known, (pace, now)).await?
            }
            PaymentNews::Concerning { kind, detail } => {
                let Some(order) = known.order.or(event.order) else {
                    return Ok(PaymentOutcome::UnknownOrder);
                };
                relate(&transaction, order, &event.references, &known, now).await?;
                match orders::find(&transaction, order).await?.map(|order| order.state.phase) {
                    None => return Ok(PaymentOutcome::UnknownOrder),
                    Some(Phase::Stopped) => PaymentOutcome::Outdated,
                    Some(_) => {
                        tasks::open_in(&transaction, order, kind, detail, now).await?;
                        PaymentOutcome::Applied
                    }
                }
            }
            PaymentNews::Related => {
                let Some(order) = known.order else { return Ok(PaymentOutcome::UnknownOrder) };
                relate(&transaction, order, &event.references, &known, now).await?;
                PaymentOutcome::Applied
            }
        };
        if outcome == PaymentOutcome::UnknownOrder && event.references.is_empty() {
            return Ok(outcome);
        }
        self.commit(transaction).await?;
        Ok(outcome)
    }
}

/// What is known of the ids of an event.
struct Known {
    order: Option<OrderId>,
    /// Whether the order was begun for this money.
    counted: bool,
    amount: Option<i64>,
    /// It went back before it was known whose it is.
    withdrawn: Option<String>,
}

impl Known {
    async fn of(db: &impl ConnectionTrait, references: &[String]) -> Result<Self, StoreError> {
        let rows = payment_reference::Entity::find()
            .filter(payment_reference::Column::Reference.is_in(references))
            .all(db)
            .await?;
        let ours = rows.iter().filter(|row| row.order_id.is_some());
        let best = ours.max_by_key(|row| row.counted);
        Ok(Self {
            order: best.and_then(|row| row.order_id).map(OrderId),
            counted: best.is_some_and(|row| row.counted),
            amount: best.and_then(|row| row.amount),
            withdrawn: rows.iter().find_map(|row| row.withdrawn.clone()),
        })
    }
}

async fn checkout(
    db: &impl ConnectionTrait,
    order: OrderId,
    event: &Event,
    amount: Option<i64>,
    references: &[String],
    known: &Known,
    (pace, now): (&Pace, DateTime<Utc>),
) -> Result<PaymentOutcome, StoreError> {
    let counted = *event == Event::PaymentReceived;
    let others = known.order.is_some_and(|other| other != order);
    if others {
        // One payment is for one order.
        return Ok(PaymentOutcome::Outdated);
    }
    remember(db, Some(order), references, (counted, amount, None), now).await?;
    let outcome = apply(db, order, event, pace, now).await?;
    let is_money = matches!(event, Event::PaymentReceived | Event::PaymentDiffers { .. });
    if outcome == PaymentOutcome::Outdated && is_money && !known.counted && known.withdrawn.is_none() {
        let detail = "a payment arrived after the order had ended: pay it back, or have it ordered again";
        tasks::open_in(db, order, "payment_late", detail, now).await?;
    }
    if counted && let Some(why) = &known.withdrawn {
        // The message that it went back was quicker.
        let event = Event::PaymentWithdrawn { why: why.clone() };
        apply(db, order, &event, pace, now).await?;
    }
    Ok(outcome)
}

async fn withdrawn(
    db: &impl ConnectionTrait,
    event: &StripeNews,
    (why, amount): (&'static str, Option<i64>),
    known: &Known,
    (pace, now): (&Pace, DateTime<Utc>),
) -> Result<PaymentOutcome, StoreError> {
    let named = match event.order {
        Some(order) if orders::find(db, order).await?.is_some() => Some(order),
        _ => None,
    };
    let Some(order) = known.order.or(named) else {
        if event.references.is_empty() {
            return Ok(PaymentOutcome::UnknownOrder);
        }
        remember(db, None, &event.references, (false, None, Some(why)), now).await?;
        return Ok(PaymentOutcome::UnknownOrder);
    };
    relate(db, order, &event.references, known, now).await?;
    let partly = amount.zip(known.amount).is_some_and(|(back, paid)| back < paid);
    let phase = orders::find(db, order).await?.map(|order| order.state);
    let live = phase.is_some_and(|state| state.phase == Phase::Fulfilled || state.recovery.is_some());
    let not_this_money = known.order.is_some() && !known.counted;
    if partly || live || not_this_money {
        let detail = match (why, partly) {
            ("dispute", _) => "the bank disputes a payment: answer it at Stripe, and decide about the server",
            (_, true) => "a part of a payment was paid back: see whether that was meant",
            _ => "a payment was paid back: decide about the server",
        };
        tasks::open_in(db, order, &format!("payment_{why}"), detail, now).await?;
        if partly || not_this_money {
            return Ok(PaymentOutcome::Applied);
        }
    }
    apply(db, order, &Event::PaymentWithdrawn { why: why.to_owned() }, pace, now).await
}

async fn apply(
    db: &impl ConnectionTrait,
    order: OrderId,
    event: &Event,
    pace: &Pace,
    now: DateTime<Utc>,
) -> Result<PaymentOutcome, StoreError> {
    match orders::apply_in(db, order, event, pace, now).await {
        Ok(_) => Ok(PaymentOutcome::Applied),
        Err(StoreError::Illegal(_)) => Ok(PaymentOutcome::Outdated),
        Err(other) => Err(other),
    }
}

/// New ids that came together with one that is known.
async fn relate(
    db: &impl ConnectionTrait,
    order: OrderId,
    references: &[String],
    known: &Known,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    remember(db, Some(order), references, (known.counted, known.amount, None), now).await
}

/// What is known of an id already is believed rather than what comes later, but that an order was begun for it.
async fn remember(
    db: &impl ConnectionTrait,
    order: Option<OrderId>,
    references: &[String],
    (counted, amount, withdrawn): (bool, Option<i64>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    use payment_reference::{ActiveModel, Column, Entity};
    for reference in references {
        let row = ActiveModel {
            reference: Set(reference.clone()),
            order_id: Set(order.map(|order| order.0)),
            counted: Set(counted),
            amount: Set(amount),
            withdrawn: Set(withdrawn.map(str::to_owned)),
            seen_at: Set(now),
        };
        let once = OnConflict::column(Column::Reference).do_nothing().to_owned();
        Entity::insert(row).on_conflict(once).exec_without_returning(db).await?;
        let Some(order) = order else { continue };
        let mut update = Entity::update_many()
            .col_expr(Column::OrderId, Expr::value(Some::<Uuid>(order.0)))
            .filter(Column::Reference.eq(reference.as_str()));
        update = if counted {
            let mine = Condition::any().add(Column::OrderId.is_null()).add(Column::OrderId.eq(order.0));
            update
                .col_expr(Column::Counted, Expr::value(true))
                .col_expr(Column::Amount, Expr::value(amount))
                .filter(mine)
        } else {
            update.filter(Column::OrderId.is_null())
        };
        update.exec(db).await?;
    }
    Ok(())
}
