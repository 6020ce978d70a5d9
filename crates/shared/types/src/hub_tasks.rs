//! Background work of the Hub as staff sees it (`/api/v1/admin/hub/tasks`).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Problem;

/// How a task is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HubTaskState {
    /// It should have run, or ended, and did not.
    Stalled,
    /// Its last activation failed; it is tried again by itself.
    Failing,
    /// It is at work.
    Running,
    /// Its last activation went well; the next is not due yet.
    Idle,
    /// The Hub's settings do not ask for it.
    Off,
}

impl HubTaskState {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::Failing => "failing",
            Self::Running => "running",
            Self::Idle => "idle",
            Self::Off => "off",
        }
    }
}

/// A task of the Hub.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HubTask {
    /// Its name.
    pub name: String,
    /// What it does.
    pub about: String,
    /// How it is.
    pub state: HubTaskState,
    /// The Hub that runs it: now, or always where each Hub does.
    pub hub: Option<String>,
    /// Each Hub runs it for itself.
    pub each_hub: bool,
    /// What must stand in a Hub's settings, so that it runs it.
    pub needs: Option<String>,
    /// Since when it is at work.
    pub running_since: Option<DateTime<Utc>>,
    /// When it was last activated.
    pub started_at: Option<DateTime<Utc>>,
    /// How long the last activation that ended took.
    pub took_ms: Option<u64>,
    /// What it did when it last had something to do, in numbers.
    pub did: Option<serde_json::Value>,
    /// Why the last activation failed.
    pub problem: Option<Problem>,
    /// How many failed one after the other.
    pub failures: u32,
    /// When it is activated next.
    pub next_at: Option<DateTime<Utc>>,
    /// When a person last asked for it.
    pub requested_at: Option<DateTime<Utc>>,
    /// Who that was.
    pub requested_by: Option<String>,
}

impl HubTask {
    /// How long the last activation that ended took: `0.4 s`, `12 s`, `7 min`.
    #[must_use]
    pub fn took(&self) -> Option<String> {
        self.took_ms.map(|millis| match millis / 1_000 {
            0..10 => format!("{:.1} s", millis as f64 / 1e3),
            seconds @ 10..120 => format!("{seconds} s"),
            seconds => format!("{} min", seconds / 60),
        })
    }

    /// What it did, in words with their numbers; those that are zero are left out.
    pub fn counts(&self) -> impl Iterator<Item = (String, &serde_json::Value)> {
        let report = self.did.as_ref().and_then(serde_json::Value::as_object);
        let counts = report.into_iter().flatten().filter(|(_, number)| number.as_u64() != Some(0));
        counts.map(|(name, number)| (name.replace('_', " "), number))
    }
}

/// Whether this Hub does its work (`/readyz`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// It has read its database within the last minute.
    pub ready: bool,
    /// How many tasks stalled, on any Hub; staff sees which.
    pub stalled_tasks: usize,
}
