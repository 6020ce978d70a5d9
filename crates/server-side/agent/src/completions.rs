//! Long work that has ended, whoever began it: seen in what it leaves behind, and told to the Hub.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use letsbe_types::{Code, Problem, tenant::TenantEventKind};
use letsbe_vault::Vault;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::file_version::FileVersion;
use letsbe_base::{files, layout::Layout};
use letsbe_data::restore;

/// What shows how rotations stand: no values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RotationState {
    rotating: BTreeSet<String>,
    /// When each secret came in, by tool.
    changed: BTreeMap<String, BTreeMap<String, DateTime<Utc>>>,
}

impl RotationState {
    /// As the vault stands.
    pub(crate) fn of(vault: &Vault) -> Self {
        let mut changed: BTreeMap<String, BTreeMap<String, DateTime<Utc>>> = BTreeMap::new();
        for (tool, key, entry) in vault.entries() {
            changed.entry(tool.to_owned()).or_default().insert(key.to_owned(), entry.changed_at);
        }
        Self { rotating: vault.rotating(), changed }
    }

    /// What a tool was before its rotation counts until that ends.
    fn keep_beginnings(&mut self, before: Self) {
        let Self { rotating, changed } = before;
        self.changed.extend(
            changed.into_iter().filter(|(tool, _)| rotating.contains(tool) && self.rotating.contains(tool)),
        );
    }

    /// Rotations that have ended between this and a later census.
    fn ended(&self, later: &Self) -> Vec<TenantEventKind> {
        let ended = self.rotating.difference(&later.rotating);
        ended
            .map(|tool| {
                let (before, after) = (self.changed.get(tool), later.changed.get(tool));
                let is_new = |(key, at): &(&String, &DateTime<Utc>)| {
                    before.and_then(|keys| keys.get(*key)) != Some(at)
                };
                let new = after.into_iter().flatten().filter(is_new).count();
                let given_up = || {
                    let message = format!("A rotation of {tool} was given up: the old secrets are in force");
                    Problem::transient(
                        Code::NODE079,
                        message,
                        "See `journalctl` on the server for its reason; repeat it.",
                    )
                };
                TenantEventKind::Rotated {
                    tool: tool.clone(),
                    secrets: u32::try_from(new).unwrap_or(u32::MAX),
                    problem: (new == 0).then(given_up),
                }
            })
            .collect()
    }
}

/// What an update of the AI runtime writes about itself, as far as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Move {
    from: String,
    to: String,
    ended_at: Option<DateTime<Utc>>,
    problem: Option<Problem>,
}

/// What has been told, kept over restarts: work goes on while the agent is away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Reported {
    census: Option<RotationState>,
    moved_at: Option<DateTime<Utc>>,
    /// End of the last restore.
    #[serde(default)]
    restored_at: Option<DateTime<Utc>>,
}

/// Sees work end. What had ended before the first agent of this server looked has been told by nobody, and is not.
pub(crate) struct Completions {
    kept: PathBuf,
    record: PathBuf,
    layout: Layout,
    version: Option<FileVersion>,
    told: Reported,
    /// What will have been told once the events of the last look are kept.
    looked: Option<(FileVersion, Reported)>,
}

impl Completions {
    pub(crate) fn new(layout: &Layout) -> Self {
        let (kept, record) = (layout.state("ended.json"), layout.state("openclaw-update.json"));
        let told = readable(&kept).unwrap_or_else(|| {
            let moved_at = readable::<Move>(&record).and_then(|last| last.ended_at);
            let restored = restore::completions::all(layout).unwrap_or_default();
            let restored_at = restored.iter().map(|one| one.ended_at).max();
            Reported { census: None, moved_at, restored_at }
        });
        Self { kept, record, layout: layout.clone(), version: None, told, looked: None }
    }

    /// What has ended since it was last [`Completions::mark_reported`].
    pub(crate) fn poll(&mut self, census: Option<RotationState>) -> Result<Vec<TenantEventKind>, Problem> {
        let version = FileVersion::of(&[&self.record, &restore::completions::path(&self.layout)]);
        let rotated = census.is_some() && census != self.told.census;
        let moved = self.version.as_ref() != Some(&version);
        if !rotated && !moved {
            self.looked = None;
            return Ok(Vec::new());
        }
        let (mut events, mut next) = (Vec::new(), self.told.clone());
        // A vault that cannot be read says nothing.
        if let Some(mut census) = census {
            if let Some(before) = next.census.take() {
                events = before.ended(&census);
                census.keep_beginnings(before);
            }
            next.census = Some(census);
        }
        if moved
            && let Some(Move { from, to, ended_at: Some(at), problem }) = files::read_json(&self.record)?
            && next.moved_at != Some(at)
        {
            next.moved_at = Some(at);
            events.push(TenantEventKind::OpenClawUpdated { from, to, problem });
        }
        if moved {
            for one in restore::completions::all(&self.layout)? {
                if next.restored_at.is_none_or(|told| told < one.ended_at) {
                    next.restored_at = Some(one.ended_at);
                    events.push(one.into());
                }
            }
        }
        self.looked = Some((version, next));
        Ok(events)
    }

    /// The events of the last look are kept. A kill before this tells them again: twice is better than never.
    pub(crate) fn mark_reported(&mut self) -> Result<(), Problem> {
        if let Some((version, next)) = self.looked.take() {
            if next != self.told {
                files::write_json(&self.kept, &next)?;
            }
            (self.version, self.told) = (Some(version), next);
        }
        Ok(())
    }
}

/// A file that is damaged must not keep the agent from its work.
fn readable<T: DeserializeOwned>(path: &Path) -> Option<T> {
    files::read_json(path).unwrap_or_else(|problem| {
        tracing::warn!(%problem, "what was told before is not known");
        None
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use letsbe_types::tenant::TenantEventKind;
    use letsbe_vault::{Origin, Vault};
    use serde_json::json;

    use super::{Completions, RotationState};
    use letsbe_base::{files, layout::Layout};

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::hours(hours)
    }

    #[test]
    fn a_rotation_that_ends_is_told_once_with_how_many_secrets_are_new() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        // A new agent each time: what is told does not depend on who was there to see it.
        let look_once = |census: Option<RotationState>| {
            let mut ended = Completions::new(&layout);
            let seen = ended.poll(census).unwrap();
            assert_eq!(Completions::new(&layout).told, ended.told, "only what was told counts");
            ended.mark_reported().unwrap();
            seen
        };
        let mut vault = Vault::default();
        let poll = |vault: Option<&Vault>| look_once(vault.map(RotationState::of));
        for (tool, key) in [("ghost", "a"), ("ghost", "b"), ("ghost", "c"), ("odoo", "a")] {
            vault.put(tool, key, format!("canary-{tool}-{key}").as_str().into(), Origin::Made, at(0));
        }
        assert_eq!(poll(Some(&vault)), []);
        for (tool, key) in [("ghost", "a"), ("ghost", "b"), ("odoo", "a")] {
            vault.write_ahead(tool, key, "canary-new".into(), at(1)).unwrap();
        }
        assert_eq!(poll(Some(&vault)), []);
        vault.commit("ghost", "a", at(2));
        assert_eq!(poll(Some(&vault)), [], "half of it is not the end");
        assert_eq!(poll(None), [], "nor is a vault that cannot be read");
        vault.commit("ghost", "b", at(2));
        vault.abandon("odoo", "a", at(2));
        let told = poll(Some(&vault));
        let summary: Vec<(&str, u32, bool)> = told
            .iter()
            .map(|event| match event {
                TenantEventKind::Rotated { tool, secrets, problem } => {
                    (tool.as_str(), *secrets, problem.is_none())
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(summary, [("ghost", 2, true), ("odoo", 0, false)]);
        assert_eq!(poll(Some(&vault)), []);
    }

    #[test]
    fn a_restore_that_ends_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let restored = |hours: i64| {
            let one = serde_json::json!({
                "tool": "ghost", "set": "0190a5c3-0000-7000-8000-000000000000", "taken_at": at(0), "is_undo": false,
                "began_at": at(hours), "ended_at": at(hours), "problem": null,
            });
            letsbe_data::restore::completions::write_down(&layout, serde_json::from_value(one).unwrap())
                .unwrap();
        };
        restored(1);
        // A new agent each time; what ended before the first one looked is told by nobody.
        let poll = || {
            let mut ended = Completions::new(&layout);
            let seen = ended.poll(Some(RotationState::default())).unwrap();
            ended.mark_reported().unwrap();
            seen.len()
        };
        assert_eq!(poll(), 0);
        restored(2);
        restored(3);
        assert_eq!((poll(), poll()), (2, 0));
    }

    #[test]
    fn an_update_of_the_ai_runtime_that_ends_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let record = |ended_at: Option<DateTime<Utc>>| {
            let record = json!({
                "from": "2026.9", "to": "2026.10", "stage": "moving", "ended_at": ended_at, "problem": null,
            });
            files::write_json(&layout.state("openclaw-update.json"), &record).unwrap();
        };
        record(Some(at(0)));
        let mut ended = Completions::new(&layout);
        let mut poll = || {
            let seen = ended.poll(None).unwrap().len();
            assert_eq!(ended.poll(None).unwrap().len(), seen, "not told is told again");
            ended.mark_reported().unwrap();
            seen
        };
        assert_eq!(poll(), 0, "that was before");
        record(None);
        assert_eq!(poll(), 0);
        record(Some(at(1)));
        assert_eq!((poll(), poll()), (1, 0));
    }
}
