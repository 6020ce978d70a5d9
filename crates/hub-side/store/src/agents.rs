//! Agents: registration by one-time token, revocation, and what the last heartbeat said.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::Phase;
use letsbe_types::{api::JobStatus, ids::OrderId, tenant::Heartbeat};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    sea_query::{Expr, OnConflict},
};
use thiserror::Error;

use crate::{
    NewEntry, Store, StoreError,
    entities::{agent, job, tenant_standing, tenant_state},
    jobs::status_name,
    orders, row_error,
    tenants::{
        configuration::{self, Defaults},
        gate_log::{self, LogCut},
    },
    timeline,
};

/// Why a registration was refused.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// No job has this token, it has ended, a newer job exists, its agent has been heard already, or was revoked since.
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
    /// Version of the node program when it registered.
    pub node_version: String,
    /// When its key was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last heard.
    pub last_heartbeat_at: Option<DateTime<Utc>>,
    /// What it said, as far as this version reads it.
    pub last_heartbeat: Option<Heartbeat>,
    /// Where the log of its command gate does not go on from what was told before.
    pub log_cut: Option<LogCut>,
}

impl AgentStatus {
    pub(crate) fn of(agent: agent::Model, state: Option<tenant_state::Model>) -> Result<Self, StoreError> {
        let heartbeat = |body: &String| serde_json::from_str(body);
        let body = state.as_ref().and_then(|state| state.body.as_ref()).map(heartbeat).transpose();
        Ok(Self {
            registered_at: agent.registered_at,
            node_version: agent.node_version,
            revoked_at: agent.revoked_at,
            last_heartbeat_at: state.as_ref().map(|state| state.received_at),
            last_heartbeat: body.map_err(|error| row_error("tenant_states")(&error))?,
            log_cut: state.as_ref().and_then(gate_log::cut_of),
        })
    }
}

/// An agent that introduces itself.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// Hash of the one-time token.
    pub token_hash: &'a str,
    /// The identity planted on the server.
    pub identity: &'a str,
    /// Version of the node program.
    pub node_version: &'a str,
    /// Hash of the key that it will get.
    pub key_hash: &'a str,
}

impl Store {
    /// Registers the agent of the order's newest job, if the token is that job's. Repeating it replaces the key,
    /// until the agent is heard: the reply may have been lost. The token of a later job registers a new agent: its
    /// events count from 1 again, and a revocation is over if the job was made after it. A token that was there before
    /// may be known to whoever the key was taken from.
    ///
    /// # Errors
    /// When the token or the identity does not fit, or the database fails.
    pub async fn register_agent(
        &self,
        introduction: Introduction<'_>,
        defaults: &Defaults,
        now: DateTime<Utc>,
    ) -> Result<OrderId, RegisterError> {
        let transaction = self.begin_write().await.map_err(StoreError::from)?;
        let job = newest_job_of(&transaction, introduction.token_hash).await?.ok_or(RegisterError::Token)?;
        let id = OrderId(job.order_id);
        let order = orders::find(&transaction, id).await?.ok_or(RegisterError::Token)?;
        if order.state.phase == Phase::Stopped {
            return Err(RegisterError::Token);
        }
        if order.new.identity.0 != introduction.identity {
            return Err(RegisterError::Identity);
        }
        let known = agent::Entity::find_by_id(id.0).one(&transaction).await.map_err(StoreError::from)?;
        let generation = match &known {
            None => 1,
            Some(known) if known.registration_job == Some(job.id) => {
                if known.revoked_at.is_some() || was_heard(&transaction, known).await? {
                    return Err(RegisterError::Token);
                }
                known.generation
            }
            // The server of a recovery is another one; the lost one's key was revoked when the recovery was asked for.
            Some(known)
                if job.recovery_id.is_none() && known.revoked_at.is_some_and(|at| at >= job.created_at) =>
            {
                return Err(RegisterError::Token);
            }
            Some(known) => {
                let forget = tenant_state::Entity::delete_by_id(id.0).exec(&transaction).await;
                forget.map_err(StoreError::from)?;
                let forget = tenant_standing::Entity::delete_by_id(id.0).exec(&transaction).await;
                forget.map_err(StoreError::from)?;
                known.generation + 1
            }
        };
        let row = agent::ActiveModel {
            order_id: Set(id.0),
            key_hash: Set(introduction.key_hash.to_owned()),
            node_version: Set(introduction.node_version.to_owned()),
            registered_at: Set(now),
            registration_job: Set(Some(job.id)),
            generation: Set(generation),
            taken_through: Set(0),
            revoked_at: Set(None),
        };
        let replace = OnConflict::column(agent::Column::OrderId)
            .update_columns([
                agent::Column::KeyHash,
                agent::Column::NodeVersion,
                agent::Column::RegisteredAt,
                agent::Column::RegistrationJob,
                agent::Column::Generation,
                agent::Column::TakenThrough,
                agent::Column::RevokedAt,
            ])
            .to_owned();
        let insert = agent::Entity::insert(row).on_conflict(replace);
        insert.exec_without_returning(&transaction).await.map_err(StoreError::from)?;
        configuration::insert_missing(&transaction, id, order.new.tier, defaults).await?;
        self.commit(transaction).await?;
        Ok(id)
    }

    /// Revokes the agent's key; false if there is no agent, or it was revoked before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_agent(
        &self,
        order: OrderId,
        entry: &NewEntry,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin_write_of(order).await?;
        let revoked = agent::Entity::update_many()
            .col_expr(agent::Column::RevokedAt, Expr::value(now))
            .filter(agent::Column::OrderId.eq(order.0))
            .filter(agent::Column::RevokedAt.is_null())
            .exec(&transaction)
            .await?;
        if revoked.rows_affected == 0 {
            return Ok(false);
        }
        timeline::append(&transaction, order, entry, now).await?;
        self.commit(transaction).await?;
        Ok(true)
    }

    /// What is known of an order's agent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agent(&self, order: OrderId) -> Result<Option<AgentStatus>, StoreError> {
        let Some(row) = agent::Entity::find_by_id(order.0).one(&self.db).await? else { return Ok(None) };
        let state = tenant_state::Entity::find_by_id(order.0).one(&self.db).await?;
        AgentStatus::of(row, state).map(Some)
    }
}

/// The job of a registration token, if it is its order's newest and its run goes on: a run registers before it ends.
async fn newest_job_of(
    transaction: &impl ConnectionTrait,
    token_hash: &str,
) -> Result<Option<job::Model>, StoreError> {
    let job = job::Entity::find()
        .filter(job::Column::RegistrationTokenHash.eq(token_hash))
        .one(transaction)
        .await?;
    let Some(job) = job else { return Ok(None) };
    let newest = job::Entity::find()
        .filter(job::Column::OrderId.eq(job.order_id))
        .order_by_desc(job::Column::CreatedAt)
        .order_by_desc(job::Column::Id)
        .one(transaction)
        .await?;
    Ok(newest.filter(|newest| newest.id == job.id && newest.status == status_name(JobStatus::Running)))
}

async fn was_heard(transaction: &impl ConnectionTrait, agent: &agent::Model) -> Result<bool, StoreError> {
    let state = tenant_state::Entity::find_by_id(agent.order_id).one(transaction).await?;
    Ok(agent.taken_through > 0 || state.is_some())
}

/// Who comes with a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bearer {
    /// An agent.
    Agent(agent::Model),
    /// An agent whose key was revoked.
    Revoked,
    /// Nobody.
    Unknown,
}

pub(crate) async fn bearer(db: &impl ConnectionTrait, key_hash: &str) -> Result<Bearer, StoreError> {
    let agent = agent::Entity::find().filter(agent::Column::KeyHash.eq(key_hash)).one(db).await?;
    Ok(match agent {
        None => Bearer::Unknown,
        Some(agent) if agent.revoked_at.is_some() => Bearer::Revoked,
        Some(agent) => Bearer::Agent(agent),
    })
}
