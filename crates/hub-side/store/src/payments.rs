//! Payment events: taken once, in the same transaction as what follows from them. An order is found by its own id, or by
//! any of Stripe's ids that was seen together with it: a dispute or a refund names a charge and a payment, never an order.

mod held;
mod movements;
mod references;
mod standing;

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, Pace, Phase};
use letsbe_types::ids::OrderId;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait as _, TryInsertResult};

use self::{
    held::Payments,
    references::{Known, Mark},
    standing::SECOND,
};
pub use self::{
    movements::Movement,
    standing::{MoneyStanding, MovementKind},
};
use crate::{Store, StoreError, entities::stripe_event, orders, tasks};

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

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// In the currency's smallest unit.
    pub amount: i64,
    /// Which currency, in small letters.
    pub currency: String,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentNews {
    /// What a checkout says about its own order.
    Checkout {
        /// What it means for the order.
        event: Event,
        /// What was paid.
        amount: Option<Sum>,
    },
    /// Money goes back, is disputed or did not come; or does not, after all.
    Moved(Movement),
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
        let outcome = news(&transaction, event, (pace, now)).await?;
        if outcome == PaymentOutcome::UnknownOrder && event.references.is_empty() {
            return Ok(outcome);
        }
        self.commit(transaction).await?;
        Ok(outcome)
    }
}

async fn news(
    db: &impl ConnectionTrait,
    event: &StripeNews,
    (pace, now): (&Pace, DateTime<Utc>),
) -> Result<PaymentOutcome, StoreError> {
    let known = Known::of(db, &event.references).await?;
    let order = match &event.news {
        PaymentNews::Checkout { .. } => event.order,
        _ => known.order.or(event.order),
    };
    let found = match order {
        Some(order) => orders::find(db, order).await?.map(|found| (order, found.state.phase)),
        None => None,
    };
    let outcome = match (&event.news, found) {
        (PaymentNews::Moved(told), found) => {
            let named = found.map(|(order, _)| order);
            movements::take(db, &event.references, told, (&known, named), (pace, now)).await?
        }
        (PaymentNews::Checkout { event: meant, amount }, Some((order, phase))) => {
            let told = Told { event: meant, amount: amount.as_ref(), references: &event.references };
            checkout(db, (order, phase), &told, &known, (pace, now)).await?
        }
        (PaymentNews::Checkout { .. }, None) => PaymentOutcome::UnknownOrder,
        (PaymentNews::Concerning { kind, detail }, Some((order, phase))) => {
            references::relate(db, Some(order), &event.references, &known, now).await?;
            // A second subscription that ends takes nothing from the order.
            let further = !known.counted && references::has_counted(db, order).await?;
            if phase == Phase::Stopped || further {
                PaymentOutcome::Outdated
            } else {
                tasks::open_in(db, order, kind, detail, now).await?;
                PaymentOutcome::Applied
            }
        }
        (PaymentNews::Related, Some((order, _))) => {
            references::relate(db, Some(order), &event.references, &known, now).await?;
            PaymentOutcome::Applied
        }
        // Whose it is another event may tell.
        (PaymentNews::Concerning { .. } | PaymentNews::Related, None) => {
            references::relate(db, None, &event.references, &known, now).await?;
            PaymentOutcome::UnknownOrder
        }
    };
    if let Some((order, _)) = found {
        movements::adopt(db, order, (pace, now)).await?;
    }
    Ok(outcome)
}

const FURTHER: &str = "a further payment arrived for an order: compare all of its payments at Stripe, and pay back what is \
                       too much";
const LATE: &str = "a payment arrived after the order had ended: pay it back, or have it ordered again";

/// What a checkout tells.
struct Told<'a> {
    event: &'a Event,
    amount: Option<&'a Sum>,
    references: &'a [String],
}

async fn checkout(
    db: &impl ConnectionTrait,
    (order, phase): (OrderId, Phase),
    told: &Told<'_>,
    known: &Known,
    (pace, now): (&Pace, DateTime<Utc>),
) -> Result<PaymentOutcome, StoreError> {
    if known.order.is_some_and(|other| other != order) {
        // One payment is for one order.
        return Ok(PaymentOutcome::Outdated);
    }
    let is_money = matches!(told.event, Event::PaymentReceived | Event::PaymentDiffers { .. });
    let waits = matches!(phase, Phase::AwaitingPayment | Phase::Expired);
    let told_before = told.references.is_empty() || known.counted || known.amount.is_some();
    let counted = *told.event == Event::PaymentReceived && (known.counted || waits);
    let fits = *told.event == Event::PaymentReceived;
    let mark = Mark { counted, fits, amount: told.amount.cloned() };
    references::remember(db, Some(order), told.references, mark, known, now).await?;
    let outcome = apply(db, order, told.event, pace, now).await?;
    let is_new = is_money && told.amount.is_none_or(|sum| sum.amount != 0) && !told_before;
    let payments = Payments::of(db, order, told.references).await?;
    // The message that it went back may have been quicker.
    let is_here = is_money && known.withdrawn.is_none() && !payments.this.is_gone(db).await?;
    // What the bank holds may come back.
    let may_be_here = is_money && known.withdrawn.is_none() && !payments.this.is_lost(db).await?;
    let too_much = match waits {
        true => (!payments.others.is_empty()).then_some(FURTHER),
        false => (phase != Phase::Stopped).then_some(SECOND),
    };
    if let Some(detail) = too_much.filter(|_| is_new && may_be_here) {
        tasks::open_in(db, order, "payment_twice", detail, now).await?;
    }
    if outcome == PaymentOutcome::Outdated && is_here && !known.counted {
        tasks::open_in(db, order, "payment_late", LATE, now).await?;
    }
    if counted && let Some(why) = &known.withdrawn {
        // The message that it went back was quicker.
        let event = Event::PaymentWithdrawn { why: why.clone() };
        apply(db, order, &event, pace, now).await?;
    }
    Ok(outcome)
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
