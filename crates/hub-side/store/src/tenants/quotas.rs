//! How much a tenant's server may have kept: so many events and bytes at once, and so many a day. Beyond that its
//! messages wait; nobody else notices. A server that comes back after a week brings its whole queue (10,000 events,
//! 16 MiB) and stays far below.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{backups::AlarmKind, ids::OrderId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{signed, unsigned};
use crate::{
    StoreError,
    backups::alarms,
    entities::{tenant_event, tenant_quota},
};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Events.
    pub events: Allowance,
    /// KiB of events.
    pub kib: Allowance,
    /// Events of one tenant that are kept; the oldest make room.
    pub kept_events: u64,
    /// KiB of them.
    pub kept_kib: u64,
}

/// So many at once, and so many more a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// At once.
    pub at_once: u64,
    /// A day.
    pub a_day: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            events: Allowance { at_once: 20_000, a_day: 10_000 },
            kib: Allowance { at_once: 32 * 1024, a_day: 8 * 1024 },
            kept_events: 400_000,
            kept_kib: 256 * 1024,
        }
    }
}

impl Allowance {
    /// Takes `cost`. `until` is when all that was taken before will be earned (milliseconds): the new one, or how long
    /// to wait until there is room.
    fn take(self, until: i64, now: i64, cost: u64) -> Result<i64, TimeDelta> {
        let price = |count: u64| {
            let whole = i128::from(count) * i128::from(DAY_MS) / i128::from(self.a_day.max(1));
            i64::try_from(whole).unwrap_or(i64::MAX)
        };
        // One message may be larger than what is left; never larger than all there is.
        let cost = cost.min(self.at_once);
        let next = until.max(now).saturating_add(price(cost));
        let over = next.saturating_sub(now.saturating_add(price(self.at_once)));
        if over > 0 { Err(TimeDelta::milliseconds(over.min(DAY_MS * 30))) } else { Ok(next) }
    }
}

/// Takes room for new events of a tenant; how long they have to wait if there is none.
pub(super) async fn take(
    db: &impl ConnectionTrait,
    quotas: &Quotas,
    order: Uuid,
    (events, bytes): (u64, u64),
    now: DateTime<Utc>,
) -> Result<Option<TimeDelta>, StoreError> {
    let row = tenant_quota::Entity::find_by_id(order).one(db).await?;
    let row = row.unwrap_or(tenant_quota::Model {
        order_id: order,
        events_until: 0,
        kib_until: 0,
        kept_events: 0,
        kept_bytes: 0,
    });
    let (moment, kib) = (now.timestamp_millis(), bytes.div_ceil(1024));
    let taken = quotas.events.take(row.events_until, moment, events);
    let sized = quotas.kib.take(row.kib_until, moment, kib);
    let (events_until, kib_until) = match (taken, sized) {
        (Ok(events), Ok(kib)) => (events, kib),
        (one, other) => {
            let wait = one.err().max(other.err()).unwrap_or(TimeDelta::seconds(60));
            let message = "it sends more than any server has to say; what is too much waits".to_owned();
            alarms::raise_in(db, OrderId(order), AlarmKind::Flooded, message, now).await?;
            return Ok(Some(wait));
        }
    };
    let mut kept =
        (unsigned(row.kept_events).saturating_add(events), unsigned(row.kept_bytes).saturating_add(bytes));
    if kept.0 > quotas.kept_events || kept.1 / 1024 > quotas.kept_kib {
        kept = make_room(db, quotas, order, (events, bytes)).await?;
    }
    let row = tenant_quota::ActiveModel {
        order_id: Set(order),
        events_until: Set(events_until),
        kib_until: Set(kib_until),
        kept_events: Set(signed(kept.0)),
        kept_bytes: Set(signed(kept.1)),
    };
    use tenant_quota::Column;
    let replace = OnConflict::column(Column::OrderId)
        .update_columns([Column::EventsUntil, Column::KibUntil, Column::KeptEvents, Column::KeptBytes])
        .to_owned();
    tenant_quota::Entity::insert(row).on_conflict(replace).exec_without_returning(db).await?;
    Ok(None)
}

/// Counts anew what is kept of a tenant, and forgets the oldest if new ones do not fit: a tenth more than it must. What
/// will be kept then.
async fn make_room(
    db: &impl ConnectionTrait,
    quotas: &Quotas,
    order: Uuid,
    (events, bytes): (u64, u64),
) -> Result<(u64, u64), StoreError> {
    let (rows, size) = kept(db, order).await?;
    let most = quotas.kept_events.saturating_sub(events);
    let most_bytes = quotas.kept_kib.saturating_mul(1024).saturating_sub(bytes);
    let share = |most: u64, is: u64| if is > most { most as f64 / is as f64 } else { 1.0 };
    let share = share(most, rows).min(share(most_bytes, size));
    if share >= 1.0 {
        return Ok((rows.saturating_add(events), size.saturating_add(bytes)));
    }
    let keep = (rows as f64 * share * 0.9) as u64;
    let oldest: Option<DateTime<Utc>> = mine(order)
        .select_only()
        .column(tenant_event::Column::ReceivedAt)
        .order_by_desc(tenant_event::Column::ReceivedAt)
        .offset(keep)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    if let Some(oldest) = oldest {
        tenant_event::Entity::delete_many()
            .filter(tenant_event::Column::OrderId.eq(order))
            .filter(tenant_event::Column::ReceivedAt.lte(oldest))
            .exec(db)
            .await?;
    }
    let (rows, size) = kept(db, order).await?;
    Ok((rows.saturating_add(events), size.saturating_add(bytes)))
}

fn mine(order: Uuid) -> sea_orm::Select<tenant_event::Entity> {
    tenant_event::Entity::find().filter(tenant_event::Column::OrderId.eq(order))
}

async fn kept(db: &impl ConnectionTrait, order: Uuid) -> Result<(u64, u64), StoreError> {
    let rows = mine(order).count(db).await?;
    let sum = "SELECT COALESCE(SUM(LENGTH(CAST(event AS TEXT))), 0) AS bytes FROM tenant_events WHERE order_id = $1";
    let sum = Statement::from_sql_and_values(db.get_database_backend(), sum, [sea_orm::Value::from(order)]);
    let bytes: i64 = match db.query_one_raw(sum).await? {
        Some(row) => row.try_get("", "bytes")?,
        None => 0,
    };
    Ok((rows, unsigned(bytes)))
}

#[cfg(test)]
mod tests {
    use super::{Allowance, Quotas};

    #[test]
    fn a_full_queue_after_a_week_fits_and_a_flood_does_not() {
        let Quotas { events, kib, .. } = Quotas::default();
        let mut until = (0, 0);
        // 100 events and 512 KiB a message; all that a queue holds, twice, without a pause.
        for _ in 0..2 {
            for _ in 0..100 {
                until.0 = events.take(until.0, 1_000_000_000_000, 100).expect("events");
            }
            for _ in 0..32 {
                until.1 = kib.take(until.1, 1_000_000_000_000, 512).expect("bytes");
            }
        }
        assert!(events.take(until.0, 1_000_000_000_000, 1).is_err());
        assert!(kib.take(until.1, 1_000_000_000_000, 1).is_err());
    }

    #[test]
    fn what_was_taken_is_earned_again_and_the_pause_is_told() {
        let allowance = Allowance { at_once: 10, a_day: 24 };
        let hour = 3_600_000;
        let until = allowance.take(0, 0, 10).expect("there is room");
        let wait = allowance.take(until, 0, 2).expect_err("there is none");
        assert_eq!(wait.num_milliseconds(), 2 * hour);
        assert!(allowance.take(until, 2 * hour - 1, 2).is_err());
        assert!(allowance.take(until, 2 * hour, 2).is_ok());
        assert!(allowance.take(0, 0, 1_000).is_ok(), "one message is never too large for ever");
        assert!(allowance.take(i64::MAX, 0, 1).is_err());
    }
}
