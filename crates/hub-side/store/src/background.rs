//! Background work of the Hub as the database keeps it: which Hub runs a task, how its last activation ended, and when the
//! next is due.
//!
//! A lease has an owner, an end and a fencing number, as an effect's has. When a task is due is decided by the Hub: it
//! names the fencing number that it decided by, so that of two Hubs that decide at the same time one gets the lease.

use chrono::{DateTime, Utc};
use letsbe_types::Problem;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    sea_query::{Expr, OnConflict},
};
use serde_json::Value;

use crate::{
    Store, StoreError,
    entities::background_task::{ActiveModel, Column, Entity, Model},
    row_error,
    tenants::{signed, unsigned},
};

const TABLE: &str = "background_tasks";
/// The place of a Hub's name where one Hub runs a task for all.
const FOR_ALL: &str = "";

/// What is known of a task's activations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskRecord {
    /// When the last one started.
    pub started_at: Option<DateTime<Utc>>,
    /// When the last one ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How long it took.
    pub took_ms: u64,
    /// What was done when there was last something to do.
    pub report: Option<Value>,
    /// Why the last one failed; `None` if it did not.
    pub problem: Option<Problem>,
    /// How many failed one after the other.
    pub failures: u32,
    /// When the next one is due; at once if never one was.
    pub due_at: Option<DateTime<Utc>>,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BackgroundTask {
    /// Its name in the Hub's table of tasks.
    pub name: String,
    /// The Hub whose own this is; `None` where one Hub runs it for all.
    pub hub: Option<String>,
    /// The Hub that runs it now, until when.
    pub lease: Option<(String, DateTime<Utc>)>,
    /// Grows with every lease.
    pub fence: i64,
    /// How it went.
    pub record: TaskRecord,
    /// When a person last asked for it.
    pub requested_at: Option<DateTime<Utc>>,
    /// Who that was.
    pub requested_by: Option<String>,
}

/// A task that this Hub may run until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedTask {
    /// Its name.
    pub name: String,
    /// Grows with every lease.
    pub fence: i64,
}

impl Store {
    /// All tasks that were ever due, by name and Hub.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn background_tasks(&self) -> Result<Vec<BackgroundTask>, StoreError> {
        let rows = Entity::find().order_by_asc(Column::Name).order_by_asc(Column::Hub).all(&self.db).await?;
        rows.into_iter().map(task).collect()
    }

    /// Leases a task that one Hub runs for all, if nobody has leased it since `fence` was read; 0 is of a task that is
    /// not known yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lease_task(
        &self,
        name: &str,
        fence: i64,
        (owner, until): (&str, DateTime<Utc>),
        now: DateTime<Utc>,
    ) -> Result<Option<LeasedTask>, StoreError> {
        if fence == 0 {
            let row = ActiveModel {
                name: Set(name.to_owned()),
                hub: Set(FOR_ALL.to_owned()),
                ..Default::default()
            };
            let known = OnConflict::columns([Column::Name, Column::Hub]).do_nothing().to_owned();
            Entity::insert(row).on_conflict(known).exec_without_returning(&self.db).await?;
        }
        let free = Condition::any()
            .add(Column::LeaseUntil.is_null())
            .add(Column::LeaseUntil.lt(now.timestamp_millis()));
        let leased = Entity::update_many()
            .col_expr(Column::LeaseOwner, Expr::value(owner))
            .col_expr(Column::LeaseUntil, Expr::value(until.timestamp_millis()))
            .col_expr(Column::Fence, Expr::value(fence + 1))
            .col_expr(Column::StartedAt, Expr::value(now.timestamp_millis()))
            .filter(Column::Name.eq(name))
            .filter(Column::Hub.eq(FOR_ALL))
            .filter(Column::Fence.eq(fence))
            .filter(free)
            .exec(&self.db)
            .await?;
        let lease = || LeasedTask { name: name.to_owned(), fence: fence + 1 };
        Ok((leased.rows_affected == 1).then(lease))
    }

    /// Extends a lease; false if it was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend_task(&self, leased: &LeasedTask, until: DateTime<Utc>) -> Result<bool, StoreError> {
        let extended = Entity::update_many()
            .col_expr(Column::LeaseUntil, Expr::value(until.timestamp_millis()))
            .filter(held(leased))
            .exec(&self.db)
            .await?;
        Ok(extended.rows_affected == 1)
    }

    /// Keeps how an activation ended, and ends its lease; false if the lease was lost: then nothing is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_task(&self, leased: &LeasedTask, record: &TaskRecord) -> Result<bool, StoreError> {
        let change = ActiveModel { lease_owner: Set(None), lease_until: Set(None), ..columns(record) };
        let finished = Entity::update_many().set(change).filter(held(leased)).exec(&self.db).await?;
        Ok(finished.rows_affected == 1)
    }

    /// Ends all leases of a Hub that ends: what it had begun is due again, for any Hub; what was its own is forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_tasks(&self, owner: &str) -> Result<(), StoreError> {
        Entity::delete_many().filter(Column::Hub.eq(owner)).exec(&self.db).await?;
        Entity::update_many()
            .col_expr(Column::LeaseOwner, Expr::value(Option::<String>::None))
            .col_expr(Column::LeaseUntil, Expr::value(Option::<i64>::None))
            .filter(Column::LeaseOwner.eq(owner))
            .exec(&self.db)
            .await?;
        Ok(())
    }

    /// Keeps how a Hub's own tasks go, all at once; it is believed until `until`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_own_tasks(
        &self,
        (hub, until): (&str, DateTime<Utc>),
        records: &[(&str, TaskRecord)],
    ) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let rows = records.iter().map(|(name, record)| ActiveModel {
            name: Set((*name).to_owned()),
            hub: Set(hub.to_owned()),
            lease_owner: Set(Some(hub.to_owned())),
            lease_until: Set(Some(until.timestamp_millis())),
            fence: Set(0),
            ..columns(record)
        });
        let replace = OnConflict::columns([Column::Name, Column::Hub])
            .update_columns([Column::LeaseUntil, Column::StartedAt, Column::FinishedAt, Column::TookMs])
            .update_columns([Column::Report, Column::Problem, Column::Failures, Column::DueAt])
            .to_owned();
        Entity::insert_many(rows).on_conflict(replace).exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// Forgets the own tasks of Hubs that have not been heard of since before `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_tasks_of_ended_hubs(&self, before: DateTime<Utc>) -> Result<(), StoreError> {
        let ended = Column::LeaseUntil.lt(before.timestamp_millis());
        Entity::delete_many().filter(Column::Hub.ne(FOR_ALL)).filter(ended).exec(&self.db).await?;
        Ok(())
    }

    /// Forgets a task for all that nobody has leased since it was due before `before`: no Hub is set to run it any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_unused_task(&self, name: &str, before: DateTime<Utc>) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Name.eq(name))
            .filter(Column::Hub.eq(FOR_ALL))
            .filter(Column::LeaseUntil.is_null())
            .filter(Column::DueAt.lt(before.timestamp_millis()))
            .exec(&self.db)
            .await?;
        Ok(())
    }

    /// Notes that a person wants a task run now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request_task(&self, name: &str, by: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let row = ActiveModel {
            name: Set(name.to_owned()),
            hub: Set(FOR_ALL.to_owned()),
            requested_at: Set(Some(now.timestamp_millis())),
            requested_by: Set(Some(by.to_owned())),
            ..Default::default()
        };
        let replace = OnConflict::columns([Column::Name, Column::Hub])
            .update_columns([Column::RequestedAt, Column::RequestedBy])
            .to_owned();
        Entity::insert(row).on_conflict(replace).exec_without_returning(&self.db).await?;
        Ok(())
    }
}

fn held(leased: &LeasedTask) -> Condition {
    Condition::all()
        .add(Column::Name.eq(&leased.name))
        .add(Column::Hub.eq(FOR_ALL))
        .add(Column::Fence.eq(leased.fence))
        .add(Column::LeaseOwner.is_not_null())
}

fn columns(record: &TaskRecord) -> ActiveModel {
    let millis = |at: Option<DateTime<Utc>>| Set(at.map(|at| at.timestamp_millis()));
    ActiveModel {
        started_at: millis(record.started_at),
        finished_at: millis(record.finished_at),
        took_ms: Set(signed(record.took_ms)),
        report: Set(record.report.as_ref().map(Value::to_string)),
        problem: Set(record.problem.as_ref().and_then(|problem| serde_json::to_string(problem).ok())),
        failures: Set(record.failures.into()),
        due_at: millis(record.due_at),
        ..Default::default()
    }
}

fn task(row: Model) -> Result<BackgroundTask, StoreError> {
    let unreadable = row_error(TABLE);
    let at = |millis: Option<i64>| millis.and_then(DateTime::from_timestamp_millis);
    let problem = row.problem.as_deref().map(serde_json::from_str::<Problem>).transpose();
    let record = TaskRecord {
        started_at: at(row.started_at),
        finished_at: at(row.finished_at),
        took_ms: unsigned(row.took_ms),
        report: row.report.and_then(|report| serde_json::from_str(&report).ok()),
        problem: problem.map_err(|error| unreadable(&error))?,
        failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
        due_at: at(row.due_at),
    };
    Ok(BackgroundTask {
        hub: Some(row.hub).filter(|hub| hub != FOR_ALL),
        name: row.name,
        lease: row.lease_owner.zip(at(row.lease_until)),
        fence: row.fence,
        record,
        requested_at: at(row.requested_at),
        requested_by: row.requested_by,
    })
}
