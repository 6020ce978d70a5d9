//! What stays and what goes, here and outside, and when the space of what went is freed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use letsbe_backup::{BackupSet, Repository, retention, sets};
use letsbe_types::{Problem, crash, ids::SetId};
use serde::{Deserialize, Serialize};

use super::points;
use letsbe_base::{files, layout::Layout};

/// Space is freed after this time at the latest.
const PRUNE_AFTER: TimeDelta = TimeDelta::days(7);
/// Or when so many snapshots were forgotten.
const PRUNE_COUNT: usize = 200;

/// What was done to each repository, by its name: `local`, `remote`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Upkeep {
    #[serde(default)]
    pruned_at: Option<DateTime<Utc>>,
    /// Snapshots forgotten since then.
    #[serde(default)]
    forgotten: usize,
}

impl Upkeep {
    fn is_due(&self, now: DateTime<Utc>) -> bool {
        let long_ago = self.pruned_at.is_none_or(|at| now - at >= PRUNE_AFTER || at > now);
        self.forgotten > 0 && (long_ago || self.forgotten >= PRUNE_COUNT)
    }
}

/// What decides.
#[derive(Debug, Clone)]
pub(super) struct Keeping {
    /// The proven set of each tool.
    pub(super) proven: BTreeMap<String, SetId>,
    pub(super) now: DateTime<Utc>,
    /// Days are those of the server's time zone.
    pub(super) offset: FixedOffset,
}

impl Keeping {
    /// The sets that go. What another repository still keeps stays here too: it would only be copied again.
    fn going<'a>(&self, all: &'a [BackupSet], kept_elsewhere: &BTreeSet<SetId>) -> Vec<&'a BackupSet> {
        let tools: BTreeSet<&str> = all.iter().map(|set| set.tool.as_str()).collect();
        let mut going = BTreeSet::new();
        for tool in tools {
            let of_tool: Vec<BackupSet> = all.iter().filter(|set| set.tool == tool).cloned().collect();
            let proven = self.proven.get(tool).copied();
            going.extend(retention::decide(&of_tool, proven, self.now, self.offset).forget);
        }
        all.iter().filter(|set| going.contains(&set.id) && !kept_elsewhere.contains(&set.id)).collect()
    }

    /// Forgets what goes, and frees its space when that is due; answers what stays.
    ///
    /// # Errors
    /// When the repository cannot do it.
    pub(super) async fn apply(
        &self,
        layout: &Layout,
        name: &str,
        repository: &Repository,
        kept_elsewhere: &BTreeSet<SetId>,
    ) -> Result<Vec<BackupSet>, Problem> {
        let mut all = sets(&repository.snapshots().await?);
        let going = self.going(&all, kept_elsewhere);
        let snapshots: Vec<String> =
            going.iter().flat_map(|set| set.snapshots()).map(str::to_owned).collect();
        let gone: BTreeSet<SetId> = going.iter().map(|set| set.id).collect();
        let path = super::folder(layout).join(format!("upkeep-{name}.json"));
        let mut upkeep: Upkeep = files::read_json(&path)?.unwrap_or_default();
        if !snapshots.is_empty() {
            // Written before: what was forgotten and is not counted would never be freed.
            upkeep.forgotten += snapshots.len();
            files::write_json(&path, &upkeep)?;
            repository.forget(&snapshots).await?;
            crash::point(&points::FORGOTTEN);
        }
        if upkeep.is_due(self.now) {
            repository.prune().await?;
            crash::point(&points::PRUNED);
            files::write_json(&path, &Upkeep { pruned_at: Some(self.now), forgotten: 0 })?;
        }
        all.retain(|set| !gone.contains(&set.id));
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};

    use super::{PRUNE_COUNT, Upkeep};

    #[test]
    fn space_is_freed_weekly_or_when_much_was_forgotten() {
        let now = Utc::now();
        let ago = |hours| Some(now - TimeDelta::hours(hours));
        let table = [
            (None, 0, false),
            (None, 1, true),
            (ago(1), 1, false),
            (ago(1), PRUNE_COUNT, true),
            (ago(7 * 24), 1, true),
            (ago(7 * 24), 0, false),
            (ago(-1), 1, true),
        ];
        for (pruned_at, forgotten, due) in table {
            assert_eq!(Upkeep { pruned_at, forgotten }.is_due(now), due, "{pruned_at:?} {forgotten}");
        }
    }
}
