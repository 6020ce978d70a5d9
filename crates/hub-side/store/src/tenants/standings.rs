//! From when a tenant's server and its backups are not well. The Hub rates each heartbeat; what is kept are moments, so that
//! lists are sorted by them at any later time without reading heartbeats.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use letsbe_types::{ids::OrderId, tenant::Heartbeat};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entities::{
        relay_usage,
        tenant_standing::{ActiveModel, Column, Entity},
        tenant_state,
    },
    relay::usage::{self, MeteredDay},
};

/// Rows in one statement.
const PIECE: usize = 500;

/// From when a server and its backups are not well, as one heartbeat has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Something on the server is wrong from then on.
    pub troubled_from: Option<DateTime<Utc>>,
    /// A backup was made, well or not.
    pub backup_made: bool,
    /// A tool's backup was never proven.
    pub backup_unproven: bool,
    /// Something about the backups is wrong from then on.
    pub backup_troubled_from: Option<DateTime<Utc>>,
    /// The backups do not count from then on.
    pub backup_failed_from: Option<DateTime<Utc>>,
    /// By which rules this was rated; 0 is by none.
    pub rules: i16,
}

/// A heartbeat that was rated by other rules than today's.
#[derive(Debug, Clone)]
pub struct Unrated {
    /// Whose.
    pub tenant: OrderId,
    /// What was said, as far as this version reads it.
    pub heartbeat: Option<Heartbeat>,
    heard_at: i64,
}

impl Standing {
    pub(super) fn row(self, order: Uuid, heard_at: DateTime<Utc>) -> ActiveModel {
        let moment = |at: Option<DateTime<Utc>>| Set(at.map(|at| at.timestamp_millis()));
        ActiveModel {
            order_id: Set(order),
            heard_at: Set(heard_at.timestamp_millis()),
            troubled_from: moment(self.troubled_from),
            backup_made: Set(self.backup_made),
            backup_unproven: Set(self.backup_unproven),
            backup_troubled_from: moment(self.backup_troubled_from),
            backup_failed_from: moment(self.backup_failed_from),
            tokens_differ: Set(false),
            rules: Set(self.rules),
        }
    }
}

/// The newest heartbeat counts; whether the tokens differ is found elsewhere.
pub(super) fn conflict() -> OnConflict {
    OnConflict::column(Column::OrderId)
        .update_columns([Column::HeardAt, Column::TroubledFrom, Column::Rules])
        .update_columns([Column::BackupMade, Column::BackupUnproven])
        .update_columns([Column::BackupTroubledFrom, Column::BackupFailedFrom])
        .to_owned()
}

impl Store {
    /// Some heartbeats that were rated by other rules than these.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unrated(&self, rules: i16) -> Result<Vec<Unrated>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Rules.ne(rules))
            .order_by_asc(Column::OrderId)
            .limit(PIECE as u64)
            .all(&self.db)
            .await?;
        let states = tenant_state::Entity::find()
            .filter(tenant_state::Column::OrderId.is_in(rows.iter().map(|row| row.order_id)));
        let states = states.all(&self.db).await?.into_iter();
        let mut bodies: HashMap<Uuid, Option<String>> =
            states.map(|state| (state.order_id, state.body)).collect();
        let unrated = |row: crate::entities::tenant_standing::Model| Unrated {
            tenant: OrderId(row.order_id),
            heartbeat: bodies
                .remove(&row.order_id)
                .flatten()
                .and_then(|body| serde_json::from_str(&body).ok()),
            heard_at: row.heard_at,
        };
        Ok(rows.into_iter().map(unrated).collect())
    }

    /// Keeps how such heartbeats are rated now; what was heard meanwhile is newer and stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rate(&self, rated: &[(Unrated, Standing)]) -> Result<(), StoreError> {
        let transaction = self.begin_write().await?;
        for (unrated, standing) in rated {
            let moment = |at: Option<DateTime<Utc>>| Expr::value(at.map(|at| at.timestamp_millis()));
            Entity::update_many()
                .col_expr(Column::TroubledFrom, moment(standing.troubled_from))
                .col_expr(Column::BackupMade, Expr::value(standing.backup_made))
                .col_expr(Column::BackupUnproven, Expr::value(standing.backup_unproven))
                .col_expr(Column::BackupTroubledFrom, moment(standing.backup_troubled_from))
                .col_expr(Column::BackupFailedFrom, moment(standing.backup_failed_from))
                .col_expr(Column::Rules, Expr::value(standing.rules))
                .filter(Column::OrderId.eq(unrated.tenant.0))
                .filter(Column::HeardAt.eq(unrated.heard_at))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// What the relay counted since a moment and what was reported, of some tenants: those after `after`, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn metered_since(
        &self,
        since: DateTime<Utc>,
        after: Option<OrderId>,
    ) -> Result<Vec<(OrderId, Vec<MeteredDay>)>, StoreError> {
        let mut select = relay_usage::Entity::find()
            .select_only()
            .column(relay_usage::Column::OrderId)
            .distinct()
            .filter(relay_usage::Column::Day.gte(since.timestamp()))
            .order_by_asc(relay_usage::Column::OrderId)
            .limit(PIECE as u64);
        if let Some(after) = after {
            select = select.filter(relay_usage::Column::OrderId.gt(after.0));
        }
        let ids: Vec<Uuid> = select.into_tuple().all(&self.db).await?;
        let mut days = usage::metered(&self.db, &ids).await?;
        Ok(ids.into_iter().map(|id| (OrderId(id), days.remove(&id).unwrap_or_default())).collect())
    }

    /// Keeps whose tokens differ; everybody else's do not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_tokens_differ(&self, tenants: &[OrderId]) -> Result<(), StoreError> {
        let transaction = self.begin_write().await?;
        Entity::update_many()
            .col_expr(Column::TokensDiffer, Expr::value(false))
            .filter(Column::TokensDiffer.eq(true))
            .exec(&transaction)
            .await?;
        for piece in tenants.chunks(PIECE) {
            Entity::update_many()
                .col_expr(Column::TokensDiffer, Expr::value(true))
                .filter(Column::OrderId.is_in(piece.iter().map(|tenant| tenant.0)))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
