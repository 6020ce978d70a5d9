//! The record of the last update: written ahead of each phase, so that whoever comes next knows what a kill left.

use chrono::{DateTime, Utc};
use letsbe_types::{Problem, ids::JobId};
use serde::{Deserialize, Serialize};

use letsbe_base::{files, layout::Layout};

/// How far an update has come. Each is written before what it names begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UpdatePhase {
    /// The container is stopped and its state copied; nothing is changed.
    Saving,
    /// The copy is proven; pin, container and state may be the new release's.
    Moving,
    /// Pin and state are put back.
    Undoing,
}

/// An update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Holds the server's lock; the same over a kill.
    pub(super) run: JobId,
    /// The release before.
    pub(super) from: String,
    /// The release that is wanted.
    pub(super) to: String,
    /// The pin before, if there was one.
    pub(super) former_pin: Option<String>,
    /// How far it has come.
    #[serde(rename = "stage")]
    pub(super) phase: UpdatePhase,
    /// When it began.
    pub(super) began_at: DateTime<Utc>,
    /// When it ended, well or undone.
    pub(super) ended_at: Option<DateTime<Utc>>,
    /// Why it did not work.
    pub(super) problem: Option<Problem>,
}

impl Record {
    pub(super) const fn is_over(&self) -> bool {
        self.ended_at.is_some()
    }

    /// The same at another phase.
    pub(super) fn at(&self, phase: UpdatePhase) -> Self {
        Self { phase, ..self.clone() }
    }

    /// The same, ended.
    pub(super) fn over(&self, problem: Option<Problem>, now: DateTime<Utc>) -> Self {
        Self { ended_at: Some(now), problem: problem.or_else(|| self.problem.clone()), ..self.clone() }
    }

    /// The last update of this server, if there was one.
    pub(super) fn read(layout: &Layout) -> Result<Option<Self>, Problem> {
        files::read_json(&layout.state(FILE))
    }

    /// Keeps it durably.
    pub(super) fn write(&self, layout: &Layout) -> Result<(), Problem> {
        files::write_json(&layout.state(FILE), self)
    }

    #[cfg(test)]
    pub(super) fn sample(from: &str, to: &str) -> Self {
        Self {
            run: JobId::generate(),
            from: from.to_owned(),
            to: to.to_owned(),
            former_pin: None,
            phase: UpdatePhase::Saving,
            began_at: Utc::now(),
            ended_at: None,
            problem: None,
        }
    }
}

const FILE: &str = "openclaw-update.json";

#[cfg(test)]
mod tests {
    use super::{Record, UpdatePhase};

    #[test]
    fn a_record_of_the_former_release_is_read_and_written_alike() {
        let former = serde_json::json!({
            "run": "01942f7e-0000-7000-8000-000000000001",
            "from": "2026.9",
            "to": "2026.10",
            "former_pin": null,
            "stage": "moving",
            "began_at": "2026-11-18T13:50:00Z",
            "ended_at": null,
            "problem": null,
        });
        let record: Record = serde_json::from_value(former.clone()).unwrap();
        assert!(record.phase == UpdatePhase::Moving && !record.is_over());
        assert_eq!(serde_json::to_value(record).unwrap(), former);
    }
}
