//! Payment events: taken once, in the same transaction as what follows from them.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, Pace};
use letsbe_types::ids::OrderId;
use sea_orm::{ActiveValue::Set, EntityTrait as _, TryInsertResult};

use crate::{Store, StoreError, entities::stripe_event, orders};

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

impl Store {
    /// Takes a payment event once.
    ///
    /// # Errors
    /// When the database fails; nothing is stored then, and the sender will try again.
    pub async fn take_payment_event(
        &self,
        event_id: &str,
        event_type: &str,
        order: OrderId,
        event: &Event,
        pace: &Pace,
        now: DateTime<Utc>,
    ) -> Result<PaymentOutcome, StoreError> {
        let transaction = self.begin_write().await?;
        let row = stripe_event::ActiveModel {
            id: Set(event_id.to_owned()),
            kind: Set(event_type.to_owned()),
            received_at: Set(now),
        };
        let inserted = stripe_event::Entity::insert(row)
            .on_conflict_do_nothing_on([stripe_event::Column::Id])
            .exec(&transaction)
            .await?;
        if matches!(inserted, TryInsertResult::Conflicted) {
            return Ok(PaymentOutcome::Duplicate);
        }
        let outcome = match orders::apply_in(&transaction, order, event, pace, now).await {
            Ok(_) => PaymentOutcome::Applied,
            Err(StoreError::Illegal(_)) => PaymentOutcome::Outdated,
            Err(StoreError::NoSuchOrder(_)) => return Ok(PaymentOutcome::UnknownOrder),
            Err(other) => return Err(other),
        };
        self.commit(transaction).await?;
        Ok(outcome)
    }
}
