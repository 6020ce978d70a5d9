//! History: heartbeats by hour (30 days) and by day (400 days); tokens, events, commands, approvals (400 days); ends of gates'
//! logs (30 days, then one a day for ever).

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    ids::OrderId,
    tenants::{Rollup, TokenUse},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    Statement, sea_query::OnConflict,
};

use super::{approvals, commands, events, gate_log, unsigned};
use crate::{
    Store, StoreError,
    entities::{rollup, token, upkeep},
    relay::usage,
    row_error,
};

const DAY: i64 = 24 * 3_600;
const HOURS_KEPT: TimeDelta = TimeDelta::days(30);
const DAYS_KEPT: TimeDelta = TimeDelta::days(400);
/// The name of this work in `upkeep`.
const WORK: &str = "rollups";

/// What is to be done next: one day summed up, and what became too old forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    day: i64,
    hours_from: i64,
    days_from: i64,
}

/// The oldest day that is over, not summed up yet, and still there hour by hour.
fn due(through: i64, now: DateTime<Utc>) -> Option<Due> {
    let today = now.timestamp().div_euclid(DAY) * DAY;
    let hours_from = (now - HOURS_KEPT).timestamp();
    // A whole day that began before what is kept has lost some of its hours already.
    let oldest = today - HOURS_KEPT.num_seconds();
    let day = through.max(oldest);
    (day < today).then(|| Due { day, hours_from, days_from: (now - DAYS_KEPT).timestamp() })
}

/// One day's hours as a row for each tenant. What is there already is replaced, so that it can be done again.
const SUM_UP: &str = "\
INSERT INTO tenant_rollups (order_id, period, start, beats, disk_used_percent, disk_max, memory_used_mib, memory_max, \
    not_ok_min, not_ok_max, tokens_used) \
SELECT sums.order_id, 'day', $1, sums.beats, final.disk_used_percent, sums.disk_max, final.memory_used_mib, \
    sums.memory_max, sums.not_ok_min, sums.not_ok_max, final.tokens_used \
FROM (SELECT order_id, MAX(start) AS last_start, SUM(beats) AS beats, MAX(disk_max) AS disk_max, \
        MAX(memory_max) AS memory_max, MIN(not_ok_min) AS not_ok_min, MAX(not_ok_max) AS not_ok_max \
      FROM tenant_rollups WHERE period = 'hour' AND start >= $1 AND start < $2 GROUP BY order_id) AS sums \
JOIN tenant_rollups AS final \
    ON final.order_id = sums.order_id AND final.period = 'hour' AND final.start = sums.last_start \
WHERE true \
ON CONFLICT (order_id, period, start) DO UPDATE SET beats = excluded.beats, \
    disk_used_percent = excluded.disk_used_percent, disk_max = excluded.disk_max, \
    memory_used_mib = excluded.memory_used_mib, memory_max = excluded.memory_max, \
    not_ok_min = excluded.not_ok_min, not_ok_max = excluded.not_ok_max, tokens_used = excluded.tokens_used";

impl Store {
    /// Does what is due for the history, one day at a time; false when nothing is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_up(&self, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let done = upkeep::Entity::find_by_id(WORK.to_owned()).one(&self.db).await?;
        if due(done.map_or(0, |row| row.through), now).is_none() {
            return Ok(false);
        }
        let transaction = self.begin_write().await?;
        let done = upkeep::Entity::find_by_id(WORK.to_owned()).one(&transaction).await?;
        // Another process may have been quicker.
        let Some(due) = due(done.map_or(0, |row| row.through), now) else { return Ok(false) };
        let next = due.day + DAY;
        let values = [due.day, next].map(sea_orm::Value::from);
        let sum_up = Statement::from_sql_and_values(transaction.get_database_backend(), SUM_UP, values);
        transaction.execute_raw(sum_up).await?;
        forget(&transaction, "hour", due.hours_from.min(next)).await?;
        forget(&transaction, "day", due.days_from).await?;
        token::Entity::delete_many().filter(token::Column::Hour.lt(due.days_from)).exec(&transaction).await?;
        usage::forget_before(&transaction, due.days_from).await?;
        events::forget_before(&transaction, now - DAYS_KEPT).await?;
        commands::forget_before(&transaction, now - DAYS_KEPT).await?;
        approvals::forget_before(&transaction, now - DAYS_KEPT).await?;
        gate_log::forget_before(&transaction, now - HOURS_KEPT).await?;
        let row = upkeep::ActiveModel { name: Set(WORK.to_owned()), through: Set(next) };
        let replace =
            OnConflict::column(upkeep::Column::Name).update_column(upkeep::Column::Through).to_owned();
        upkeep::Entity::insert(row).on_conflict(replace).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// A tenant's heartbeats since `since`, hour by hour, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hours(&self, order: OrderId, since: DateTime<Utc>) -> Result<Vec<Rollup>, StoreError> {
        self.rollups(order, "hour", since).await
    }

    /// The same, day by day.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn days(&self, order: OrderId, since: DateTime<Utc>) -> Result<Vec<Rollup>, StoreError> {
        self.rollups(order, "day", since).await
    }

    async fn rollups(
        &self,
        order: OrderId,
        period: &str,
        since: DateTime<Utc>,
    ) -> Result<Vec<Rollup>, StoreError> {
        let rows = rollup::Entity::find()
            .filter(rollup::Column::OrderId.eq(order.0))
            .filter(rollup::Column::Period.eq(period))
            .filter(rollup::Column::Start.gte(since.timestamp()))
            .order_by_desc(rollup::Column::Start)
            .all(&self.db)
            .await?;
        rows.into_iter().map(summed).collect()
    }

    /// A tenant's tokens since `since`, by hour and model, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens(&self, order: OrderId, since: DateTime<Utc>) -> Result<Vec<TokenUse>, StoreError> {
        let rows = token::Entity::find()
            .filter(token::Column::OrderId.eq(order.0))
            .filter(token::Column::Hour.gte(since.timestamp()))
            .order_by_desc(token::Column::Hour)
            .order_by_asc(token::Column::Model)
            .all(&self.db)
            .await?;
        let used = |row: token::Model| {
            Ok(TokenUse {
                start: moment("tenant_tokens", row.hour)?,
                model: row.model,
                input: unsigned(row.input),
                output: unsigned(row.output),
                requests: unsigned(row.requests),
            })
        };
        rows.into_iter().map(used).collect()
    }
}

async fn forget(db: &impl ConnectionTrait, period: &str, before: i64) -> Result<(), StoreError> {
    rollup::Entity::delete_many()
        .filter(rollup::Column::Period.eq(period))
        .filter(rollup::Column::Start.lt(before))
        .exec(db)
        .await?;
    Ok(())
}

fn moment(table: &'static str, seconds: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| row_error(table)(&"no such moment"))
}

fn summed(row: rollup::Model) -> Result<Rollup, StoreError> {
    let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let share = |number: i64| u8::try_from(number).unwrap_or(u8::MAX);
    Ok(Rollup {
        start: moment("tenant_rollups", row.start)?,
        beats: unsigned(row.beats),
        disk_used_percent: share(row.disk_used_percent),
        disk_max: share(row.disk_max),
        memory_used_mib: unsigned(row.memory_used_mib),
        memory_max: unsigned(row.memory_max),
        not_ok_min: small(row.not_ok_min),
        not_ok_max: small(row.not_ok_max),
        tokens_used: unsigned(row.tokens_used),
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{DAY, due};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a moment")
    }

    #[test]
    fn every_day_that_is_over_is_due_once_and_in_order() {
        let now = at("2026-11-22T00:30:00Z");
        let today = at("2026-11-22T00:00:00Z").timestamp();
        let mut through = 0;
        let mut days = Vec::new();
        while let Some(due) = due(through, now) {
            days.push(due.day);
            through = due.day + DAY;
        }
        assert_eq!(days.len(), 30);
        assert_eq!(days[29], today - DAY);
        assert!(days.windows(2).all(|pair| pair[1] - pair[0] == DAY));
        assert_eq!(due(today, now), None, "today is not over");
        assert_eq!(due(today, at("2026-11-22T23:59:59Z")), None);
        let tomorrow = due(today, at("2026-11-23T00:00:00Z")).expect("due");
        assert_eq!(tomorrow.day, today);
        assert_eq!(tomorrow.hours_from, at("2026-10-24T00:00:00Z").timestamp());
    }
}
