//! What a run on a replacement asks for (the keys) and tells (what came back).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use letsbe_types::{
    ids::{JobId, OrderId, RecoveryId},
    job::{RestoredTool, RunEvent, RunEventKind},
    recovery::{GiveKeys, HandedKeys},
};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::{
    Job, NewEntry, Store, StoreError,
    entities::{job, recovery_run},
    row_error,
    tenants::signed,
    timeline,
};

/// More tools than any server has; what a run says beyond is cut off.
const TOOLS_MAX: usize = 200;

/// What became of keys that were handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysGiven {
    /// They wait for the provisioner.
    Kept,
    /// No run asks for keys.
    NotAsked,
    /// The run asks for another recipient by now.
    OtherRecipient,
}

impl Store {
    /// Keeps keys for the run that asks for them, sealed to the very recipient that it asks for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_keys(
        &self,
        order: OrderId,
        recovery: RecoveryId,
        keys: &GiveKeys,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<KeysGiven, StoreError> {
        let transaction = self.begin_write_of(order).await?;
        let run = open_run(&transaction, recovery).await?;
        let Some((row, recipient)) = run.and_then(|row| row.recipient.clone().map(|asked| (row, asked)))
        else {
            return Ok(KeysGiven::NotAsked);
        };
        if recipient != keys.recipient {
            return Ok(KeysGiven::OtherRecipient);
        }
        recovery_run::ActiveModel {
            job_id: Set(row.job_id),
            sealed: Set(Some(keys.sealed.clone())),
            given_at: Set(Some(now)),
            given_by: Set(Some(by.to_owned())),
            handed_at: Set(None),
            ..Default::default()
        }
        .update(&transaction)
        .await?;
        let message = format!("{by} gave the keys from the escrow, sealed for the new server");
        timeline::append(&transaction, order, &NewEntry::new("operator", "ok", message), now).await?;
        self.commit(transaction).await?;
        Ok(KeysGiven::Kept)
    }

    /// The sealed keys of a job, for its provisioner; `None` while nobody has given any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hand_keys(&self, job: JobId, now: DateTime<Utc>) -> Result<Option<HandedKeys>, StoreError> {
        let Some(row) = recovery_run::Entity::find_by_id(job.0).one(&self.db).await? else { return Ok(None) };
        let (Some(recipient), Some(sealed)) = (row.recipient, row.sealed) else { return Ok(None) };
        if row.handed_at.is_none() {
            recovery_run::Entity::update_many()
                .col_expr(recovery_run::Column::HandedAt, Expr::value(now))
                .filter(recovery_run::Column::JobId.eq(job.0))
                .exec(&self.db)
                .await?;
        }
        Ok(Some(HandedKeys { recipient, sealed }))
    }
}

/// The run of a recovery's newest job, if it asked for anything and the job goes on.
async fn open_run(
    db: &impl ConnectionTrait,
    recovery: RecoveryId,
) -> Result<Option<recovery_run::Model>, StoreError> {
    let newest = job::Entity::find()
        .filter(job::Column::RecoveryId.eq(recovery.0))
        .order_by_desc(job::Column::CreatedAt)
        .order_by_desc(job::Column::Id)
        .one(db)
        .await?;
    let Some(newest) = newest.filter(|job| job.finished_at.is_none()) else { return Ok(None) };
    Ok(recovery_run::Entity::find_by_id(newest.id).one(db).await?)
}

/// Takes an event of a run, if it belongs to a recovery. Events are told again and out of turn by a second
/// provisioner: the latest of its kind counts.
pub(crate) async fn take_in(
    transaction: &impl ConnectionTrait,
    job: &Job,
    event: &RunEvent,
) -> Result<(), StoreError> {
    let Some(recovery) = job.recovery else { return Ok(()) };
    if !matches!(event.event, RunEventKind::KeysNeeded { .. } | RunEventKind::Restored { .. }) {
        return Ok(());
    }
    let row = row_of(transaction, job.id, recovery).await?;
    let sequence = signed(event.sequence);
    match &event.event {
        // Another recipient is another start of the run: what was sealed before opens nothing any more.
        RunEventKind::KeysNeeded { recipient, deadline } if sequence > row.asked_sequence => {
            recovery_run::ActiveModel {
                job_id: Set(job.id.0),
                asked_sequence: Set(sequence),
                recipient: Set(Some(recipient.clone())),
                needed_at: Set(Some(event.at)),
                deadline: Set(Some(*deadline)),
                sealed: Set(None),
                given_at: Set(None),
                given_by: Set(None),
                handed_at: Set(None),
                ..Default::default()
            }
            .update(transaction)
            .await?;
        }
        RunEventKind::Restored { tools } if sequence > row.restored_sequence => {
            let tools = &tools[..tools.len().min(TOOLS_MAX)];
            recovery_run::ActiveModel {
                job_id: Set(job.id.0),
                restored_sequence: Set(sequence),
                restored: Set(serde_json::json!(tools)),
                ..Default::default()
            }
            .update(transaction)
            .await?;
        }
        _ => {}
    }
    Ok(())
}

async fn row_of(
    transaction: &impl ConnectionTrait,
    job: JobId,
    recovery: RecoveryId,
) -> Result<recovery_run::Model, StoreError> {
    let new = recovery_run::ActiveModel {
        job_id: Set(job.0),
        recovery_id: Set(recovery.0),
        asked_sequence: Set(0),
        restored_sequence: Set(0),
        restored: Set(serde_json::json!([])),
        ..Default::default()
    };
    let once = OnConflict::column(recovery_run::Column::JobId).do_nothing().to_owned();
    recovery_run::Entity::insert(new).on_conflict(once).exec_without_returning(transaction).await?;
    let row = recovery_run::Entity::find_by_id(job.0).one(transaction).await?;
    row.ok_or_else(|| row_error("recovery_runs")(&"a row that was just written is not there"))
}

/// The job ended: its keys are of no use to anybody any more.
pub(crate) async fn end_in(transaction: &impl ConnectionTrait, job: JobId) -> Result<(), StoreError> {
    recovery_run::Entity::update_many()
        .col_expr(recovery_run::Column::Sealed, Expr::value(Option::<String>::None))
        .filter(recovery_run::Column::JobId.eq(job.0))
        .exec(transaction)
        .await?;
    Ok(())
}

/// What the newest run of each of these recoveries told, if it told anything.
pub(super) async fn newest(
    db: &impl ConnectionTrait,
    recoveries: &[Uuid],
) -> Result<HashMap<Uuid, recovery_run::Model>, StoreError> {
    let of = recoveries.iter().copied().map(Some);
    let jobs: Vec<(Option<Uuid>, Uuid)> = job::Entity::find()
        .select_only()
        .columns([job::Column::RecoveryId, job::Column::Id])
        .filter(job::Column::RecoveryId.is_in(of))
        .order_by_asc(job::Column::CreatedAt)
        .order_by_asc(job::Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    // The newest of each stays.
    let newest: HashMap<Option<Uuid>, Uuid> = jobs.into_iter().collect();
    let runs = recovery_run::Entity::find().filter(recovery_run::Column::JobId.is_in(newest.into_values()));
    Ok(runs.all(db).await?.into_iter().map(|run| (run.recovery_id, run)).collect())
}

pub(super) fn restored_of(row: &recovery_run::Model) -> Result<Vec<RestoredTool>, StoreError> {
    serde_json::from_value(row.restored.clone()).map_err(|error| row_error("recovery_runs")(&error))
}

/// The moment of the oldest data that came back.
pub(super) async fn oldest_restored(
    db: &impl ConnectionTrait,
    recovery: RecoveryId,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(row) = newest(db, &[recovery.0]).await?.remove(&recovery.0) else { return Ok(None) };
    Ok(restored_of(&row)?.iter().map(|tool| tool.taken_at).min())
}
