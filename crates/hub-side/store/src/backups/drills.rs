//! Drills: one of each kind for a tenant and a period, whoever schedules it.

use chrono::{DateTime, Utc};
use letsbe_types::{
    backups::{Drill, DrillKind, DrillReport},
    ids::{CommandId, DrillId, OrderId},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use crate::{
    Store, StoreError,
    entities::drill::{ActiveModel, Column, Entity, Model},
    row_error, sql,
    timeline::{self, NewEntry},
};

/// Drills in one list.
const LISTED: u64 = 100;

fn drill(row: Model) -> Result<(Drill, Option<CommandId>), StoreError> {
    let bad = row_error("drills");
    let kind = [DrillKind::Monthly, DrillKind::Quarterly].into_iter().find(|kind| kind.as_str() == row.kind);
    let drill = Drill {
        id: DrillId(row.id),
        tenant: OrderId(row.order_id),
        kind: kind.ok_or_else(|| bad(&format!("unknown kind {}", row.kind)))?,
        due_at: row.due_at,
        began_at: row.began_at,
        finished_at: row.finished_at,
        report: row.report.map(serde_json::from_value).transpose().map_err(|error| bad(&error))?,
    };
    Ok((drill, row.command_id.map(CommandId)))
}

impl Store {
    /// Notes that a drill is to be done in a period; what is noted already stays as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schedule_drill(
        &self,
        order: OrderId,
        kind: DrillKind,
        period: &str,
        due_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(DrillId::generate().0),
            order_id: Set(order.0),
            kind: Set(kind.as_str().to_owned()),
            period: Set(period.to_owned()),
            due_at: Set(due_at),
            command_id: Set(None),
            began_at: Set(None),
            finished_at: Set(None),
            report: Set(None),
        };
        let once =
            OnConflict::columns([Column::OrderId, Column::Kind, Column::Period]).do_nothing().to_owned();
        Entity::insert(row).on_conflict(once).exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// Whether a drill of this kind is noted for a period, whoever's it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_drill(&self, kind: DrillKind, period: &str) -> Result<bool, StoreError> {
        let query =
            Entity::find().filter(Column::Kind.eq(kind.as_str())).filter(Column::Period.eq(period)).limit(1);
        Ok(query.one(&self.db).await?.is_some())
    }

    /// A drill began: its server has the command.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_drill(
        &self,
        id: DrillId,
        command: CommandId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::CommandId, Expr::value(command.0))
            .col_expr(Column::BeganAt, Expr::value(now))
            .filter(Column::Id.eq(id.0))
            .filter(Column::BeganAt.is_null())
            .exec(&self.db)
            .await?;
        Ok(())
    }

    /// A drill ended; false when it had ended before, or is not this tenant's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_drill(
        &self,
        order: OrderId,
        id: DrillId,
        report: &DrillReport,
        line: &NewEntry,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let json = serde_json::to_value(report).map_err(|error| row_error("drills")(&error))?;
        let began = sql::with_values(self.db.get_database_backend(), "COALESCE(began_at, ?)", [now.into()]);
        let transaction = self.begin_write_of(order).await?;
        let changed = Entity::update_many()
            .col_expr(Column::Report, Expr::value(json))
            .col_expr(Column::FinishedAt, Expr::value(now))
            .col_expr(Column::BeganAt, began)
            .filter(Column::Id.eq(id.0))
            .filter(Column::OrderId.eq(order.0))
            .filter(Column::FinishedAt.is_null())
            .exec(&transaction)
            .await?;
        if changed.rows_affected == 0 {
            return Ok(false);
        }
        timeline::append(&transaction, order, line, now).await?;
        self.commit(transaction).await?;
        Ok(true)
    }

    /// Drills that have not ended, the longest due first, each with the command of its server.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_drills(&self) -> Result<Vec<(Drill, Option<CommandId>)>, StoreError> {
        let rows = Entity::find().filter(Column::FinishedAt.is_null()).order_by_asc(Column::DueAt);
        rows.all(&self.db).await?.into_iter().map(drill).collect()
    }

    /// Drills of a tenant, or of all, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drills(&self, order: Option<OrderId>) -> Result<Vec<Drill>, StoreError> {
        let mut query = Entity::find().order_by_desc(Column::DueAt).limit(LISTED);
        if let Some(order) = order {
            query = query.filter(Column::OrderId.eq(order.0));
        }
        query.all(&self.db).await?.into_iter().map(|row| Ok(drill(row)?.0)).collect()
    }

    /// One drill of a tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drill(&self, order: OrderId, id: DrillId) -> Result<Option<Drill>, StoreError> {
        let row = Entity::find_by_id(id.0).filter(Column::OrderId.eq(order.0)).one(&self.db).await?;
        Ok(row.map(drill).transpose()?.map(|(drill, _)| drill))
    }
}
