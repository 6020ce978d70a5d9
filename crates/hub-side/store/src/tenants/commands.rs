//! Commands for tenants' agents: given again until their result arrived, never to another tenant.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use letsbe_types::{
    ids::{CommandId, OrderId},
    tenant::{CommandResult, TenantCommand},
    tenants::CommandEntry,
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};
use uuid::Uuid;

use super::KeyRefused;
use crate::{
    NewEntry, Store, StoreError,
    agents::{Bearer, bearer},
    entities::command,
    row_error, timeline,
};

/// Commands in one answer; the others come with the next.
const GIVEN_AT_ONCE: u64 = 50;
/// Commands in one list.
const LISTED: u64 = 100;

fn waiting(now: DateTime<Utc>) -> Condition {
    Condition::all().add(command::Column::FinishedAt.is_null()).add(command::Column::ExpiresAt.gt(now))
}

fn entry(row: command::Model) -> Result<CommandEntry, StoreError> {
    let bad = row_error("tenant_commands");
    Ok(CommandEntry {
        id: CommandId(row.id),
        work: serde_json::from_value(row.work).map_err(|error| bad(&error))?,
        issued_by: row.issued_by,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
        given_at: row.given_at,
        finished_at: row.finished_at,
        outcome: row.outcome.map(serde_json::from_value).transpose().map_err(|error| bad(&error))?,
    })
}

/// Whoever has something to do.
pub(crate) async fn tenants_with_commands(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
) -> Result<HashSet<Uuid>, StoreError> {
    let query = command::Entity::find().select_only().column(command::Column::OrderId).filter(waiting(now));
    let orders: Vec<Uuid> = query.distinct().into_tuple().all(db).await?;
    Ok(orders.into_iter().collect())
}

/// A result: the first one counts, and only that of the tenant's own command.
pub(crate) async fn finish_in(
    db: &impl ConnectionTrait,
    order: Uuid,
    result: &CommandResult,
) -> Result<(), StoreError> {
    let outcome =
        serde_json::to_value(&result.outcome).map_err(|error| row_error("tenant_commands")(&error))?;
    command::Entity::update_many()
        .col_expr(command::Column::FinishedAt, Expr::value(result.finished_at))
        .col_expr(command::Column::Outcome, Expr::value(outcome))
        .filter(command::Column::Id.eq(result.command.0))
        .filter(command::Column::OrderId.eq(order))
        .filter(command::Column::FinishedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// Forgets commands from before a moment.
pub(crate) async fn forget_before(
    db: &impl ConnectionTrait,
    moment: DateTime<Utc>,
) -> Result<(), StoreError> {
    command::Entity::delete_many().filter(command::Column::IssuedAt.lt(moment)).exec(db).await?;
    Ok(())
}

impl Store {
    /// Queues a command, with a line in the order's timeline.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_command(
        &self,
        order: OrderId,
        new: &TenantCommand,
        issued_by: &str,
        line: &NewEntry,
    ) -> Result<(), StoreError> {
        let work = serde_json::to_value(&new.work).map_err(|error| row_error("tenant_commands")(&error))?;
        // Alone, so that commands become visible in the order of their numbers: who waits for new ones asks for higher ones.
        let transaction = self.begin_write().await?;
        let row = command::ActiveModel {
            id: Set(new.id.0),
            order_id: Set(order.0),
            work: Set(work),
            issued_by: Set(issued_by.to_owned()),
            issued_at: Set(new.issued_at),
            expires_at: Set(new.expires_at),
            given_at: Set(None),
            finished_at: Set(None),
            outcome: Set(None),
            ..Default::default()
        };
        row.insert(&transaction).await?;
        timeline::append(&transaction, order, line, new.issued_at).await?;
        self.commit(transaction).await
    }

    /// What waits for the agent with this key, oldest first, and whose it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting_commands(
        &self,
        key_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<(OrderId, Vec<TenantCommand>), KeyRefused>, StoreError> {
        let order = match bearer(&self.db, key_hash).await? {
            Bearer::Agent(agent) => agent.order_id,
            Bearer::Revoked => return Ok(Err(KeyRefused::Revoked)),
            Bearer::Unknown => return Ok(Err(KeyRefused::Unknown)),
        };
        let rows = command::Entity::find()
            .filter(command::Column::OrderId.eq(order))
            .filter(waiting(now))
            .order_by_asc(command::Column::Sequence)
            .limit(GIVEN_AT_ONCE)
            .all(&self.db)
            .await?;
        let fresh: Vec<Uuid> = rows.iter().filter(|row| row.given_at.is_none()).map(|row| row.id).collect();
        if !fresh.is_empty() {
            command::Entity::update_many()
                .col_expr(command::Column::GivenAt, Expr::value(now))
                .filter(command::Column::Id.is_in(fresh))
                .exec(&self.db)
                .await?;
        }
        let entries: Vec<CommandEntry> = rows.into_iter().map(entry).collect::<Result<_, _>>()?;
        let given = entries.into_iter().map(|entry| TenantCommand {
            id: entry.id,
            issued_at: entry.issued_at,
            expires_at: entry.expires_at,
            work: entry.work,
        });
        Ok(Ok((OrderId(order), given.collect())))
    }

    /// A tenant's commands, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commands(&self, order: OrderId) -> Result<Vec<CommandEntry>, StoreError> {
        let rows = command::Entity::find()
            .filter(command::Column::OrderId.eq(order.0))
            .order_by_desc(command::Column::Sequence)
            .limit(LISTED)
            .all(&self.db)
            .await?;
        rows.into_iter().map(entry).collect()
    }

    /// One command of a tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn command(&self, order: OrderId, id: CommandId) -> Result<Option<CommandEntry>, StoreError> {
        let row = command::Entity::find()
            .filter(command::Column::OrderId.eq(order.0))
            .filter(command::Column::Id.eq(id.0))
            .one(&self.db)
            .await?;
        row.map(entry).transpose()
    }

    /// The number of the newest command; 0 before the first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_command(&self) -> Result<i64, StoreError> {
        let query = command::Entity::find().select_only().column(command::Column::Sequence);
        let newest: Option<i64> =
            query.order_by_desc(command::Column::Sequence).into_tuple().one(&self.db).await?;
        Ok(newest.unwrap_or(0))
    }

    /// Whose commands came after the one with this number, and the number of the newest: how a process learns of
    /// what another one queued.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commands_after(&self, sequence: i64) -> Result<(i64, Vec<OrderId>), StoreError> {
        let rows: Vec<(i64, Uuid)> = command::Entity::find()
            .select_only()
            .columns([command::Column::Sequence, command::Column::OrderId])
            .filter(command::Column::Sequence.gt(sequence))
            .order_by_asc(command::Column::Sequence)
            .into_tuple()
            .all(&self.db)
            .await?;
        let newest = rows.last().map_or(sequence, |(newest, _)| *newest);
        Ok((newest, rows.into_iter().map(|(_, order)| OrderId(order)).collect()))
    }
}
