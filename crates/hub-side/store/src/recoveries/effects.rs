//! The effects of recoveries: rows of this database, written in the transaction of the event.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::recovery::EffectKind;
use letsbe_types::ids::{OrderId, RecoveryId, ServerId};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};

use super::runs;
use crate::{
    StoreError,
    entities::{agent, claim, order, recovery, task},
    messages::{self, MessageKind, NewMessage},
    row_error,
};

/// A lost server should be accounted for within this.
const ACCOUNT_TIME: TimeDelta = TimeDelta::days(7);

/// Whose effects these are, and what is known of it.
pub(super) struct Case {
    pub(super) id: RecoveryId,
    pub(super) order: OrderId,
    /// The lost server.
    pub(super) lost: Option<ServerId>,
    /// The order's server before the event.
    pub(super) former: Option<ServerId>,
    /// And after it.
    pub(super) server: Option<ServerId>,
    /// Where that one answers.
    pub(super) address: Option<IpAddr>,
    /// The recovery as it was stored before the event.
    pub(super) row: Option<recovery::Model>,
}

impl Case {
    fn row(&self) -> Result<&recovery::Model, StoreError> {
        self.row.as_ref().ok_or_else(|| row_error("recoveries")(&format!("{} is not there", self.id)))
    }
}

/// Carries out one effect.
pub(super) async fn perform(
    transaction: &impl ConnectionTrait,
    case: &Case,
    effect: EffectKind,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    match effect {
        EffectKind::ForgetServer => set_server_facts(transaction, case.order, None).await,
        EffectKind::MarkLost => mark_lost(transaction, case, Some(now)).await,
        EffectKind::RevokeKey => revoke_key(transaction, case.order, now).await,
        EffectKind::NameReplacement => name_replacement(transaction, case).await,
        EffectKind::ReleaseReplacement => release_replacement(transaction, case, now).await,
        EffectKind::UnmarkLost => mark_lost(transaction, case, None).await,
        EffectKind::RestoreServer => {
            set_server_facts(transaction, case.order, case.row()?.lost_host_key.clone()).await
        }
        EffectKind::RestoreKey => restore_key(transaction, case).await,
        EffectKind::Measure => measure(transaction, case, now).await,
        EffectKind::OpenTask => open_task(transaction, case, now).await,
        EffectKind::CloseTask => close_task(transaction, case, now).await,
        EffectKind::FreeLost => free_lost(transaction, case, now).await,
    }
}

async fn set_server_facts(
    transaction: &impl ConnectionTrait,
    id: OrderId,
    host_key: Option<String>,
) -> Result<(), StoreError> {
    let change = order::ActiveModel {
        id: Set(id.0),
        host_key: Set(host_key),
        install_requested_at: Set(None),
        ..Default::default()
    };
    change.update(transaction).await?;
    Ok(())
}

async fn name_replacement(transaction: &impl ConnectionTrait, case: &Case) -> Result<(), StoreError> {
    let change = recovery::ActiveModel {
        id: Set(case.id.0),
        server: Set(case.server.as_ref().map(|server| server.0.clone())),
        address: Set(case.address.map(|address| address.to_string())),
        ..Default::default()
    };
    change.update(transaction).await?;
    Ok(())
}

async fn mark_lost(
    transaction: &impl ConnectionTrait,
    case: &Case,
    at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let Some(server) = &case.lost else { return Ok(()) };
    claim::Entity::update_many()
        .col_expr(claim::Column::LostAt, Expr::value(at))
        .filter(claim::Column::ServerId.eq(server.0.as_str()))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn release_replacement(
    transaction: &impl ConnectionTrait,
    case: &Case,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(server) = &case.former else { return Ok(()) };
    claim::Entity::update_many()
        .col_expr(claim::Column::ReleasedAt, Expr::value(now))
        .filter(claim::Column::ServerId.eq(server.0.as_str()))
        .filter(claim::Column::ReleasedAt.is_null())
        .exec(transaction)
        .await?;
    Ok(())
}

/// The moment is the recovery's own: so it is known what a cancelled one has to give back.
async fn revoke_key(
    transaction: &impl ConnectionTrait,
    order: OrderId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    agent::Entity::update_many()
        .col_expr(agent::Column::RevokedAt, Expr::value(now))
        .filter(agent::Column::OrderId.eq(order.0))
        .filter(agent::Column::RevokedAt.is_null())
        .exec(transaction)
        .await?;
    Ok(())
}

async fn restore_key(transaction: &impl ConnectionTrait, case: &Case) -> Result<(), StoreError> {
    agent::Entity::update_many()
        .col_expr(agent::Column::RevokedAt, Expr::value(Option::<DateTime<Utc>>::None))
        .filter(agent::Column::OrderId.eq(case.order.0))
        .filter(agent::Column::RevokedAt.eq(case.row()?.clock_started_at))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn measure(
    transaction: &impl ConnectionTrait,
    case: &Case,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = case.row()?;
    let data_as_of = runs::oldest_restored(transaction, case.id).await?;
    let change = recovery::ActiveModel {
        id: Set(case.id.0),
        rto_seconds: Set(Some((now - row.clock_started_at).num_seconds().max(0))),
        rpo_seconds: Set(data_as_of.map(|data| gap(row.clock_started_at, row.last_heard_at, data))),
        ..Default::default()
    };
    change.update(transaction).await?;
    Ok(())
}

async fn open_task(
    transaction: &impl ConnectionTrait,
    case: &Case,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let task = task::ActiveModel {
        id: Set(case.id.0),
        order_id: Set(case.order.0),
        kind: Set("lost_server".to_owned()),
        opened_at: Set(now),
        deadline: Set(now + ACCOUNT_TIME),
        closed_at: Set(None),
        detail: Set(None),
        closed_by: Set(None),
    };
    // The purchase of its server may have had this id.
    let anew = OnConflict::column(task::Column::Id)
        .update_columns([task::Column::Kind, task::Column::OpenedAt, task::Column::Deadline])
        .update_columns([task::Column::ClosedAt, task::Column::ClosedBy, task::Column::Detail])
        .to_owned();
    task::Entity::insert(task).on_conflict(anew).exec_without_returning(transaction).await?;
    let message = NewMessage {
        kind: MessageKind::TaskOpened,
        once_key: format!("lost.{}", case.id),
        detail: Some("say what became of the lost server (letsbe backups settle-lost)".to_owned()),
        not_before: now,
    };
    Ok(messages::insert_in(transaction, case.order, vec![message], now).await?)
}

async fn close_task(
    transaction: &impl ConnectionTrait,
    case: &Case,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    task::Entity::update_many()
        .col_expr(task::Column::ClosedAt, Expr::value(now))
        .filter(task::Column::Id.eq(case.id.0))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn free_lost(
    transaction: &impl ConnectionTrait,
    case: &Case,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(server) = &case.lost else { return Ok(()) };
    claim::Entity::update_many()
        .col_expr(claim::Column::ReleasedAt, Expr::value(now))
        .filter(claim::Column::ServerId.eq(server.0.as_str()))
        .filter(claim::Column::LostAt.is_not_null())
        .exec(transaction)
        .await?;
    Ok(())
}

/// How much time of data is gone, in seconds: from the data to the last sign of life, or to the request where the
/// server was never heard.
pub(crate) fn gap(requested: DateTime<Utc>, last_heard: Option<DateTime<Utc>>, data: DateTime<Utc>) -> i64 {
    let lived_until = last_heard.map_or(requested, |heard| heard.min(requested));
    (lived_until - data).num_seconds().max(0)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::gap;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-22T{text}:00Z").parse().expect("a moment")
    }

    #[test]
    fn the_gap_ends_with_the_last_sign_of_life() {
        let cases = [
            ("12:00", Some("11:00"), "02:00", 9 * 3600),
            ("12:00", None, "02:00", 10 * 3600),
            ("12:00", Some("12:30"), "02:00", 10 * 3600),
            ("12:00", Some("01:00"), "02:00", 0),
        ];
        for (requested, heard, data, seconds) in cases {
            assert_eq!(gap(at(requested), heard.map(at), at(data)), seconds, "{requested} {heard:?} {data}");
        }
    }
}
