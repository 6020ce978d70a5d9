//! Provisioning jobs and what their runs report.

use chrono::{DateTime, Utc};
use letsbe_types::{
    HostKeyPin, Problem,
    api::{JobReport, JobStatus},
    ids::{JobId, OrderId, RecoveryId},
    job::{Outcome, RunEvent, RunEventKind, StepResult},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    QueryOrder as _,
};

use crate::{
    Store, StoreError,
    entities::{job, order},
    orders, recoveries, row_error,
    timeline::{self, NewEntry},
};

/// A job to be made.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// Its order.
    pub order: OrderId,
    /// Hash of the token that the provisioner reports with.
    pub runner_token_hash: String,
    /// Hash of the token that the agent registers with.
    pub registration_token_hash: String,
}

/// A job as stored.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Its order.
    pub order: OrderId,
    /// Where it stands.
    pub status: JobStatus,
    /// Hash of the runner token.
    pub runner_token_hash: String,
    /// Why it failed.
    pub problem: Option<Problem>,
    /// The recovery that it belongs to.
    pub recovery: Option<RecoveryId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

pub(crate) fn status_name(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Running => "RUNNING",
        JobStatus::Completed => "COMPLETED",
        JobStatus::Failed => "FAILED",
    }
}

impl TryFrom<job::Model> for Job {
    type Error = StoreError;

    fn try_from(row: job::Model) -> Result<Self, StoreError> {
        let bad = row_error("jobs");
        let status = match row.status.as_str() {
            "RUNNING" => JobStatus::Running,
            "COMPLETED" => JobStatus::Completed,
            "FAILED" => JobStatus::Failed,
            other => return Err(bad(&format!("unknown status {other}"))),
        };
        let problem = row.problem.map(serde_json::from_value).transpose().map_err(|error| bad(&error))?;
        let (id, order) = (JobId(row.id), OrderId(row.order_id));
        let recovery = row.recovery_id.map(RecoveryId);
        let (runner_token_hash, created_at) = (row.runner_token_hash, row.created_at);
        Ok(Self { id, order, status, runner_token_hash, problem, recovery, created_at })
    }
}

impl Store {
    /// Stores a new job, as one of the recovery that its order is in.
    ///
    /// # Errors
    /// When there is no such order or the database fails.
    pub async fn create_job(&self, new: &NewJob, now: DateTime<Utc>) -> Result<Job, StoreError> {
        let transaction = self.begin_write_of(new.order).await?;
        let order = orders::find(&transaction, new.order).await?.ok_or(StoreError::NoSuchOrder(new.order))?;
        let row = job::ActiveModel {
            id: Set(new.id.0),
            order_id: Set(new.order.0),
            status: Set(status_name(JobStatus::Running).to_owned()),
            runner_token_hash: Set(new.runner_token_hash.clone()),
            registration_token_hash: Set(new.registration_token_hash.clone()),
            problem: Set(None),
            created_at: Set(now),
            finished_at: Set(None),
            recovery_id: Set(order.state.recovery.map(|recovery| recovery.id.0)),
        }
        .insert(&transaction)
        .await?;
        self.commit(transaction).await?;
        row.try_into()
    }

    /// One job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        job::Entity::find_by_id(id.0).one(&self.db).await?.map(Job::try_from).transpose()
    }

    /// The newest job of an order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest_job(&self, order: OrderId) -> Result<Option<Job>, StoreError> {
        let row = job::Entity::find()
            .filter(job::Column::OrderId.eq(order.0))
            .order_by_desc(job::Column::CreatedAt)
            .order_by_desc(job::Column::Id)
            .one(&self.db)
            .await?;
        row.map(Job::try_from).transpose()
    }

    /// Takes a report: each event of a run is kept once, whoever reports it. A finished job stays as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn report_job(
        &self,
        job: &Job,
        report: &JobReport,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(job.order).await?;
        for event in &report.events {
            if let Some(entry) = about(job.id, event) {
                timeline::append(&transaction, job.order, &entry, event.at).await?;
            }
            recoveries::take_in(&transaction, job, event).await?;
        }
        let order = orders::find(&transaction, job.order).await?;
        // A provisioner that outlived its server says nothing about the one in its place.
        let current = order.filter(|order| order.state.recovery.as_ref().map(|it| it.id) == job.recovery);
        let known = current.and_then(|order| order.host_key);
        if let Some(host_key) = report.host_key.as_ref().filter(|told| completes(known.as_deref(), told)) {
            let order = order::ActiveModel {
                id: Set(job.order.0),
                host_key: Set(Some(host_key.clone())),
                ..Default::default()
            };
            order.update(&transaction).await?;
        }
        let stored = job::Entity::find_by_id(job.id.0).one(&transaction).await?;
        let open = stored.is_some_and(|row| row.status == status_name(JobStatus::Running));
        if open && report.status != JobStatus::Running {
            let problem = report.problem.as_ref().map(serde_json::to_value).transpose();
            job::ActiveModel {
                id: Set(job.id.0),
                status: Set(status_name(report.status).to_owned()),
                problem: Set(problem.map_err(|error| row_error("jobs")(&error))?),
                finished_at: Set(Some(now)),
                ..Default::default()
            }
            .update(&transaction)
            .await?;
            recoveries::end_in(&transaction, job.id).await?;
        }
        self.commit(transaction).await
    }
}

/// Whether the key that a provisioner saw is the one whose fingerprint a person compared. Nothing else changes what is
/// known: no report of a run says which key a server has.
fn completes(known: Option<&str>, told: &str) -> bool {
    let known = known.and_then(|known| known.parse::<HostKeyPin>().ok());
    known.is_some_and(|known| known.key().is_none() && known.is(told))
}

/// What was done, from what there was before: that is why something was done.
fn done(before: &str) -> String {
    match before.strip_suffix(" is missing").filter(|name| !name.contains([',', ';'])) {
        Some(name) => format!("created {name} (was missing)"),
        None => format!("put right (before: {before})"),
    }
}

/// What the timeline says about an event of a run; `None` for what only machines need.
fn about(job: JobId, event: &RunEvent) -> Option<NewEntry> {
    let (kind, level, message) = match &event.event {
        RunEventKind::Started { attempt: 1 } => ("step", "running", "The run began on the server".to_owned()),
        RunEventKind::Started { attempt } => {
            ("step", "warning", format!("The run was interrupted and goes on (start {attempt})"))
        }
        RunEventKind::StepStarted { step, title } => ("step", "running", format!("Step {step}: {title} …")),
        RunEventKind::StepFinished { step, result, milliseconds } => {
            let (level, word) = match result {
                StepResult::Converged => ("ok", "nothing to change"),
                StepResult::Changed => ("ok", "done"),
                StepResult::Warned => ("warning", "done with a warning"),
                StepResult::Failed => ("failed", "failed"),
            };
            ("step", level, format!("Step {step}: {word} ({:.1} s)", *milliseconds as f64 / 1000.0))
        }
        RunEventKind::Operation { operation, outcome, .. } => {
            let (level, text) = match outcome {
                Outcome::Converged { .. } | Outcome::Skipped { .. } => return None,
                Outcome::Changed { what } => ("ok", done(what)),
                Outcome::Warned { warning } => ("warning", warning.clone()),
                Outcome::Failed { problem } => ("failed", problem.to_string()),
            };
            ("operation", level, format!("{operation}: {text}"))
        }
        RunEventKind::SshConfirmationNeeded { port, user, .. } => (
            "operation",
            "running",
            format!("SSH moves to port {port}: proving from outside that {user} gets in"),
        ),
        RunEventKind::KeysNeeded { deadline, .. } => (
            "operation",
            "running",
            format!(
                "The lost server's keys are needed from the escrow, until {}",
                deadline.format("%Y-%m-%d %H:%M UTC")
            ),
        ),
        RunEventKind::Restored { tools } => {
            let names: Vec<&str> = tools.iter().map(|tool| tool.tool.as_str()).collect();
            ("operation", "ok", format!("Back from the backup: {}", names.join(", ")))
        }
        RunEventKind::Finished { problem: None } => {
            ("step", "ok", "The run on the server is finished".to_owned())
        }
        RunEventKind::Finished { problem: Some(problem) } => ("step", "failed", problem.to_string()),
    };
    Some(NewEntry { kind, level, message, once_key: Some(format!("{job}:{}", event.sequence)) })
}

#[cfg(test)]
mod tests {
    use super::done;

    #[test]
    fn a_change_is_told_as_what_was_done() {
        assert_eq!(done("letsbe-nginx is missing"), "created letsbe-nginx (was missing)");
        assert_eq!(done("a, b is missing"), "put right (before: a, b is missing)");
        assert_eq!(done("port 22 is open"), "put right (before: port 22 is open)");
    }
}
