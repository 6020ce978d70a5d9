//! Tenants' keys at the relay, by their hashes. A key works while its tenant's agent is registered and not revoked.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::ids::OrderId;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};

use crate::{
    KeyRefused, NewEntry, Store, StoreError,
    agents::{Bearer, bearer},
    entities::{agent, relay_key},
    timeline,
};

/// The key before works this long, or until the new one was used: the answer that carried the new one may be lost.
const OVERLAP: TimeDelta = TimeDelta::hours(1);

/// What became of a server's question for a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyGiven {
    /// The tenant has this key now.
    To(OrderId),
    /// The agent's own key is of no use.
    Refused(KeyRefused),
}

impl Store {
    /// Whose key at the relay this is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn relay_tenant(
        &self,
        key_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<OrderId, KeyRefused>, StoreError> {
        let either = Condition::any()
            .add(relay_key::Column::KeyHash.eq(key_hash))
            .add(relay_key::Column::PreviousHash.eq(key_hash));
        let Some(key) = relay_key::Entity::find().filter(either).one(&self.db).await? else {
            return Ok(Err(KeyRefused::Unknown));
        };
        if key.key_hash != key_hash && key.previous_until.is_none_or(|until| until <= now) {
            return Ok(Err(KeyRefused::Unknown));
        }
        match agent::Entity::find_by_id(key.order_id).one(&self.db).await? {
            None => return Ok(Err(KeyRefused::Unknown)),
            Some(agent) if agent.revoked_at.is_some() => return Ok(Err(KeyRefused::Revoked)),
            Some(_) => {}
        }
        if key.key_hash == key_hash && key.previous_hash.is_some() {
            self.forget_previous_key(&key).await?;
        }
        Ok(Ok(OrderId(key.order_id)))
    }

    /// The new key was used: the one before is dead.
    async fn forget_previous_key(&self, key: &relay_key::Model) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(OrderId(key.order_id)).await?;
        let none: Option<String> = None;
        relay_key::Entity::update_many()
            .col_expr(relay_key::Column::PreviousHash, Expr::value(none))
            .filter(relay_key::Column::OrderId.eq(key.order_id))
            .filter(relay_key::Column::KeyHash.eq(&key.key_hash))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Gives a tenant the key that its server's run brings; every other one is dead.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_relay_key(
        &self,
        order: OrderId,
        key_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(order).await?;
        let known = relay_key::Entity::find_by_id(order.0).one(&transaction).await?;
        if known.is_some_and(|known| known.key_hash == key_hash) {
            return Ok(());
        }
        let row = relay_key::Model {
            order_id: order.0,
            key_hash: key_hash.to_owned(),
            previous_hash: None,
            previous_until: None,
            made_at: now,
        };
        replace(&transaction, row).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Gives the tenant of this agent a new key at the relay.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew_relay_key(
        &self,
        agent_key_hash: &str,
        key_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<KeyGiven, StoreError> {
        let transaction = self.begin_write().await?;
        let agent = match bearer(&transaction, agent_key_hash).await? {
            Bearer::Agent(agent) => agent,
            Bearer::Revoked => return Ok(KeyGiven::Refused(KeyRefused::Revoked)),
            Bearer::Unknown => return Ok(KeyGiven::Refused(KeyRefused::Unknown)),
        };
        let known = relay_key::Entity::find_by_id(agent.order_id).one(&transaction).await?;
        // While the newest key was never used, the one before it is what the server has.
        let (previous_hash, previous_until) = match known {
            None => (None, None),
            Some(known) if known.previous_hash.is_some() && known.previous_until > Some(now) => {
                (known.previous_hash, known.previous_until)
            }
            Some(known) => (Some(known.key_hash), Some(now + OVERLAP)),
        };
        let row = relay_key::Model {
            order_id: agent.order_id,
            key_hash: key_hash.to_owned(),
            previous_hash,
            previous_until,
            made_at: now,
        };
        replace(&transaction, row).await?;
        transaction.commit().await?;
        Ok(KeyGiven::To(OrderId(agent.order_id)))
    }

    /// Kills a tenant's key at the relay, and the one before; false if there is none. The server fetches a new one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_relay_key(
        &self,
        order: OrderId,
        entry: &NewEntry,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin_write_of(order).await?;
        let gone = relay_key::Entity::delete_by_id(order.0).exec(&transaction).await?;
        if gone.rows_affected == 0 {
            return Ok(false);
        }
        timeline::append(&transaction, order, entry, now).await?;
        self.commit(transaction).await?;
        Ok(true)
    }
}

async fn replace(db: &impl sea_orm::ConnectionTrait, row: relay_key::Model) -> Result<(), StoreError> {
    let row = relay_key::ActiveModel {
        order_id: Set(row.order_id),
        key_hash: Set(row.key_hash),
        previous_hash: Set(row.previous_hash),
        previous_until: Set(row.previous_until),
        made_at: Set(row.made_at),
    };
    let conflict = OnConflict::column(relay_key::Column::OrderId)
        .update_columns([
            relay_key::Column::KeyHash,
            relay_key::Column::PreviousHash,
            relay_key::Column::PreviousUntil,
            relay_key::Column::MadeAt,
        ])
        .to_owned();
    relay_key::Entity::insert(row).on_conflict(conflict).exec_without_returning(db).await?;
    Ok(())
}
