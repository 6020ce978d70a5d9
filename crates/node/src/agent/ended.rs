//! Long work that has ended, whoever began it: seen in what it leaves behind, and told to the Hub.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use chrono::{DateTime, Utc};
use letsbe_types::{Problem, tenant::TenantEventKind};
use letsbe_vault::Vault;
use serde::Deserialize;

use super::stamp::Stamp;
use crate::{files, layout::Layout};

/// What shows how rotations stand: no values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Census {
    rotating: BTreeSet<String>,
    /// When each secret came in, by tool.
    changed: BTreeMap<String, BTreeMap<String, DateTime<Utc>>>,
}

impl Census {
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
                        "NODE079",
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

/// Sees work end. What had ended before it began to look has been told before.
pub(crate) struct Ended {
    census: Option<Census>,
    record: PathBuf,
    stamp: Option<Stamp>,
    told: Option<DateTime<Utc>>,
}

impl Ended {
    pub(crate) fn new(layout: &Layout) -> Self {
        let record = layout.state("openclaw-update.json");
        let told = files::read_json::<Move>(&record).ok().flatten().and_then(|last| last.ended_at);
        Self { census: None, stamp: Some(Stamp::of(&[&record])), record, told }
    }

    /// What has ended since the last look.
    pub(crate) fn look(&mut self, census: Option<Census>) -> Result<Vec<TenantEventKind>, Problem> {
        let mut events = Vec::new();
        // A vault that cannot be read says nothing.
        if let Some(mut census) = census {
            if let Some(before) = self.census.take() {
                events = before.ended(&census);
                census.keep_beginnings(before);
            }
            self.census = Some(census);
        }
        let stamp = Stamp::of(&[&self.record]);
        if self.stamp.as_ref() != Some(&stamp) {
            let last: Option<Move> = files::read_json(&self.record)?;
            self.stamp = Some(stamp);
            if let Some(Move { from, to, ended_at: Some(at), problem }) = last
                && self.told != Some(at)
            {
                self.told = Some(at);
                events.push(TenantEventKind::OpenClawUpdated { from, to, problem });
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use letsbe_types::tenant::TenantEventKind;
    use letsbe_vault::{Origin, Vault};
    use serde_json::json;

    use super::{Census, Ended};
    use crate::{files, layout::Layout};

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::hours(hours)
    }

    #[test]
    fn a_rotation_that_ends_is_told_once_with_how_many_secrets_are_new() {
        let folder = tempfile::tempdir().unwrap();
        let mut ended = Ended::new(&Layout::under(folder.path()));
        let mut vault = Vault::default();
        let mut look = |vault: Option<&Vault>| ended.look(vault.map(Census::of)).unwrap();
        for (tool, key) in [("ghost", "a"), ("ghost", "b"), ("ghost", "c"), ("odoo", "a")] {
            vault.put(tool, key, format!("canary-{tool}-{key}").as_str().into(), Origin::Made, at(0));
        }
        assert_eq!(look(Some(&vault)), []);
        for (tool, key) in [("ghost", "a"), ("ghost", "b"), ("odoo", "a")] {
            vault.write_ahead(tool, key, "canary-new".into(), at(1)).unwrap();
        }
        assert_eq!(look(Some(&vault)), []);
        vault.commit("ghost", "a", at(2));
        assert_eq!(look(Some(&vault)), [], "half of it is not the end");
        assert_eq!(look(None), [], "nor is a vault that cannot be read");
        vault.commit("ghost", "b", at(2));
        vault.abandon("odoo", "a", at(2));
        let told = look(Some(&vault));
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
        assert_eq!(look(Some(&vault)), []);
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
        let mut ended = Ended::new(&layout);
        let mut look = || ended.look(None).unwrap().len();
        assert_eq!(look(), 0, "that was before");
        record(None);
        assert_eq!(look(), 0);
        record(Some(at(1)));
        assert_eq!((look(), look()), (1, 0));
    }
}
