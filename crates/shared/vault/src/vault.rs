//! What the vault holds, and how it changes. Pure: time comes in, nothing is read or written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::Secret;
use serde::{Deserialize, Serialize};

use crate::{Credentials, VaultError};

/// How long a retired value is still taken out of what leaves.
const RETIRED_FOR: TimeDelta = TimeDelta::days(90);
/// How many retired values a secret has at most.
const RETIRED_MAX: usize = 8;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Made by us, as the catalog wants it.
    Made,
    /// Seen in a tool's `.env` file.
    Observed {
        /// Name of the variable.
        variable: String,
    },
    /// Given to us, for example a model provider's key.
    Given,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// The value in force.
    pub present: Secret<String>,
    /// The value that comes next.
    pub pending: Option<Pending>,
    /// Values that were in force, newest first.
    pub retired: Vec<Retired>,
    /// Where the present value comes from.
    pub origin: Origin,
    /// When the present value came in.
    pub changed_at: DateTime<Utc>,
}

/// A value that a rotation has written ahead.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pending {
    /// The value.
    pub value: Secret<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A value that is not in force any more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Retired {
    /// The value.
    pub value: Secret<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Entry {
    /// Whether this is the present, the pending or a retired value.
    #[must_use]
    pub fn knows(&self, value: &Secret<String>) -> bool {
        self.present == *value
            || self.pending.as_ref().is_some_and(|pending| pending.value == *value)
            || self.retired.iter().any(|retired| retired.value == *value)
    }

    fn retire(&mut self, value: Secret<String>, now: DateTime<Utc>) {
        self.retired.insert(0, Retired { value, since: now });
        self.tidy(now);
    }

    /// Takes values out of the retired ones that came back, are there twice, or have been there long enough.
    fn tidy(&mut self, now: DateTime<Utc>) {
        let mut kept: Vec<Retired> = Vec::new();
        for retired in std::mem::take(&mut self.retired) {
            let fresh = now - retired.since < RETIRED_FOR;
            let again =
                retired.value == self.present || kept.iter().any(|other| other.value == retired.value);
            if fresh && !again && kept.len() < RETIRED_MAX {
                kept.push(retired);
            }
        }
        self.retired = kept;
    }

    fn replace(&mut self, value: Secret<String>, now: DateTime<Utc>) {
        let old = std::mem::replace(&mut self.present, value);
        self.changed_at = now;
        self.retire(old, now);
    }
}

/// All secrets of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vault {
    pub(crate) version: u64,
    pub(crate) tools: BTreeMap<String, BTreeMap<String, Entry>>,
}

impl Vault {
    /// Grows with each change that is saved.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// One secret.
    #[must_use]
    pub fn entry(&self, tool: &str, key: &str) -> Option<&Entry> {
        self.tools.get(tool)?.get(key)
    }

    fn entry_mut(&mut self, tool: &str, key: &str) -> Option<&mut Entry> {
        self.tools.get_mut(tool)?.get_mut(key)
    }

    /// All secrets with tool and key, sorted.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str, &Entry)> {
        self.tools.iter().flat_map(|(tool, keys)| {
            keys.iter().map(move |(key, entry)| (tool.as_str(), key.as_str(), entry))
        })
    }

    /// The values in force.
    #[must_use]
    pub fn present(&self) -> Credentials {
        let mut present = Credentials::default();
        for (tool, key, entry) in self.entries() {
            present.insert_missing(tool, key, entry.present.clone());
        }
        present
    }

    /// Every value that may be known anywhere, with its name `tool/key`: present, pending and retired ones.
    pub fn every_value(&self) -> impl Iterator<Item = (String, &Secret<String>)> {
        self.entries().flat_map(|(tool, key, entry)| {
            let pending = entry.pending.iter().map(|pending| &pending.value);
            let retired = entry.retired.iter().map(|retired| &retired.value);
            let values = std::iter::once(&entry.present).chain(pending).chain(retired);
            values.map(move |value| (format!("{tool}/{key}"), value))
        })
    }

    /// A value that is in force from now on; the one before it is retired.
    pub fn put(&mut self, tool: &str, key: &str, value: Secret<String>, origin: Origin, now: DateTime<Utc>) {
        let keys = self.tools.entry(tool.to_owned()).or_default();
        let Some(entry) = keys.get_mut(key) else {
            let entry = Entry { present: value, pending: None, retired: vec![], origin, changed_at: now };
            keys.insert(key.to_owned(), entry);
            return;
        };
        if entry.present == value {
            return;
        }
        if entry.pending.as_ref().is_some_and(|pending| pending.value == value) {
            entry.pending = None;
        }
        entry.origin = origin;
        entry.replace(value, now);
    }

    /// Keeps a value that is not in force among the retired ones, if it is not known yet.
    pub(crate) fn remember(&mut self, tool: &str, key: &str, value: &Secret<String>, now: DateTime<Utc>) {
        if let Some(entry) = self.entry_mut(tool, key)
            && !entry.knows(value)
        {
            entry.retire(value.clone(), now);
        }
    }

    /// Keeps the value that a rotation will put in force. One that is already pending stays; the one that counts is
    /// answered.
    ///
    /// # Errors
    /// When there is no such secret.
    pub fn write_ahead(
        &mut self,
        tool: &str,
        key: &str,
        value: Secret<String>,
        now: DateTime<Utc>,
    ) -> Result<Secret<String>, VaultError> {
        let entry = self.entry_mut(tool, key).ok_or_else(|| VaultError::Unknown(format!("{tool}/{key}")))?;
        Ok(entry.pending.get_or_insert(Pending { value, since: now }).value.clone())
    }

    /// The pending value is in force from now on. Answers whether there was one.
    pub fn commit(&mut self, tool: &str, key: &str, now: DateTime<Utc>) -> bool {
        let Some(entry) = self.entry_mut(tool, key) else { return false };
        let Some(pending) = entry.pending.take() else { return false };
        if pending.value != entry.present {
            entry.origin = Origin::Made;
            entry.replace(pending.value, now);
        }
        true
    }

    /// The pending value will not be in force. Answers whether there was one.
    pub fn abandon(&mut self, tool: &str, key: &str, now: DateTime<Utc>) -> bool {
        let Some(entry) = self.entry_mut(tool, key) else { return false };
        let Some(pending) = entry.pending.take() else { return false };
        entry.retire(pending.value, now);
        true
    }

    /// Tools with pending values.
    #[must_use]
    pub fn rotating(&self) -> BTreeSet<String> {
        let pending = self.entries().filter(|(_, _, entry)| entry.pending.is_some());
        pending.map(|(tool, _, _)| tool.to_owned()).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use chrono::{DateTime, TimeDelta, Utc};
    use proptest::prelude::*;

    use super::{Origin, RETIRED_MAX, Vault};
    use crate::VaultError;

    pub(crate) fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).expect("a time")
    }

    /// One thing that can be done to a vault.
    #[derive(Debug, Clone)]
    pub(crate) enum Step {
        Put(String),
        WriteAhead(String),
        Commit,
        Abandon,
    }

    /// What is done to which secret. Few values, so that old ones come back.
    pub(crate) fn steps() -> impl Strategy<Value = Vec<(String, String, Step)>> {
        let value = || "[a-e]{1}".prop_map(|letter| format!("value-{letter}"));
        let step = prop_oneof![
            value().prop_map(Step::Put),
            value().prop_map(Step::WriteAhead),
            Just(Step::Commit),
            Just(Step::Abandon),
        ];
        proptest::collection::vec(("(ghost|odoo)", "(a|b)", step), 0..24)
    }

    pub(crate) fn take(vault: &mut Vault, tool: &str, key: &str, step: &Step, now: DateTime<Utc>) {
        match step {
            Step::Put(value) => vault.put(tool, key, value.as_str().into(), Origin::Made, now),
            Step::WriteAhead(value) => drop(vault.write_ahead(tool, key, value.as_str().into(), now)),
            Step::Commit => drop(vault.commit(tool, key, now)),
            Step::Abandon => drop(vault.abandon(tool, key, now)),
        }
    }

    proptest! {
        #[test]
        fn no_sequence_of_changes_loses_a_value_that_was_in_force(steps in steps()) {
            let mut vault = Vault::default();
            let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (index, (tool, key, step)) in steps.iter().enumerate() {
                let now = noon() + TimeDelta::hours(i64::try_from(index).expect("few"));
                let before = vault.clone();
                take(&mut vault, tool, key, step, now);
                for (tool, key, entry) in before.entries() {
                    let after = vault.entry(tool, key).expect("stays");
                    let changed = after.present != entry.present;
                    prop_assert!(!changed || after.changed_at == now, "a change has a time");
                    let committed = matches!(step, Step::Commit | Step::Put(_));
                    prop_assert!(!changed || committed, "only a commit or a new value changes what is in force");
                }
                for (name, value) in vault.every_value() {
                    known.entry(name).or_default().insert(value.expose().clone());
                }
                let mut now_known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                let mut count = 0;
                for (name, value) in vault.every_value() {
                    count += 1;
                    now_known.entry(name).or_default().insert(value.expose().clone());
                }
                prop_assert_eq!(&now_known, &known, "after {:?}", step);
                let pending = vault.entries().filter(|(_, _, entry)| entry.pending.is_some()).count();
                let distinct: usize = now_known.values().map(BTreeSet::len).sum();
                prop_assert!(count <= distinct + pending, "no value is kept twice");
            }
        }
    }

    #[test]
    fn a_rotation_keeps_the_value_that_was_written_ahead_first() -> Result<(), VaultError> {
        let mut vault = Vault::default();
        assert!(vault.write_ahead("ghost", "a", "new".into(), noon()).is_err(), "there is no such secret");
        vault.put("ghost", "a", "old".into(), Origin::Made, noon());
        assert_eq!(vault.write_ahead("ghost", "a", "new".into(), noon())?.expose(), "new");
        assert_eq!(vault.write_ahead("ghost", "a", "newer".into(), noon())?.expose(), "new");
        assert_eq!(vault.present().get("ghost", "a").expect("there").expose(), "old");
        assert_eq!(vault.rotating(), BTreeSet::from(["ghost".to_owned()]));
        assert!(vault.commit("ghost", "a", noon()) && !vault.commit("ghost", "a", noon()));
        assert_eq!(vault.present().get("ghost", "a").expect("there").expose(), "new");
        assert!(vault.rotating().is_empty());
        Ok(())
    }

    #[test]
    fn a_retired_value_is_kept_for_ninety_days_and_eight_values_at_most() {
        let retired = |vault: &Vault| vault.entry("ghost", "a").expect("there").retired.len();
        let mut vault = Vault::default();
        for index in 0..20 {
            vault.put("ghost", "a", format!("value-{index}").as_str().into(), Origin::Made, noon());
        }
        assert_eq!(retired(&vault), RETIRED_MAX);
        vault.put("ghost", "a", "soon".into(), Origin::Made, noon() + TimeDelta::days(89));
        assert_eq!(retired(&vault), RETIRED_MAX);
        vault.put("ghost", "a", "later".into(), Origin::Made, noon() + TimeDelta::days(90));
        assert_eq!(retired(&vault), 2, "`soon`, and the value before it, which was in force until day 89");
    }
}
