//! The look at the repository itself: its structure every night, and a part of its data, a week for all of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use letsbe_backup::{BackupSet, Damage};
use letsbe_types::{Problem, backup::RepositoryCheck};
use serde::{Deserialize, Serialize};

use crate::backup::{repositories::Repositories, status};
use letsbe_base::{files, layout::Layout, server::TenantServer};

/// Into how many parts the data is divided.
const PARTS: u32 = 7;
/// Lines of damage that are kept of one part.
const LINES: usize = 50;

/// The parts as they were last read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    /// The part that was read last, from 0.
    last: Option<Read>,
    /// What was damaged in each. A part stays damaged until it was read again.
    damage: BTreeMap<u32, Vec<String>>,
}

/// A part that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Read {
    part: u32,
    /// On which day, counted from 1970.
    day: u32,
}

/// The part whose turn it is on a day: the one after the last, so that a night that was missed skips none; the same
/// again on the same day.
fn turn(last: Option<Read>, today: u32) -> u32 {
    match last {
        None => today % PARTS,
        Some(Read { part, day }) if day == today => part % PARTS,
        Some(Read { part, .. }) => (part + 1) % PARTS,
    }
}

impl Parts {
    /// What is read today: the part whose turn it is, and those that were damaged.
    fn today(&self, today: u32) -> Vec<u32> {
        let turn = turn(self.last, today);
        let damaged = self.damage.keys().copied().filter(|part| *part != turn && *part < PARTS);
        std::iter::once(turn).chain(damaged).collect()
    }

    fn note(&mut self, part: u32, damage: Vec<String>) {
        self.damage.remove(&part);
        if !damage.is_empty() {
            self.damage.insert(part, damage);
        }
    }

    fn told(&self, part: u32, at: DateTime<Utc>) -> RepositoryCheck {
        let mut damage: Vec<String> = self.damage.values().flatten().cloned().collect();
        damage.sort();
        // Damage of the structure shows with every part.
        damage.dedup();
        RepositoryCheck { at, part, parts: PARTS, damage }
    }
}

/// The number of a day.
fn day(now: DateTime<Utc>) -> u32 {
    u32::try_from(now.timestamp().div_euclid(86_400)).unwrap_or(0)
}

/// Damage in words: what, and which sets cannot be restored whole because of it.
fn words(damage: &[Damage], sets: &[BackupSet]) -> Vec<String> {
    let line = |damage: &Damage| {
        let touched: Vec<String> = sets
            .iter()
            .filter(|set| set.is_touched_by(damage))
            .map(|set| format!("{} of {}", set.tool, set.taken_at.format("%Y-%m-%d %H:%M UTC")))
            .collect();
        let sets = if touched.is_empty() { "no set".to_owned() } else { touched.join(", ") };
        format!("{}; touches {sets}", damage.what)
    };
    let mut lines: Vec<String> = damage.iter().take(LINES).map(line).collect();
    if damage.len() > LINES {
        lines.push(format!("and {} more", damage.len() - LINES));
    }
    lines
}

fn path(layout: &Layout) -> std::path::PathBuf {
    layout.state("backup-parts.json")
}

/// Looks at the repository and reads the part of its data whose turn it is; the caller holds the backup lease. Damage is
/// an answer: it stands in the status until the part was read again.
///
/// # Errors
/// When the look itself could not be made.
pub(crate) async fn check_share(server: &TenantServer) -> Result<(), Problem> {
    let now = Utc::now();
    let repositories = Repositories::open(server).await?;
    let repository = &repositories.local;
    let sets = letsbe_backup::sets(&repository.snapshots().await?);
    let mut parts: Parts = files::read_json(&path(&server.layout))?.unwrap_or_default();
    let today = parts.today(day(now));
    for part in &today {
        let damage = repository.check(Some((part + 1, PARTS))).await?;
        parts.note(*part, words(&damage, &sets));
    }
    let part = today.first().copied().unwrap_or_default();
    parts.last = Some(Read { part, day: day(now) });
    files::write_json(&path(&server.layout), &parts)?;
    letsbe_types::crash::point(&super::points::SHARE_READ);
    let check = parts.told(part, now);
    for damage in &check.damage {
        tracing::error!("the repository is damaged: {damage}");
    }
    status::update(&server.layout, |status| status.check = Some(check))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use letsbe_backup::{BackupSet, Damage, Item, SetKind};
    use letsbe_types::ids::SetId;
    use proptest::prelude::*;

    use super::{PARTS, Parts, Read, day, turn, words};
    use crate::proof::evidence::tests::at;

    #[test]
    fn a_night_that_was_missed_skips_no_part() {
        for (last, today, expected) in [
            (None, 0, 0),
            (None, 20_000, 1),
            (Some((3, 100)), 101, 4),
            (Some((3, 100)), 109, 4),
            (Some((6, 100)), 101, 0),
            (Some((3, 100)), 100, 3),
            // A clock that went back.
            (Some((3, 100)), 7, 4),
        ] {
            assert_eq!(turn(last.map(|(part, day)| Read { part, day }), today), expected, "{last:?} {today}");
        }
        assert_eq!(day(at(0)), 20_775);
    }

    proptest! {
        #[test]
        fn any_seven_nights_one_after_the_other_read_everything(gaps in proptest::collection::vec(1_u32..5, 7), begin in 0_u32..40_000) {
            let (mut parts, mut today, mut read) = (Parts::default(), begin, std::collections::BTreeSet::new());
            for gap in gaps {
                today += gap;
                let now = parts.today(today);
                prop_assert_eq!(now.len(), 1);
                parts.last = Some(Read { part: now[0], day: today });
                read.extend(now);
            }
            prop_assert_eq!(read.len(), PARTS as usize);
        }
    }

    #[test]
    fn damage_stays_known_until_the_part_was_read_again() {
        let mut parts = Parts { last: Some(Read { part: 2, day: 9 }), ..Parts::default() };
        parts.note(2, vec!["pack b".to_owned(), "pack a".to_owned()]);
        assert_eq!(parts.today(10), [3, 2], "what was damaged is read again each night");
        parts.note(3, vec!["pack a".to_owned()]);
        assert_eq!(parts.told(3, at(0)).damage, ["pack a", "pack b"], "each once");
        parts.note(2, vec![]);
        assert_eq!(parts.told(2, at(0)).damage, ["pack a"]);
        parts.note(3, vec![]);
        assert!(parts.damage.is_empty());
    }

    #[test]
    fn damage_is_named_with_the_sets_that_it_touches() {
        let set = |tool: &str, number: i64, snapshots: [&str; 2]| BackupSet {
            id: SetId(uuid::Uuid::from_u128(1)),
            tool: tool.to_owned(),
            taken_at: at(number),
            kind: SetKind::Nightly,
            items: BTreeMap::from([
                (Item::Database("d".to_owned()), snapshots[0].to_owned()),
                (Item::Manifest, snapshots[1].to_owned()),
            ]),
        };
        let sets =
            [set("ghost", 0, ["s1", "s2"]), set("ghost", 1440, ["s3", "s4"]), set("odoo", 1, ["s5", "s6"])];
        let damage = |what: &str, snapshots: &[&str]| Damage {
            what: what.to_owned(),
            snapshots: snapshots.iter().map(|id| (*id).to_owned()).collect(),
        };
        let lines = words(&[damage("pack 1", &["s1", "s2", "s6"]), damage("pack 2", &[])], &sets);
        let first = "pack 1; touches ghost of 2026-11-18 11:06 UTC, odoo of 2026-11-18 11:07 UTC";
        assert_eq!(lines, [first, "pack 2; touches no set"]);
        let many: Vec<Damage> = (0..60).map(|number| damage(&number.to_string(), &[])).collect();
        assert_eq!(words(&many, &[]).last().map(String::as_str), Some("and 10 more"));
    }
}
