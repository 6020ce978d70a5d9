//! What tenants' folders held: by hour for two weeks, the last look of each day for 400 days.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{backups::Look, ids::OrderId};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    sea_query::OnConflict,
};

use crate::{
    Store, StoreError,
    entities::backup_look::{Column, Entity, Model},
    tenants::{heartbeats::HOUR, signed, unsigned},
};

const DAY: i64 = 24 * HOUR;
/// What is kept of each period.
const KEPT: [(&str, i64, TimeDelta); 2] =
    [("hour", HOUR, TimeDelta::days(14)), ("day", DAY, TimeDelta::days(400))];

fn row(order: OrderId, period: &str, length: i64, look: &Look) -> Model {
    Model {
        order_id: order.0,
        period: period.to_owned(),
        start: look.at.timestamp().div_euclid(length) * length,
        at: look.at,
        objects: signed(look.objects),
        bytes: signed(look.bytes),
        noncurrent_objects: signed(look.noncurrent_objects),
        noncurrent_bytes: signed(look.noncurrent_bytes),
        delete_markers: signed(look.delete_markers),
        newest_at: look.newest_at,
    }
}

pub(crate) fn look(row: &Model) -> Look {
    Look {
        at: row.at,
        objects: unsigned(row.objects),
        bytes: unsigned(row.bytes),
        noncurrent_objects: unsigned(row.noncurrent_objects),
        noncurrent_bytes: unsigned(row.noncurrent_bytes),
        delete_markers: unsigned(row.delete_markers),
        newest_at: row.newest_at,
    }
}

impl Store {
    /// Keeps what was counted, in the place of an earlier look of the same hour and day; what is too old goes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_look(&self, order: OrderId, look: &Look) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(order).await?;
        for (period, length, kept) in KEPT {
            let replace = OnConflict::columns([Column::OrderId, Column::Period, Column::Start])
                .update_columns([
                    Column::At,
                    Column::Objects,
                    Column::Bytes,
                    Column::NoncurrentObjects,
                    Column::NoncurrentBytes,
                    Column::DeleteMarkers,
                    Column::NewestAt,
                ])
                .to_owned();
            let row = row(order, period, length, look).into_active_model();
            Entity::insert(row).on_conflict(replace).exec_without_returning(&transaction).await?;
            Entity::delete_many()
                .filter(Column::OrderId.eq(order.0))
                .filter(Column::Period.eq(period))
                .filter(Column::Start.lt((look.at - kept).timestamp()))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// What a tenant's folder held since `since`, hour by hour, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn looks_by_hour(&self, order: OrderId, since: DateTime<Utc>) -> Result<Vec<Look>, StoreError> {
        self.looks(order, "hour", since).await
    }

    /// The same, day by day.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn looks_by_day(&self, order: OrderId, since: DateTime<Utc>) -> Result<Vec<Look>, StoreError> {
        self.looks(order, "day", since).await
    }

    async fn looks(
        &self,
        order: OrderId,
        period: &str,
        since: DateTime<Utc>,
    ) -> Result<Vec<Look>, StoreError> {
        let rows = Entity::find()
            .filter(Column::OrderId.eq(order.0))
            .filter(Column::Period.eq(period))
            .filter(Column::Start.gte(since.timestamp()))
            .order_by_desc(Column::Start)
            .all(&self.db)
            .await?;
        Ok(rows.iter().map(look).collect())
    }
}
