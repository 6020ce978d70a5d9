//! Restores that have ended, the last ones: `state/restored.json`. The agent tells the Hub of them.

use chrono::{DateTime, Utc};
use letsbe_types::{Problem, ids::SetId, tenant::TenantEventKind};
use serde::{Deserialize, Serialize};

use letsbe_base::{files, layout::Layout};

/// More are not kept: the agent has told them long before.
const KEPT: usize = 50;

/// One restore that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The tool.
    pub tool: String,
    /// The set.
    pub set: SetId,
    /// When that was taken.
    pub taken_at: DateTime<Utc>,
    /// Whether what a restore had put aside was brought back.
    pub is_undo: bool,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// Why the tool has what it had before, if it has.
    pub problem: Option<Problem>,
}

impl Ended {
    /// How long it took.
    pub fn milliseconds(&self) -> u64 {
        u64::try_from((self.ended_at - self.began_at).num_milliseconds()).unwrap_or_default()
    }
}

impl From<Ended> for TenantEventKind {
    fn from(ended: Ended) -> Self {
        let milliseconds = ended.milliseconds();
        let Ended { tool, set, taken_at, is_undo: undone, problem, .. } = ended;
        Self::Restored { tool, set, taken_at, undone, problem, milliseconds }
    }
}

/// Where they are.
pub fn path(layout: &Layout) -> std::path::PathBuf {
    layout.state("restored.json")
}

/// The last ones, oldest first.
pub fn all(layout: &Layout) -> Result<Vec<Ended>, Problem> {
    Ok(files::read_json(&path(layout))?.unwrap_or_default())
}

/// Writes one down; the same restore twice is once.
pub fn write_down(layout: &Layout, ended: Ended) -> Result<(), Problem> {
    let mut list = all(layout)?;
    if !list.iter().any(|one| one.tool == ended.tool && one.began_at == ended.began_at) {
        list.push(ended);
        list.drain(..list.len().saturating_sub(KEPT));
        files::write_json(&path(layout), &list)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use letsbe_types::ids::SetId;

    use super::{Ended, KEPT, all, write_down};
    use letsbe_base::layout::Layout;

    #[test]
    fn a_restore_is_written_down_once_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let began_at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let one = |minutes: i64| Ended {
            tool: "ghost".to_owned(),
            set: SetId::generate(),
            taken_at: began_at,
            is_undo: false,
            began_at: began_at + TimeDelta::minutes(minutes),
            ended_at: began_at + TimeDelta::minutes(minutes) + TimeDelta::seconds(7),
            problem: None,
        };
        assert_eq!(one(0).milliseconds(), 7000);
        for minutes in 0..KEPT as i64 + 3 {
            write_down(&layout, one(minutes)).unwrap();
            write_down(&layout, one(minutes)).unwrap();
        }
        let list = all(&layout).unwrap();
        assert_eq!((list.len(), list[0].began_at), (KEPT, one(3).began_at));
    }
}
