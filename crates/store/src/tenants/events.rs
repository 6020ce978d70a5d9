//! Events of tenants' servers: each is taken once, together with what follows from it.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{backups::AlarmKind, ids::OrderId, tenant::TenantEvent, tenants::EventEntry};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{KeyRefused, consequences, escrows, signed, unsigned};
use crate::{
    Store, StoreError,
    agents::{Bearer, bearer},
    backups::alarms,
    entities::{agent, tenant_event},
    row_error, token_hash,
};

/// What became of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventsTaken {
    /// Every event up to this number is kept.
    Through(u64),
    /// The server tells another story under a number that was taken before: its memory was put back. Nothing of
    /// the message was taken.
    Rewound(u64),
    /// The first event that was not known has to wait this long: there was too much of its kind. Nothing was taken.
    Full(TimeDelta),
}

impl Store {
    /// Takes events of the agent with this key, oldest first. Numbers that were taken before have no consequence
    /// again; numbers that are left out were dropped by the server.
    ///
    /// # Errors
    /// When the database fails; nothing is taken then.
    pub async fn take_events(
        &self,
        key_hash: &str,
        events: &[TenantEvent],
        now: DateTime<Utc>,
    ) -> Result<Result<EventsTaken, KeyRefused>, StoreError> {
        let transaction = self.begin_write().await?;
        let agent = match bearer(&transaction, key_hash).await? {
            Bearer::Agent(agent) => agent,
            Bearer::Revoked => return Ok(Err(KeyRefused::Revoked)),
            Bearer::Unknown => return Ok(Err(KeyRefused::Unknown)),
        };
        let taken = unsigned(agent.taken_through);
        if let Some(sequence) = rewound(&transaction, &agent, events).await? {
            return Ok(Ok(EventsTaken::Rewound(sequence)));
        }
        let fresh: Vec<&TenantEvent> = events.iter().filter(|event| event.sequence > taken).collect();
        if fresh.is_empty() {
            return Ok(Ok(EventsTaken::Through(taken)));
        }
        let mut last = taken;
        for event in fresh {
            if let Some(wait) = escrows::wait(&transaction, &agent, event, now).await? {
                if last == taken {
                    // The alarm is kept.
                    self.commit(transaction).await?;
                    return Ok(Ok(EventsTaken::Full(wait)));
                }
                break;
            }
            row(&agent, event)?.insert(&transaction).await?;
            consequences::apply(&transaction, &agent, event, now).await?;
            last = event.sequence;
        }
        agent::Entity::update_many()
            .col_expr(agent::Column::TakenThrough, Expr::value(signed(last)))
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

/// The first event that differs from what was taken under its number.
async fn rewound(
    db: &impl ConnectionTrait,
    agent: &agent::Model,
    events: &[TenantEvent],
) -> Result<Option<u64>, StoreError> {
    let again = events.iter().filter(|event| signed(event.sequence) <= agent.taken_through);
    let numbers: Vec<i64> = again.clone().map(|event| signed(event.sequence)).collect();
    if numbers.is_empty() {
        return Ok(None);
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
    for event in again {
        let known = kept.iter().find(|(sequence, _)| *sequence == signed(event.sequence));
        if let Some((_, known)) = known
            && *known != digest(event)?
        {
            return Ok(Some(event.sequence));
        }
    }
    Ok(None)
}

fn digest(event: &TenantEvent) -> Result<String, StoreError> {
    let text = serde_json::to_string(event).map_err(|error| row_error("tenant_events")(&error))?;
    Ok(token_hash(&text))
}

fn row(agent: &agent::Model, event: &TenantEvent) -> Result<tenant_event::ActiveModel, StoreError> {
    let kept = consequences::without_sealed_keys(&event.event);
    let json = serde_json::to_value(&kept).map_err(|error| row_error("tenant_events")(&error))?;
    let kind = json.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    Ok(tenant_event::ActiveModel {
        order_id: Set(agent.order_id),
        generation: Set(agent.generation),
        sequence: Set(signed(event.sequence)),
        at: Set(event.at),
        kind: Set(kind),
        digest: Set(digest(event)?),
        event: Set(json),
    })
}

/// Forgets events from before a moment.
pub(crate) async fn forget_before(
    db: &impl ConnectionTrait,
    moment: DateTime<Utc>,
) -> Result<(), StoreError> {
    tenant_event::Entity::delete_many().filter(tenant_event::Column::At.lt(moment)).exec(db).await?;
    Ok(())
}
