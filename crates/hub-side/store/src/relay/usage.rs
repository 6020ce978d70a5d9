//! What the relay counted, by day and model, and beside it what servers reported of the same models.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use letsbe_types::{ids::OrderId, tenants::RelayedDay};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{DAY, day_of};
use crate::{
    Store, StoreError,
    entities::{relay_usage, token},
    row_error,
    tenants::unsigned,
};

/// One day as the relay counted it and as the server reported it, models of the relay only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeteredDay {
    /// Start of the day.
    pub start: DateTime<Utc>,
    /// Tokens as the relay counted them.
    pub relayed: u64,
    /// Tokens as the server reported them.
    pub reported: u64,
}

impl Store {
    /// What the relay counted for a tenant since `since`, by day and model, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn relayed(
        &self,
        tenant: OrderId,
        since: DateTime<Utc>,
    ) -> Result<Vec<RelayedDay>, StoreError> {
        let rows = relay_usage::Entity::find()
            .filter(relay_usage::Column::OrderId.eq(tenant.0))
            .filter(relay_usage::Column::Day.gte(day_of(since.timestamp())))
            .order_by_desc(relay_usage::Column::Day)
            .order_by_asc(relay_usage::Column::Model)
            .all(&self.db)
            .await?;
        let day = |row: relay_usage::Model| {
            Ok(RelayedDay {
                start: moment(row.day)?,
                model: row.model,
                input: unsigned(row.input),
                output: unsigned(row.output),
                requests: unsigned(row.requests),
                estimated: unsigned(row.estimated),
            })
        };
        rows.into_iter().map(day).collect()
    }
}

/// The last few days of several tenants.
pub(crate) async fn metered(
    db: &impl ConnectionTrait,
    tenants: &[Uuid],
) -> Result<HashMap<Uuid, Vec<MeteredDay>>, StoreError> {
    let newest = "relay_usage.day > (SELECT MAX(later.day) FROM relay_usage AS later \
                  WHERE later.order_id = relay_usage.order_id) - 345600";
    let counted: Vec<(Uuid, i64, String, i64)> = relay_usage::Entity::find()
        .select_only()
        .columns([relay_usage::Column::OrderId, relay_usage::Column::Day, relay_usage::Column::Model])
        .expr(Expr::cust("input + output"))
        .filter(relay_usage::Column::OrderId.is_in(tenants.iter().copied()))
        .filter(Expr::cust(newest))
        .into_tuple()
        .all(db)
        .await?;
    let Some(first) = counted.iter().map(|(_, day, ..)| *day).min() else { return Ok(HashMap::new()) };
    let said: Vec<(Uuid, i64, String, i64)> = token::Entity::find()
        .select_only()
        .columns([token::Column::OrderId, token::Column::Hour, token::Column::Model])
        .expr(Expr::cust("input + output"))
        .filter(token::Column::OrderId.is_in(tenants.iter().copied()))
        .filter(token::Column::Hour.gte(first))
        .into_tuple()
        .all(db)
        .await?;
    let mut reported: BTreeMap<(Uuid, i64, String), u64> = BTreeMap::new();
    for (tenant, hour, model, tokens) in said {
        *reported.entry((tenant, day_of(hour), model)).or_default() += unsigned(tokens);
    }
    let mut days: BTreeMap<(Uuid, i64), (u64, u64)> = BTreeMap::new();
    for (tenant, day, model, tokens) in counted {
        let (relayed, said) = days.entry((tenant, day)).or_default();
        *relayed += unsigned(tokens);
        *said += reported.get(&(tenant, day, model)).copied().unwrap_or(0);
    }
    let mut all: HashMap<Uuid, Vec<MeteredDay>> = HashMap::new();
    for ((tenant, day), (relayed, reported)) in days {
        all.entry(tenant).or_default().push(MeteredDay { start: moment(day)?, relayed, reported });
    }
    Ok(all)
}

/// Tokens of a tenant since the start of a day.
pub(super) async fn since(db: &impl ConnectionTrait, tenant: OrderId, day: i64) -> Result<u64, StoreError> {
    let sum: Option<Option<i64>> = relay_usage::Entity::find()
        .select_only()
        .expr(Expr::cust("CAST(SUM(input + output) AS BIGINT)"))
        .filter(relay_usage::Column::OrderId.eq(tenant.0))
        .filter(relay_usage::Column::Day.gte(day))
        .into_tuple()
        .one(db)
        .await?;
    Ok(unsigned(sum.flatten().unwrap_or(0)))
}

pub(super) async fn add(db: &impl ConnectionTrait, row: relay_usage::Model) -> Result<(), StoreError> {
    use relay_usage::Column;
    let sum = |name: &str| Expr::cust(format!("relay_usage.{name} + excluded.{name}"));
    let add = OnConflict::columns([Column::OrderId, Column::Day, Column::Model])
        .value(Column::Input, sum("input"))
        .value(Column::Output, sum("output"))
        .value(Column::Requests, sum("requests"))
        .value(Column::Estimated, sum("estimated"))
        .to_owned();
    relay_usage::Entity::insert(row.into_active_model()).on_conflict(add).exec_without_returning(db).await?;
    Ok(())
}

/// Forgets days from before a moment.
pub(crate) async fn forget_before(db: &impl ConnectionTrait, moment: i64) -> Result<(), StoreError> {
    relay_usage::Entity::delete_many().filter(relay_usage::Column::Day.lt(moment - DAY)).exec(db).await?;
    Ok(())
}

fn moment(seconds: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| row_error("relay_usage")(&"no such moment"))
}
