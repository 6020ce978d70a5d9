//! Orders that nobody pays: they end, and are forgotten once no payment can come for them any more.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Attention, Event, Pace, Phase};
use letsbe_types::ids::OrderId;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    QueryTrait as _,
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entities::{backup_destination, order, payment_reference, task, timeline},
};

/// Orders looked at together.
const PAGE: u64 = 200;

impl Store {
    /// Ends the orders that wait for a payment since before `since`, unless a person is to decide about one; a page of them
    /// at most. Answers how many.
    ///
    /// # Errors
    /// When the database fails; what was ended stays so.
    pub async fn expire_unpaid(
        &self,
        since: DateTime<Utc>,
        pace: &Pace,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let mut expired = 0;
        for id in waiting(&self.db, since).await? {
            match self.apply(OrderId(id), &Event::PaymentOverdue, None, pace, now).await {
                Ok(_) => expired += 1,
                // Paid meanwhile, or a person is to decide.
                Err(StoreError::Illegal(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(expired)
    }

    /// Removes what expired before `since`, with its timeline; a page at most. An order for which Stripe told anything, or
    /// staff gave a destination, stays. Answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_expired(&self, since: DateTime<Utc>) -> Result<u64, StoreError> {
        let transaction = self.begin_write().await?;
        let page = forgettable(&transaction, since).await?;
        if page.is_empty() {
            return Ok(0);
        }
        let ids = || page.iter().copied();
        timeline::Entity::delete_many()
            .filter(timeline::Column::OrderId.is_in(ids()))
            .exec(&transaction)
            .await?;
        task::Entity::delete_many().filter(task::Column::OrderId.is_in(ids())).exec(&transaction).await?;
        order::Entity::delete_many().filter(order::Column::Id.is_in(ids())).exec(&transaction).await?;
        self.commit(transaction).await?;
        Ok(page.len() as u64)
    }
}

/// Those that nobody has to decide about.
async fn waiting(db: &impl ConnectionTrait, since: DateTime<Utc>) -> Result<Vec<Uuid>, StoreError> {
    let page = order::Entity::find()
        .select_only()
        .column(order::Column::Id)
        .filter(order::Column::Phase.eq(Phase::AwaitingPayment.as_str()))
        .filter(order::Column::Urgency.eq(Attention::Unpaid.rank()))
        .filter(order::Column::UpdatedAt.lt(since))
        .order_by_asc(order::Column::Id)
        .limit(PAGE)
        .into_tuple();
    Ok(page.all(db).await?)
}

async fn forgettable(db: &impl ConnectionTrait, since: DateTime<Utc>) -> Result<Vec<Uuid>, StoreError> {
    let told = payment_reference::Entity::find()
        .select_only()
        .column(payment_reference::Column::OrderId)
        .filter(payment_reference::Column::OrderId.is_not_null())
        .into_query();
    let given = backup_destination::Entity::find()
        .select_only()
        .column(backup_destination::Column::OrderId)
        .into_query();
    let page = order::Entity::find()
        .select_only()
        .column(order::Column::Id)
        .filter(order::Column::Phase.eq(Phase::Expired.as_str()))
        .filter(order::Column::UpdatedAt.lt(since))
        .filter(order::Column::Id.not_in_subquery(told))
        .filter(order::Column::Id.not_in_subquery(given))
        .limit(PAGE)
        .into_tuple();
    Ok(page.all(db).await?)
}
