//! Which sandboxes there are, who made each and how long it stays: a record in each sandbox's folder, written before
//! anything of it exists and removed after everything of it is gone.

use std::{fmt, path::PathBuf};

use chrono::{DateTime, Utc};
use letsbe_types::{Problem, ids::SetId, process::Process};
use serde::{Deserialize, Serialize};

use crate::restore::exchange::Pair;
use letsbe_base::{files, layout::Layout};

/// Eight hex digits: part of names of containers, volumes and folders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct SandboxId(String);

impl SandboxId {
    /// A new one.
    pub(crate) fn generate() -> Self {
        Self(format!("{:08x}", rand::random::<u32>()))
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn fixed(text: &str) -> Self {
        text.to_owned().try_into().unwrap()
    }
}

impl TryFrom<String> for SandboxId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 8 && text.bytes().all(hex) {
            Ok(Self(text))
        } else {
            Err("a stage's id has eight hex digits".to_owned())
        }
    }
}

impl fmt::Display for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a sandbox stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Holding {
    /// Its maker works with it.
    Made {
        /// Who.
        by: Process,
    },
    /// A restore switches it with the tool.
    Restore,
    /// Somebody looks into it.
    Temp {
        /// Until then.
        until: DateTime<Utc>,
    },
    /// It holds what the tool had before it was switched.
    Former {
        /// Until then.
        until: DateTime<Utc>,
        /// When it was switched.
        switched_at: DateTime<Utc>,
        /// What was exchanged.
        pairs: Vec<Pair>,
    },
}

impl Holding {
    /// Whether nobody wants it any more.
    pub(crate) fn is_abandoned(
        &self,
        now: DateTime<Utc>,
        is_restoring: bool,
        is_alive: impl Fn(&Process) -> bool,
    ) -> bool {
        match self {
            Self::Made { by } => !is_restoring && !is_alive(by),
            Self::Restore => !is_restoring,
            Self::Temp { until } | Self::Former { until, .. } => !is_restoring && now >= *until,
        }
    }
}

/// `stage.json` in a sandbox's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SandboxRecord {
    /// The sandbox.
    pub(crate) id: SandboxId,
    /// The tool.
    pub(crate) tool: String,
    /// The set it was made from.
    pub(crate) set: SetId,
    /// When that was taken.
    pub(crate) taken_at: DateTime<Utc>,
    /// When it was made.
    pub(crate) made_at: DateTime<Utc>,
    /// Where it has the tool's state.
    pub(crate) data: Vec<PathBuf>,
    /// Why it stands.
    pub(crate) holding: Holding,
}

impl SandboxRecord {
    /// Keeps it, durably.
    pub(crate) fn keep(&self, layout: &Layout) -> Result<(), Problem> {
        files::write_json(&folder(layout, &self.id).join("stage.json"), self)
    }

    /// One sandbox's.
    pub(crate) fn of(layout: &Layout, id: &SandboxId) -> Result<Option<Self>, Problem> {
        files::read_json(&folder(layout, id).join("stage.json"))
    }

    /// All that can be read, oldest first.
    pub(crate) fn all(layout: &Layout) -> Result<Vec<Self>, Problem> {
        let read = |id| match Self::of(layout, &id) {
            Ok(record) => record,
            Err(problem) => {
                tracing::warn!("a stage is left alone: {problem}");
                None
            }
        };
        let mut all: Vec<Self> = ids(layout)?.into_iter().filter_map(read).collect();
        all.sort_by_key(|one| one.made_at);
        Ok(all)
    }
}

/// A sandbox's own folder: compose file, environment files and record.
pub(crate) fn folder(layout: &Layout, id: &SandboxId) -> PathBuf {
    layout.home().join("stage").join(id.as_str())
}

/// Where a sandbox has the tool's data paths: on the file system of the tool's.
pub(crate) fn data(layout: &Layout, id: &SandboxId) -> PathBuf {
    layout.home().join("data").join(format!(".stage-{id}"))
}

/// Every folder of a sandbox, with a record or without.
pub(crate) fn ids(layout: &Layout) -> Result<Vec<SandboxId>, Problem> {
    let path = layout.home().join("stage");
    let entries = match std::fs::read_dir(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| files::unusable(&path, error))?,
    };
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().ok()?.try_into().ok();
    Ok(entries.flatten().filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::{Holding, SandboxId, SandboxRecord};
    use letsbe_base::layout::Layout;
    use letsbe_types::process::Process;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    #[test]
    fn a_stage_is_abandoned_when_nobody_lives_or_waits_for_it() {
        let made = || Holding::Made { by: Process::own() };
        let temp = |hours| Holding::Temp { until: now() + TimeDelta::hours(hours) };
        let former = |hours| Holding::Former {
            until: now() + TimeDelta::hours(hours),
            switched_at: now(),
            pairs: vec![],
        };
        // (holding, a restore has it, its maker lives) → abandoned
        let table = [
            (made(), false, true, false),
            (made(), false, false, true),
            (made(), true, false, false),
            (Holding::Restore, true, false, false),
            (Holding::Restore, false, true, true),
            (temp(1), false, false, false),
            (temp(0), false, true, true),
            (former(1), false, false, false),
            (former(0), false, false, true),
            (former(0), true, false, false),
        ];
        for (holding, is_restoring, lives, abandoned) in table {
            assert_eq!(
                holding.is_abandoned(now(), is_restoring, |_| lives),
                abandoned,
                "{holding:?} {is_restoring} {lives}"
            );
        }
    }

    #[test]
    fn only_stages_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        assert_eq!(SandboxRecord::all(&layout).unwrap(), []);
        let record = SandboxRecord {
            id: SandboxId::generate(),
            tool: "ghost".to_owned(),
            set: letsbe_types::ids::SetId::generate(),
            taken_at: now(),
            made_at: now(),
            data: vec![],
            holding: Holding::Restore,
        };
        record.keep(&layout).unwrap();
        std::fs::create_dir_all(layout.home().join("stage/../stage/UPPERCAS")).unwrap();
        std::fs::create_dir_all(layout.home().join("stage/00000000")).unwrap();
        assert_eq!(SandboxRecord::all(&layout).unwrap(), [record]);
        letsbe_base::files::write(&layout.home().join("stage/00000001/stage.json"), b"damaged").unwrap();
        assert_eq!(SandboxRecord::all(&layout).unwrap().len(), 1);
        assert_eq!(super::ids(&layout).unwrap().len(), 3);
        for bad in ["", "../../..", "0badcaf", "0BADCAFE", "0badcafe0"] {
            assert!(SandboxId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
    #[test]
    fn a_record_of_the_former_release_is_read_and_written_alike() {
        let former = serde_json::json!({
            "id": "0123abcd",
            "tool": "ghost",
            "set": "01942f7e-0000-7000-8000-000000000001",
            "taken_at": "2026-11-18T13:46:40Z",
            "made_at": "2026-11-18T13:50:00Z",
            "data": ["/opt/letsbe/stage/0123abcd/data"],
            "holding": {
                "is": "former",
                "until": "2026-11-25T13:55:00Z",
                "switched_at": "2026-11-18T13:55:00Z",
                "pairs": [{ "live": "/a", "beside": "/b", "former": 11, "restored": 12 }],
            },
        });
        let record: SandboxRecord = serde_json::from_value(former.clone()).unwrap();
        assert!(matches!(&record.holding, Holding::Former { pairs, .. } if pairs.len() == 1));
        assert_eq!(serde_json::to_value(record).unwrap(), former);
        let made = serde_json::json!({ "is": "made", "by": { "pid": 7, "started": 8, "boot": "x" } });
        let holding: Holding = serde_json::from_value(made.clone()).unwrap();
        assert_eq!(serde_json::to_value(holding).unwrap(), made);
    }
}
