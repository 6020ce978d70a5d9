//! Events of tenants' servers: each is taken once, together with what follows from it.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{backups::AlarmKind, ids::OrderId, tenant::TenantEvent, tenants::EventEntry};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{KeyRefused, consequences, escrows, quotas, signed, unsigned};
use crate::{
    Store, StoreError,
    agents::{Bearer, bearer},
    backups::alarms,
    entities::{agent, tenant_event},
    row_error, token_hash,
};

/// The most that numbers may leap: far more than a full queue can drop in a week.
const LEAP: u64 = 1_000_000;
/// A clock that is further ahead is not believed.
const AHEAD: TimeDelta = TimeDelta::days(1);

/// What became of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventsTaken {
    /// Every event up to this number is kept.
    Through(u64),
    /// The server tells another story under a number that was taken before: its memory was put back. Nothing of
    /// the message was taken.
    Rewound(u64),
    /// This number leaps further than any server drops events. Nothing was taken.
    Leap(u64),
    /// The first event that was not known has to wait this long: there was too much of its kind. Nothing was taken.
    Full(TimeDelta),
}

impl Store {
    /// Takes events of the agent with this key, oldest first. Numbers that were taken before have no consequence
    /// again; numbers that are left out were dropped by the server, and stay free.
    ///
    /// # Errors
    /// When the database fails; nothing is taken then.
    pub async fn take_events(
        &self,
        key_hash: &str,
        events: &[TenantEvent],
        now: DateTime<Utc>,
    ) -> Result<Result<EventsTaken, KeyRefused>, StoreError> {
        let order = match agent_of(&self.db, key_hash).await? {
            Ok(agent) => OrderId(agent.order_id),
            Err(refused) => return Ok(Err(refused)),
        };
        let transaction = self.begin_write_of(order).await?;
        // It may have been revoked meanwhile, and what was taken through may have grown.
        let agent = match agent_of(&transaction, key_hash).await? {
            Ok(agent) => agent,
            Err(refused) => return Ok(Err(refused)),
        };
        let taken = unsigned(agent.taken_through);
        let known = known(&transaction, &agent, events).await?;
        let mut fresh = Vec::new();
        for event in events {
            match known.get(&signed(event.sequence)) {
                None => fresh.push(event),
                Some(digest) if *digest == digest_of(event)? => {}
                Some(_) => return Ok(Ok(EventsTaken::Rewound(event.sequence))),
            }
        }
        if let Some(far) = fresh.iter().find(|event| taken > 0 && event.sequence > taken.saturating_add(LEAP))
        {
            return Ok(Ok(EventsTaken::Leap(far.sequence)));
        }
        let told = events.last().map_or(taken, |event| event.sequence);
        let Some(first) = fresh.first() else { return Ok(Ok(EventsTaken::Through(told))) };
        let full = match escrows::wait(&transaction, &agent, first, now).await? {
            None => quotas::take(&transaction, &self.quotas, agent.order_id, size(&fresh), now).await?,
            Some(wait) => match before(events, first.sequence) {
                Some(before) => return Ok(Ok(EventsTaken::Through(before))),
                None => Some(wait),
            },
        };
        if let Some(wait) = full {
            // The alarm is kept.
            self.commit(transaction).await?;
            return Ok(Ok(EventsTaken::Full(wait)));
        }
        let mut last = told;
        for event in fresh {
            if escrows::wait(&transaction, &agent, event, now).await?.is_some() {
                last = before(events, event.sequence).unwrap_or(taken);
                break;
            }
            row(&agent, event, now)?.insert(&transaction).await?;
            consequences::apply(&transaction, &agent, &dated(event, now), now).await?;
        }
        agent::Entity::update_many()
            .col_expr(agent::Column::TakenThrough, Expr::value(signed(last.max(taken))))
            .filter(agent::Column::OrderId.eq(agent.order_id))
            .exec(&transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(Ok(EventsTaken::Through(last)))
    }

    /// Notes that keys which nobody could open were sent with this key, and not taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refuse_keys(&self, key_hash: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let transaction = self.begin_write().await?;
        let Bearer::Agent(agent) = bearer(&transaction, key_hash).await? else { return Ok(()) };
        let message =
            "what the server sent was not sealed by age for its recipients, and was not kept".to_owned();
        let order = OrderId(agent.order_id);
        alarms::raise_in(&transaction, order, AlarmKind::KeysRefused, message, now).await?;
        self.commit(transaction).await
    }

    /// What happened on a tenant's server, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenant_events(&self, order: OrderId, limit: u64) -> Result<Vec<EventEntry>, StoreError> {
        let rows = tenant_event::Entity::find()
            .filter(tenant_event::Column::OrderId.eq(order.0))
            .order_by_desc(tenant_event::Column::Generation)
            .order_by_desc(tenant_event::Column::Sequence)
            .limit(limit)
            .all(&self.db)
            .await?;
        let bad = row_error("tenant_events");
        let entry = |row: tenant_event::Model| {
            let event = serde_json::from_value(row.event).map_err(|error| bad(&error))?;
            Ok(EventEntry { sequence: unsigned(row.sequence), at: row.at, event })
        };
        rows.into_iter().map(entry).collect()
    }
}

/// The agent whose key this is.
async fn agent_of(
    db: &impl ConnectionTrait,
    key_hash: &str,
) -> Result<Result<agent::Model, KeyRefused>, StoreError> {
    Ok(match bearer(db, key_hash).await? {
        Bearer::Agent(agent) => Ok(agent),
        Bearer::Revoked => Err(KeyRefused::Revoked),
        Bearer::Unknown => Err(KeyRefused::Unknown),
    })
}

/// What was taken under these numbers before, by its digest.
async fn known(
    db: &impl ConnectionTrait,
    agent: &agent::Model,
    events: &[TenantEvent],
) -> Result<HashMap<i64, String>, StoreError> {
    let numbers: Vec<i64> = events.iter().map(|event| signed(event.sequence)).collect();
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let kept: Vec<(i64, String)> = tenant_event::Entity::find()
        .select_only()
        .columns([tenant_event::Column::Sequence, tenant_event::Column::Digest])
        .filter(tenant_event::Column::OrderId.eq(agent.order_id))
        .filter(tenant_event::Column::Generation.eq(agent.generation))
        .filter(tenant_event::Column::Sequence.is_in(numbers))
        .into_tuple()
        .all(db)
        .await?;
    Ok(kept.into_iter().collect())
}

/// How many events, and how many bytes of them.
fn size(events: &[&TenantEvent]) -> (u64, u64) {
    let bytes = |event: &&TenantEvent| serde_json::to_vec(event).map_or(0, |text| text.len() as u64);
    (events.len() as u64, events.iter().map(bytes).sum())
}

/// The number that comes before another in a message.
fn before(events: &[TenantEvent], sequence: u64) -> Option<u64> {
    events.iter().rev().map(|event| event.sequence).find(|number| *number < sequence)
}

/// The event as the Hub believes it: no clock is ahead of ours by more than a day.
fn dated(event: &TenantEvent, now: DateTime<Utc>) -> TenantEvent {
    let at = if event.at > now + AHEAD { now } else { event.at };
    TenantEvent { at, ..event.clone() }
}

fn digest_of(event: &TenantEvent) -> Result<String, StoreError> {
    let text = serde_json::to_string(event).map_err(|error| row_error("tenant_events")(&error))?;
    Ok(token_hash(&text))
}

fn row(
    agent: &agent::Model,
    event: &TenantEvent,
    now: DateTime<Utc>,
) -> Result<tenant_event::ActiveModel, StoreError> {
    let kept = consequences::without_sealed_keys(&event.event);
    let json = serde_json::to_value(&kept).map_err(|error| row_error("tenant_events")(&error))?;
    let kind = json.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    Ok(tenant_event::ActiveModel {
        order_id: Set(agent.order_id),
        generation: Set(agent.generation),
        sequence: Set(signed(event.sequence)),
        at: Set(dated(event, now).at),
        kind: Set(kind),
        digest: Set(digest_of(event)?),
        received_at: Set(Some(now)),
        event: Set(json),
    })
}

/// Forgets events that came before a moment, by the Hub's own clock.
pub(crate) async fn forget_before(
    db: &impl ConnectionTrait,
    moment: DateTime<Utc>,
) -> Result<(), StoreError> {
    tenant_event::Entity::delete_many().filter(tenant_event::Column::ReceivedAt.lt(moment)).exec(db).await?;
    Ok(())
}
