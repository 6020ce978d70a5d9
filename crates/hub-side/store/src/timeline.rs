//! Timelines: what a person reads about an order, oldest first.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, Phase, State};
use letsbe_types::{HostKeyPin, Problem, api::TimelineEntry, ids::OrderId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, sea_query::OnConflict,
};

use crate::{Store, StoreError, entities::timeline};

/// A line to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// `state`, `effect`, `step`, `operation` or `operator`.
    pub kind: &'static str,
    /// `ok`, `running`, `waiting`, `warning` or `failed`.
    pub level: &'static str,
    /// One sentence.
    pub message: String,
    /// A line with the same key is added once only.
    pub once_key: Option<String>,
}

impl NewEntry {
    /// A line that may repeat.
    pub fn new(kind: &'static str, level: &'static str, message: impl Into<String>) -> Self {
        Self { kind, level, message: message.into(), once_key: None }
    }
}

impl Store {
    /// Lines of an order after `sequence`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn timeline(
        &self,
        order: OrderId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<TimelineEntry>, StoreError> {
        let rows = timeline::Entity::find()
            .filter(timeline::Column::OrderId.eq(order.0))
            .filter(timeline::Column::Sequence.gt(after))
            .order_by_asc(timeline::Column::Sequence)
            .limit(limit)
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().map(entry).collect())
    }

    /// The newest lines of an order since a moment, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_lines(
        &self,
        order: OrderId,
        since: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<TimelineEntry>, StoreError> {
        let rows = timeline::Entity::find()
            .filter(timeline::Column::OrderId.eq(order.0))
            .filter(timeline::Column::At.gte(since))
            .order_by_desc(timeline::Column::Sequence)
            .limit(limit)
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().rev().map(entry).collect())
    }

    /// Adds a line that belongs to no event, such as the progress of an effect.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, order: OrderId, entry: &NewEntry, now: DateTime<Utc>) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(order).await?;
        append(&transaction, order, entry, now).await?;
        self.commit(transaction).await
    }
}

fn entry(row: timeline::Model) -> TimelineEntry {
    TimelineEntry {
        sequence: row.sequence,
        at: row.at,
        kind: row.kind,
        level: row.level,
        message: row.message,
    }
}

pub(crate) async fn append(
    transaction: &impl ConnectionTrait,
    order: OrderId,
    entry: &NewEntry,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = timeline::ActiveModel {
        order_id: Set(order.0),
        at: Set(at),
        kind: Set(entry.kind.to_owned()),
        level: Set(entry.level.to_owned()),
        message: Set(entry.message.clone()),
        once_key: Set(entry.once_key.clone()),
        ..Default::default()
    };
    let once = OnConflict::column(timeline::Column::OnceKey).do_nothing().to_owned();
    timeline::Entity::insert(row).on_conflict(once).exec_without_returning(transaction).await?;
    Ok(())
}

/// What happened and what to do, as two sentences.
#[must_use]
pub fn whole(problem: &Problem) -> String {
    let (message, hint) = (problem.message.trim_end(), problem.hint.trim());
    let end = if hint.is_empty() || message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{message}{end} {hint}").trim_end().to_owned()
}

/// What the timeline says about an event. A look that found the same as before adds nothing.
pub(crate) fn about(before: &State, after: &State, event: &Event) -> Vec<NewEntry> {
    let mut entries = Vec::new();
    if let Some(message) = sentence(before, event) {
        entries.push(NewEntry::new("effect", level(event), message));
    }
    if before.problem != after.problem
        && let Some(problem) = &after.problem
    {
        let level = if after.needs_operator || after.phase == Phase::Failed { "failed" } else { "waiting" };
        entries.push(NewEntry::new("effect", level, format!("[{}] {}", problem.code, whole(problem))));
    }
    if before.phase != after.phase {
        let message = match (after.phase, after.needs_operator, after.failures) {
            (Phase::Failed, true, _) => {
                "FAILED: waiting for the operator (retry, skip or abandon)".to_owned()
            }
            (Phase::Failed, false, failures) => {
                format!("FAILED: try {failures} of 3, trying again by itself")
            }
            (phase, ..) => phase.to_string(),
        };
        entries.push(NewEntry::new("state", state_level(after.phase), message));
    }
    entries
}

const fn state_level(phase: Phase) -> &'static str {
    match phase {
        Phase::Failed => "failed",
        Phase::Stopped | Phase::Expired | Phase::ServerLost | Phase::RecoveryCancelled => "warning",
        Phase::DnsPending | Phase::AwaitingPayment => "waiting",
        _ => "ok",
    }
}

const fn level(event: &Event) -> &'static str {
    match event {
        Event::PaymentOpened => "waiting",
        Event::PaymentFailed | Event::EffectFailed { .. } | Event::ConvergenceEnded { problem: Some(_) } => {
            "failed"
        }
        Event::PaymentWithdrawn { .. }
        | Event::PaymentDiffers { .. }
        | Event::PaymentOverdue
        | Event::OperatorAbandon { .. }
        | Event::OperatorSkip { .. }
        | Event::OperatorCancelRecovery { .. } => "warning",
        _ => "ok",
    }
}

/// As people compare it.
fn host_key_shown(text: &str) -> String {
    text.parse::<HostKeyPin>().map_or_else(|_| text.to_owned(), |pin| pin.fingerprint())
}

fn sentence(before: &State, event: &Event) -> Option<String> {
    // What comes late about the beginning of a payment, or about the same money once more, says nothing new.
    let paid = !matches!(before.phase, Phase::AwaitingPayment | Phase::Expired);
    Some(match event {
        Event::PaymentReceived | Event::PaymentOpened if paid => return None,
        Event::PaymentDiffers { why } if paid => {
            format!("A further payment came that is not what was ordered: {why}")
        }
        Event::OperatorSkip { reason } if !paid => {
            format!("The operator went on though the payment differs from the order: {reason}")
        }
        Event::PaymentReceived => "The payment has arrived".to_owned(),
        Event::PaymentOpened => {
            "The payment was begun and is still open; work starts when the money is there".into()
        }
        Event::PaymentOverdue => "No payment came in time".to_owned(),
        Event::PaymentWithdrawn { why } => format!("The payment was withdrawn ({why})"),
        Event::ServerClaimed { server } => format!("Server {server} claimed"),
        Event::ServerInstalled { address } => format!("Debian is installed; the server answers at {address}"),
        Event::DnsComplete => "All DNS records are in place".to_owned(),
        Event::ProvisioningSucceeded => "All ten steps and the verification passed".to_owned(),
        Event::CustomerNotified => "The customer was told by e-mail".to_owned(),
        // What was never claimed is not taken out of use.
        Event::ServerReleased => {
            let server = before.server.as_ref()?;
            format!("Server {server} was taken out of use; wipe it before it returns to the pool")
        }
        Event::OperatorRetry => "The operator asked for another try".to_owned(),
        Event::OperatorSkip { reason } => format!("The operator went on without complete DNS: {reason}"),
        Event::OperatorAbandon { reason } => format!("The operator gave the order up: {reason}"),
        Event::OperatorAssign { server, address, .. } => {
            format!("The operator assigned server {server} at {address}")
        }
        Event::OperatorConfirmHostKey { host_key } => {
            format!("The operator compared the server's host key: {}", host_key_shown(host_key))
        }
        Event::OperatorCancelRecovery { reason } => {
            let lost = before.recovery.as_ref().and_then(|recovery| recovery.lost.as_ref());
            let server = lost.map_or_else(|| "The server".to_owned(), |server| format!("Server {server}"));
            format!("{server} was not lost after all, and stays in use: {reason}")
        }
        Event::ConvergenceEnded { problem: None } => {
            "The live server is what it should be: all ten steps and the verification passed".to_owned()
        }
        Event::ConvergenceEnded { problem: Some(problem) } => {
            format!("[{}] The run on the live server did not succeed: {}", problem.code, whole(problem))
        }
        Event::PaymentFailed
        | Event::PaymentDiffers { .. }
        | Event::PoolEmpty { .. }
        | Event::DnsIncomplete { .. }
        | Event::DnsUnreadable { .. }
        | Event::ProvisioningPrepared
        | Event::PurchaseRequested
        | Event::EffectFailed { .. }
        | Event::OperatorConverge
        | Event::OperatorRecover { .. }
        | Event::RetryDue => return None,
    })
}
