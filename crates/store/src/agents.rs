//! Agents: registration by one-time token, and heartbeats.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::Phase;
use letsbe_types::{ids::OrderId, tenant::Heartbeat};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};
use thiserror::Error;

use crate::{
    Store, StoreError,
    entities::{agent, job},
    orders, row_error,
};

/// Why a registration was refused.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// No job has this token, or its agent has been heard already.
    #[error("the registration token is not valid (any more)")]
    Token,
    /// The server carries another identity than the order's.
    #[error("the server's identity is not the one planted for this order")]
    Identity,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the Hub knows of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// When it registered.
    pub registered_at: DateTime<Utc>,
    /// When it was last heard.
    pub last_heartbeat_at: Option<DateTime<Utc>>,
    /// What it said.
    pub last_heartbeat: Option<Heartbeat>,
}

impl Store {
    /// Registers the agent of the job that `token_hash` belongs to. Repeating it replaces the key, until the first
    /// heartbeat: the reply may have been lost.
    ///
    /// # Errors
    /// When the token or the identity does not fit, or the database fails.
    pub async fn register_agent(
        &self,
        token_hash: &str,
        identity: &str,
        node_version: &str,
        key_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<OrderId, RegisterError> {
        let transaction = self.begin_write().await.map_err(StoreError::from)?;
        let job = job::Entity::find()
            .filter(job::Column::RegistrationTokenHash.eq(token_hash))
            .one(&transaction)
            .await
            .map_err(StoreError::from)?
            .ok_or(RegisterError::Token)?;
        let id = OrderId(job.order_id);
        let order = orders::find(&transaction, id).await?.ok_or(RegisterError::Token)?;
        if order.state.phase == Phase::Stopped {
            return Err(RegisterError::Token);
        }
        if order.new.identity.0 != identity {
            return Err(RegisterError::Identity);
        }
        let known = agent::Entity::find_by_id(id.0).one(&transaction).await.map_err(StoreError::from)?;
        if known.is_some_and(|known| known.last_heartbeat_at.is_some()) {
            return Err(RegisterError::Token);
        }
        let row = agent::ActiveModel {
            order_id: Set(id.0),
            key_hash: Set(key_hash.to_owned()),
            node_version: Set(node_version.to_owned()),
            registered_at: Set(now),
            last_heartbeat_at: Set(None),
            last_heartbeat: Set(None),
        };
        let replace = OnConflict::column(agent::Column::OrderId)
            .update_columns([agent::Column::KeyHash, agent::Column::NodeVersion, agent::Column::RegisteredAt])
            .to_owned();
        let insert = agent::Entity::insert(row).on_conflict(replace);
        insert.exec_without_returning(&transaction).await.map_err(StoreError::from)?;
        self.commit(transaction).await?;
        Ok(id)
    }

    /// Takes a heartbeat; false if no agent has this key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heartbeat(
        &self,
        key_hash: &str,
        heartbeat: &Heartbeat,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let json = serde_json::to_value(heartbeat).map_err(|error| row_error("agents")(&error))?;
        let result = agent::Entity::update_many()
            .col_expr(agent::Column::LastHeartbeatAt, Expr::value(now))
            .col_expr(agent::Column::LastHeartbeat, Expr::value(json))
            .col_expr(agent::Column::NodeVersion, Expr::value(heartbeat.node_version.clone()))
            .filter(agent::Column::KeyHash.eq(key_hash))
            .exec(&self.db)
            .await?;
        Ok(result.rows_affected == 1)
    }

    /// What is known of an order's agent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agent(&self, order: OrderId) -> Result<Option<AgentStatus>, StoreError> {
        let Some(row) = agent::Entity::find_by_id(order.0).one(&self.db).await? else { return Ok(None) };
        let last_heartbeat = row.last_heartbeat.map(serde_json::from_value).transpose();
        Ok(Some(AgentStatus {
            registered_at: row.registered_at,
            last_heartbeat_at: row.last_heartbeat_at,
            last_heartbeat: last_heartbeat.map_err(|error| row_error("agents")(&error))?,
        }))
    }
}
