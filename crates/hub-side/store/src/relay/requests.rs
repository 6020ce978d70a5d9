//! Requests through the relay: reserved before they are sent, settled once.

use chrono::{DateTime, Datelike as _, NaiveTime, Utc};
use letsbe_types::ids::OrderId;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, sea_query::Expr,
};
use uuid::Uuid;

use super::usage;
use crate::{
    Store, StoreError,
    entities::{relay_request, relay_usage},
    tenants::{signed, unsigned},
};

/// Abandoned requests that are settled in one transaction.
const AT_ONCE: u64 = 500;

/// A request that is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct RelayRequest<'a> {
    /// Whose.
    pub tenant: OrderId,
    /// Provider and model, `openrouter/some-model`.
    pub model: &'a str,
    /// The most tokens that are read.
    pub input: u64,
    /// The most tokens that are written.
    pub output: u64,
}

/// Whether a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// It may; it is settled under this id.
    As(Uuid),
    /// It might use more than is left of the month; so many tokens are used or held.
    Exhausted(u64),
}

/// What a request used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayUse {
    /// Tokens read.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
    /// Whether the provider reported it; else it is an upper estimate.
    pub reported: bool,
}

impl Store {
    /// Writes a request down, if all that was used this month, all that is under way and the most that this one can
    /// use stay within `most` tokens.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reserve_relay(
        &self,
        request: RelayRequest<'_>,
        most: u64,
        now: DateTime<Utc>,
    ) -> Result<Reserved, StoreError> {
        let transaction = self.begin_write_of(request.tenant).await?;
        let used = usage::since(&transaction, request.tenant, month_of(now)).await?;
        let held = held(&transaction, request.tenant).await?;
        let taken = used.saturating_add(held);
        if taken.saturating_add(request.input).saturating_add(request.output) > most {
            return Ok(Reserved::Exhausted(taken));
        }
        let id = Uuid::now_v7();
        let row = relay_request::ActiveModel {
            id: Set(id),
            order_id: Set(request.tenant.0),
            model: Set(request.model.to_owned()),
            at: Set(now),
            input: Set(signed(request.input)),
            output: Set(signed(request.output)),
        };
        relay_request::Entity::insert(row).exec_without_returning(&transaction).await?;
        // Not through `commit`: it is no work for anybody who waits for changes.
        transaction.commit().await?;
        Ok(Reserved::As(id))
    }

    /// Settles a request: what it used is counted, once; `None` when it certainly cost nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle_relay(
        &self,
        id: Uuid,
        used: Option<RelayUse>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let find = || relay_request::Entity::find_by_id(id);
        let Some(request) = find().one(&self.db).await? else { return Ok(()) };
        let transaction = self.begin_write_of(OrderId(request.order_id)).await?;
        // Somebody may have been quicker.
        let Some(request) = find().one(&transaction).await? else { return Ok(()) };
        settle(&transaction, request, used, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Charges requests that began before a moment in full, some hundreds at most: whoever sent them is dead. Tells how many
    /// it were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle_abandoned_relays(
        &self,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let transaction = self.begin_write().await?;
        let abandoned = relay_request::Entity::find()
            .filter(relay_request::Column::At.lt(before))
            .limit(AT_ONCE)
            .all(&transaction)
            .await?;
        let count = abandoned.len();
        for request in abandoned {
            let all = RelayUse {
                input: unsigned(request.input),
                output: unsigned(request.output),
                reported: false,
            };
            settle(&transaction, request, Some(all), now).await?;
        }
        transaction.commit().await?;
        Ok(count)
    }
}

async fn settle(
    db: &impl ConnectionTrait,
    request: relay_request::Model,
    used: Option<RelayUse>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    relay_request::Entity::delete_by_id(request.id).exec(db).await?;
    let Some(used) = used else { return Ok(()) };
    let row = relay_usage::Model {
        order_id: request.order_id,
        day: super::day_of(now.timestamp()),
        model: request.model,
        input: signed(used.input),
        output: signed(used.output),
        requests: 1,
        estimated: i64::from(!used.reported),
    };
    usage::add(db, row).await
}

async fn held(db: &impl ConnectionTrait, tenant: OrderId) -> Result<u64, StoreError> {
    let sum: Option<Option<i64>> = relay_request::Entity::find()
        .select_only()
        .expr(Expr::cust("CAST(SUM(input + output) AS BIGINT)"))
        .filter(relay_request::Column::OrderId.eq(tenant.0))
        .into_tuple()
        .one(db)
        .await?;
    Ok(unsigned(sum.flatten().unwrap_or(0)))
}

/// Start of the calendar month, in seconds.
fn month_of(now: DateTime<Utc>) -> i64 {
    let first = now.date_naive().with_day(1).unwrap_or_else(|| now.date_naive());
    first.and_time(NaiveTime::MIN).and_utc().timestamp()
}
