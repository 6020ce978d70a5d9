//! What was found wrong from outside: it stays until it is well again or a person has looked.

use chrono::{DateTime, Utc};
use letsbe_types::{
    backups::{Alarm, AlarmKind, Look},
    ids::{AlarmId, OrderId},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use crate::{
    Store, StoreError,
    entities::backup_alarm::{self, Column, Entity, Model},
    row_error,
    timeline::{self, NewEntry},
};

/// Alarms in one list.
const LISTED: u64 = 100;

/// Something that was found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAlarm {
    /// What.
    pub kind: AlarmKind,
    /// What, with numbers.
    pub message: String,
    /// What was there before.
    pub before: Look,
}

/// What nobody has acknowledged and what is not well again.
pub(crate) fn open() -> Condition {
    Condition::all().add(Column::EndedAt.is_null()).add(Column::AcknowledgedAt.is_null())
}

pub(crate) fn alarm(row: Model) -> Result<Alarm, StoreError> {
    let bad = row_error("backup_alarms");
    let kind = AlarmKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind);
    Ok(Alarm {
        id: AlarmId(row.id),
        kind: kind.ok_or_else(|| bad(&format!("unknown kind {}", row.kind)))?,
        message: row.message,
        began_at: row.began_at,
        before: serde_json::from_value(row.before).map_err(|error| bad(&error))?,
        ended_at: row.ended_at,
        acknowledged_by: row.acknowledged_by,
        acknowledged_at: row.acknowledged_at,
    })
}

/// Opens an alarm about what a tenant's server sends, with a line in the order's timeline, unless one of the kind is
/// open: whoever sends it again and again fills nothing.
pub(crate) async fn raise_in(
    db: &impl ConnectionTrait,
    order: OrderId,
    kind: AlarmKind,
    message: String,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let known = Entity::find()
        .filter(Column::OrderId.eq(order.0))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(open())
        .one(db)
        .await?;
    match known {
        Some(_) => Ok(()),
        None => {
            insert_in(
                db,
                order,
                &NewAlarm { kind, message, before: Look { at: now, ..Look::default() } },
                now,
            )
            .await
        }
    }
}

async fn insert_in(
    db: &impl ConnectionTrait,
    order: OrderId,
    new: &NewAlarm,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let before = serde_json::to_value(new.before).map_err(|error| row_error("backup_alarms")(&error))?;
    let row = backup_alarm::ActiveModel {
        id: Set(AlarmId::generate().0),
        order_id: Set(order.0),
        kind: Set(new.kind.as_str().to_owned()),
        message: Set(new.message.clone()),
        began_at: Set(now),
        before: Set(before),
        ended_at: Set(None),
        acknowledged_by: Set(None),
        acknowledged_at: Set(None),
    };
    row.insert(db).await?;
    let text = match new.kind.about() {
        "copies outside" => format!("Backups outside: {}", new.message),
        about => format!("Alarm about {about}: {}", new.message),
    };
    timeline::append(db, order, &NewEntry::new("backup", "failed", text), now).await?;
    Ok(())
}

impl Store {
    /// A tenant's alarms, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn alarms(&self, order: OrderId) -> Result<Vec<Alarm>, StoreError> {
        let rows = Entity::find()
            .filter(Column::OrderId.eq(order.0))
            .order_by_desc(Column::BeganAt)
            .order_by_desc(Column::Id)
            .limit(LISTED)
            .all(&self.db)
            .await?;
        rows.into_iter().map(alarm).collect()
    }

    /// Opens alarms, each with a line in the order's timeline, and ends those that are well again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_alarms(
        &self,
        order: OrderId,
        opened: &[NewAlarm],
        ended: &[AlarmId],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(order).await?;
        for new in opened {
            insert_in(&transaction, order, new, now).await?;
        }
        if !ended.is_empty() {
            Entity::update_many()
                .col_expr(Column::EndedAt, Expr::value(now))
                .filter(Column::OrderId.eq(order.0))
                .filter(Column::Id.is_in(ended.iter().map(|id| id.0)))
                .filter(Column::EndedAt.is_null())
                .exec(&transaction)
                .await?;
        }
        self.commit(transaction).await
    }

    /// A person has looked at an alarm; false when there is no such open alarm of this tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn acknowledge_alarm(
        &self,
        order: OrderId,
        id: AlarmId,
        by: &str,
        line: &NewEntry,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin_write_of(order).await?;
        let changed = Entity::update_many()
            .col_expr(Column::AcknowledgedBy, Expr::value(by))
            .col_expr(Column::AcknowledgedAt, Expr::value(now))
            .filter(Column::OrderId.eq(order.0))
            .filter(Column::Id.eq(id.0))
            .filter(open())
            .exec(&transaction)
            .await?;
        if changed.rows_affected == 0 {
            return Ok(false);
        }
        timeline::append(&transaction, order, line, now).await?;
        self.commit(transaction).await?;
        Ok(true)
    }
}
