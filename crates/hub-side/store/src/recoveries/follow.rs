//! What an order's event means for its recovery and its servers, in the event's own transaction.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::{Event, Phase, Recovery as Under, State};
use letsbe_types::{ids::OrderId, recovery::RecoveryState};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};

use super::{runs, word};
use crate::{
    Order, StoreError,
    entities::{agent, claim, order, recovery, task},
    messages::{self, MessageKind, NewMessage},
};

/// A lost server should be accounted for within this.
const ACCOUNT_TIME: TimeDelta = TimeDelta::days(7);

/// Follows an event from the order as it was to its state now.
pub(crate) async fn follow_in(
    transaction: &impl ConnectionTrait,
    before: &Order,
    after: &State,
    event: &Event,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let id = before.new.id;
    match (&before.state.recovery, &after.recovery, event) {
        (former, Some(_), Event::OperatorRecover { .. }) => {
            // The next server is another machine: nothing that is known of this one holds for it.
            set_server_facts(transaction, id, None, None).await?;
            let Some(former) = former else { return mark_lost(transaction, &before.state, Some(now)).await };
            release_claim(transaction, &before.state, now).await?;
            end(transaction, former, RecoveryState::Superseded, now).await
        }
        (Some(under), Some(_), Event::ServerClaimed { .. } | Event::ServerInstalled { .. })
        | (Some(under), Some(_), Event::OperatorAssign { .. }) => {
            name_server(transaction, under, after).await
        }
        (Some(under), None, _) if before.state.phase == Phase::RecoveryCancelled => {
            taken_back(transaction, before, under, now).await
        }
        (Some(under), None, _) => finished(transaction, id, under, now).await,
        _ => Ok(()),
    }
}

async fn set_server_facts(
    transaction: &impl ConnectionTrait,
    id: OrderId,
    host_key: Option<String>,
    install_requested_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let change = order::ActiveModel {
        id: Set(id.0),
        host_key: Set(host_key),
        install_requested_at: Set(install_requested_at),
        ..Default::default()
    };
    change.update(transaction).await?;
    Ok(())
}

async fn name_server(
    transaction: &impl ConnectionTrait,
    under: &Under,
    state: &State,
) -> Result<(), StoreError> {
    let change = recovery::ActiveModel {
        id: Set(under.id.0),
        server: Set(state.server.as_ref().map(|server| server.0.clone())),
        address: Set(state.address.map(|address| address.to_string())),
        ..Default::default()
    };
    change.update(transaction).await?;
    Ok(())
}

/// A lost server is not in use, and given to nobody.
async fn mark_lost(
    transaction: &impl ConnectionTrait,
    state: &State,
    at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let lost = state.recovery.as_ref().map_or(state.server.as_ref(), |recovery| recovery.lost.as_ref());
    let Some(server) = lost else { return Ok(()) };
    claim::Entity::update_many()
        .col_expr(claim::Column::LostAt, Expr::value(at))
        .filter(claim::Column::ServerId.eq(server.0.as_str()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// A server that was claimed in place of the lost one: out of use until it was wiped.
async fn release_claim(
    transaction: &impl ConnectionTrait,
    state: &State,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(server) = &state.server else { return Ok(()) };
    claim::Entity::update_many()
        .col_expr(claim::Column::ReleasedAt, Expr::value(now))
        .filter(claim::Column::ServerId.eq(server.0.as_str()))
        .filter(claim::Column::ReleasedAt.is_null())
        .exec(transaction)
        .await?;
    Ok(())
}

async fn end(
    transaction: &impl ConnectionTrait,
    under: &Under,
    state: RecoveryState,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    recovery::Entity::update_many()
        .col_expr(recovery::Column::State, Expr::value(word(state)))
        .col_expr(recovery::Column::FinishedAt, Expr::value(now))
        .filter(recovery::Column::Id.eq(under.id.0))
        .exec(transaction)
        .await?;
    Ok(())
}

/// The server was not lost after all: its key counts again, and what is known of it.
async fn taken_back(
    transaction: &impl ConnectionTrait,
    before: &Order,
    under: &Under,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    release_claim(transaction, &before.state, now).await?;
    mark_lost(transaction, &before.state, None).await?;
    end(transaction, under, RecoveryState::Cancelled, now).await?;
    let row = recovery::Entity::find_by_id(under.id.0).one(transaction).await?;
    let Some(row) = row else { return Ok(()) };
    set_server_facts(transaction, before.new.id, row.lost_host_key, None).await?;
    agent::Entity::update_many()
        .col_expr(agent::Column::RevokedAt, Expr::value(Option::<DateTime<Utc>>::None))
        .filter(agent::Column::OrderId.eq(before.new.id.0))
        .filter(agent::Column::RevokedAt.eq(row.clock_started_at))
        .exec(transaction)
        .await?;
    Ok(())
}

/// The customer is live again: the times are measured, and a person is asked what became of the lost server.
async fn finished(
    transaction: &impl ConnectionTrait,
    id: OrderId,
    under: &Under,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(row) = recovery::Entity::find_by_id(under.id.0).one(transaction).await? else { return Ok(()) };
    let data_as_of = runs::oldest_restored(transaction, under.id).await?;
    let change = recovery::ActiveModel {
        id: Set(under.id.0),
        state: Set(word(RecoveryState::Finished).to_owned()),
        finished_at: Set(Some(now)),
        rto_seconds: Set(Some((now - row.clock_started_at).num_seconds().max(0))),
        rpo_seconds: Set(data_as_of.map(|data| gap(row.clock_started_at, row.last_heard_at, data))),
        ..Default::default()
    };
    change.update(transaction).await?;
    if row.lost_server.is_none() {
        return Ok(());
    }
    let task = task::ActiveModel {
        id: Set(under.id.0),
        order_id: Set(id.0),
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
    let told = NewMessage {
        kind: MessageKind::TaskOpened,
        once_key: format!("lost.{}", under.id),
        detail: Some("say what became of the lost server (letsbe backups settle-lost)".to_owned()),
        not_before: now,
    };
    Ok(messages::insert_in(transaction, id, vec![told], now).await?)
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
