//! When a task is due, and how it is. Pure: the time is passed in.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_pages::hub_task_about;
use letsbe_store::{BackgroundTask, TaskRecord};
use letsbe_types::hub_tasks::{HubTask, HubTaskState};

use super::{Entry, Outcome, Runs, registry};

/// After failures a task is activated again within this, or within its period if that is longer (an hour at most).
const RETRY_CAP: Duration = Duration::from_secs(30);
/// A task that is due more rarely than this is activated again within this after failures.
const RARE_RETRY_CAP: Duration = Duration::from_secs(3600);
/// What is late by more than this has stalled: a Hub looks for what is due every few seconds. So far the clocks of Hubs on
/// one database may differ.
const SLACK: TimeDelta = TimeDelta::minutes(2);

/// Whether a task that one Hub runs for all is to be activated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// At this moment, unless something happens earlier.
    At(DateTime<Utc>),
    /// A Hub is at it.
    Taken,
}

/// Decides about a task; `None` is one that never was due.
#[must_use]
pub fn turn(entry: &Entry, task: Option<&BackgroundTask>, now: DateTime<Utc>) -> Turn {
    let Some(task) = task else { return Turn::Now };
    if task.lease.as_ref().is_some_and(|(_, until)| *until >= now) {
        return Turn::Taken;
    }
    let started = task.record.started_at;
    let requested =
        task.requested_at.is_some_and(|at| at <= now && started.is_none_or(|started| started < at));
    match task.record.due_at {
        Some(due) if !is_open(&task.record) && !requested => {
            // A clock that went back must not keep the work from being done; one that is a little behind that of the Hub
            // that did it last must not have it done twice.
            let is_believed = due <= now + delta(entry.every.max(entry.retry).max(RETRY_CAP)) + SLACK;
            if due > now && is_believed { Turn::At(due) } else { Turn::Now }
        }
        _ => Turn::Now,
    }
}

/// An activation was begun and has not ended.
fn is_open(record: &TaskRecord) -> bool {
    record.started_at.is_some_and(|started| record.finished_at.is_none_or(|finished| finished < started))
}

/// How long after an activation the next one is due.
#[must_use]
pub fn pause(entry: &Entry, failures: u32, more: bool) -> Duration {
    match failures {
        0 if more => Duration::ZERO,
        0 => entry.every,
        failures => {
            let doubled = entry.retry.saturating_mul(1 << (failures - 1).min(16));
            doubled.min(entry.every.min(RARE_RETRY_CAP).max(entry.retry).max(RETRY_CAP))
        }
    }
}

/// The record after an activation that began at `started`.
pub(super) fn after(
    entry: &Entry,
    before: TaskRecord,
    outcome: &Outcome,
    (started, took): (DateTime<Utc>, Duration),
) -> TaskRecord {
    let failures = if outcome.is_ok() { 0 } else { before.failures.saturating_add(1) };
    let finished = started + delta(took);
    let more = outcome.as_ref().is_ok_and(|done| done.more);
    let pause = delta(pause(entry, failures, more));
    // What takes long is done no more rarely for it.
    let due = if failures == 0 { (started + pause).max(finished) } else { finished + pause };
    let report = outcome.as_ref().ok().and_then(|done| done.report.clone());
    TaskRecord {
        started_at: Some(started),
        finished_at: Some(finished),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        report: report.or(before.report),
        problem: outcome.as_ref().err().cloned(),
        failures,
        due_at: Some(due),
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// How a task is; `None` is one of which nothing is known.
#[must_use]
pub fn state(entry: &Entry, task: Option<&BackgroundTask>, now: DateTime<Utc>) -> HubTaskState {
    // One that a person asked for before it ever ran is not known either; one that an older Hub did is due.
    let known = task.filter(|task| task.record.started_at.or(task.record.due_at).is_some());
    let Some(BackgroundTask { lease, record, .. }) = known else {
        return if entry.needs.is_some() { HubTaskState::Off } else { HubTaskState::Stalled };
    };
    let is_over = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at + SLACK < now);
    let is_open = is_open(record);
    let lease_until = lease.as_ref().map(|(_, until)| *until);
    let limit = record.started_at.filter(|_| is_open).map(|at| at + delta(entry.timeout));
    // While it is at work it cannot be late; what its Hub left open is due at once.
    let is_late = is_over(if is_open { lease_until.or(record.started_at) } else { record.due_at });
    if is_over(limit) || is_late {
        return HubTaskState::Stalled;
    }
    match record {
        TaskRecord { problem: Some(_), .. } => HubTaskState::Failing,
        _ if is_open => HubTaskState::Running,
        _ => HubTaskState::Idle,
    }
}

/// All tasks as they are, the worst first; those of Hubs that have ended are left out.
#[must_use]
pub fn list(tasks: &[BackgroundTask], now: DateTime<Utc>, language: letsbe_types::Language) -> Vec<HubTask> {
    let mut listed = Vec::new();
    for entry in &registry::TABLE {
        let lives = |task: &&BackgroundTask| match entry.runs {
            Runs::OnOneHub => task.hub.is_none(),
            Runs::OnEachHub => {
                task.hub.is_some() && task.lease.as_ref().is_some_and(|(_, until)| *until >= now)
            }
        };
        let known: Vec<_> = tasks.iter().filter(|task| task.name == entry.name).filter(lives).collect();
        if known.is_empty() {
            listed.push(shown(entry, None, now, language));
        }
        listed.extend(known.into_iter().map(|task| shown(entry, Some(task), now, language)));
    }
    // The sort is stable: among equals the table's own order stays.
    listed.sort_by_key(|task| task.state);
    listed
}

fn shown(
    entry: &Entry,
    task: Option<&BackgroundTask>,
    now: DateTime<Utc>,
    language: letsbe_types::Language,
) -> HubTask {
    let record = task.map(|task| task.record.clone()).unwrap_or_default();
    let state = state(entry, task, now);
    let is_running = state == HubTaskState::Running || is_open(&record);
    HubTask {
        name: entry.name.to_owned(),
        about: hub_task_about(entry.name, language).to_owned(),
        state,
        hub: task
            .and_then(|task| task.hub.clone().or_else(|| task.lease.as_ref().map(|(hub, _)| hub.clone()))),
        each_hub: entry.runs == Runs::OnEachHub,
        needs: entry.needs.map(str::to_owned),
        running_since: record.started_at.filter(|_| is_running),
        started_at: record.started_at,
        took_ms: record.finished_at.map(|_| record.took_ms),
        did: record.report,
        problem: record.problem,
        failures: record.failures,
        next_at: record.due_at.filter(|_| !is_running),
        requested_at: task.and_then(|task| task.requested_at),
        requested_by: task.and_then(|task| task.requested_by.clone()),
    }
}

#[cfg(test)]
mod tests;
