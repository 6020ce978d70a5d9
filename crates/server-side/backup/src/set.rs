//! Snapshots of the repository, and the sets that they make up.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use letsbe_types::ids::SetId;
use serde::{Deserialize, Serialize};

use crate::Damage;

/// Why a set was made; kept as a tag of its snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetKind {
    /// By the timer.
    Nightly,
    /// By a person or the AI team.
    Manual,
    /// Before something that changes data: a restore, an update.
    Safety,
}

/// What one snapshot of a set holds; kept as a tag, for example `item=database:ghost`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A database's dump, by the database's name. The snapshot holds one file, `/<name>.<engine's ending>`.
    Database(String),
    /// A folder of files, by its name in the set.
    Files(String),
    /// Copies of SQLite files of a folder, by the folder's name in the set.
    Sqlite(String),
    /// The manifest: one file, `/manifest.json`. Written last; a set is complete with it.
    Manifest,
}

/// A snapshot, as the repository lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id in this repository. Copies in another repository have another.
    pub id: String,
    /// The time that it carries: the same for every snapshot of a set.
    pub time: DateTime<Utc>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Paths at its top.
    pub paths: Vec<String>,
}

/// Everything of one tool at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSet {
    /// Its id, the same in every repository.
    pub id: SetId,
    /// The tool, or part of the platform.
    pub tool: String,
    /// When it was taken, by the server's clock.
    pub taken_at: DateTime<Utc>,
    /// Why.
    pub kind: SetKind,
    /// Snapshot by item.
    pub items: BTreeMap<Item, String>,
}

impl BackupSet {
    /// Whether its manifest is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.items.contains_key(&Item::Manifest)
    }

    /// Whether it cannot be restored whole because of this damage.
    #[must_use]
    pub fn is_touched_by(&self, damage: &Damage) -> bool {
        self.snapshots().any(|id| damage.snapshots.iter().any(|one| one == id))
    }

    /// All its snapshots.
    pub fn snapshots(&self) -> impl Iterator<Item = &str> {
        self.items.values().map(String::as_str)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(name) => write!(f, "database:{name}"),
            Self::Files(name) => write!(f, "files:{name}"),
            Self::Sqlite(name) => write!(f, "sqlite:{name}"),
            Self::Manifest => f.write_str("manifest"),
        }
    }
}

/// A tag that is no item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownItem;

impl FromStr for Item {
    type Err = UnknownItem;

    fn from_str(text: &str) -> Result<Self, UnknownItem> {
        match text.split_once(':') {
            Some(("database", name)) => Ok(Self::Database(name.to_owned())),
            Some(("files", name)) => Ok(Self::Files(name.to_owned())),
            Some(("sqlite", name)) => Ok(Self::Sqlite(name.to_owned())),
            None if text == "manifest" => Ok(Self::Manifest),
            _ => Err(UnknownItem),
        }
    }
}

impl SetKind {
    /// As its tag says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nightly => "nightly",
            Self::Manual => "manual",
            Self::Safety => "safety",
        }
    }

    fn from_tag(text: &str) -> Option<Self> {
        [Self::Nightly, Self::Manual, Self::Safety].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What our tags say about a snapshot.
struct Tags {
    set: SetId,
    tool: String,
    kind: SetKind,
    item: Item,
}

impl Tags {
    /// `None` for a snapshot that is not ours.
    fn of(snapshot: &Snapshot) -> Option<Self> {
        let value = |name: &str| {
            snapshot
                .tags
                .iter()
                .find_map(|tag| tag.split_once('=').filter(|(key, _)| *key == name))
                .map(|t| t.1)
        };
        Some(Self {
            set: value("set")?.parse().ok()?,
            tool: value("tool")?.to_owned(),
            kind: SetKind::from_tag(value("kind")?)?,
            item: value("item")?.parse().ok()?,
        })
    }
}

/// The sets that snapshots make up, oldest first; complete or not. Snapshots without our tags are left out. The answer
/// does not depend on the order of the snapshots: of two for one item the later one counts.
#[must_use]
pub fn sets(snapshots: &[Snapshot]) -> Vec<BackupSet> {
    let mut ordered: Vec<&Snapshot> = snapshots.iter().collect();
    ordered.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    let mut found: BTreeMap<SetId, BackupSet> = BTreeMap::new();
    for snapshot in ordered {
        let Some(tags) = Tags::of(snapshot) else { continue };
        let set = found.entry(tags.set).or_insert_with(|| BackupSet {
            id: tags.set,
            tool: tags.tool.clone(),
            taken_at: snapshot.time,
            kind: tags.kind,
            items: BTreeMap::new(),
        });
        // Two tools in one set cannot be ours: a set is made for one.
        if set.tool == tags.tool {
            set.items.insert(tags.item, snapshot.id.clone());
        }
    }
    let mut sets: Vec<BackupSet> = found.into_values().collect();
    sets.sort_by_key(|set| (set.taken_at, set.id));
    sets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item() -> impl Strategy<Value = Item> {
        prop_oneof![
            "[a-z]{1,3}".prop_map(Item::Database),
            "[a-z:_]{1,3}".prop_map(Item::Files),
            "[a-z]{1,3}".prop_map(Item::Sqlite),
            Just(Item::Manifest),
        ]
    }

    fn tagged(set: u128, tool: &str, kind: SetKind, item: &Item) -> Vec<String> {
        let set = format!("set=00000000-0000-0000-0000-{set:012x}");
        vec![set, format!("tool={tool}"), format!("kind={}", kind.as_str()), format!("item={item}")]
    }

    prop_compose! {
        fn ours()(set in 0_u128..4, kind in 0_usize..3, item in item(), id in "[0-9a-f]{8}") -> Snapshot {
            let kind = [SetKind::Nightly, SetKind::Manual, SetKind::Safety][(set as usize + kind / 3) % 3];
            let time = DateTime::from_timestamp(1_700_000_000 - (set as i64) * 60, 0).unwrap();
            let tags = tagged(set, ["ghost", "wordpress"][set as usize % 2], kind, &item);
            Snapshot { id, time, tags, paths: vec![] }
        }
    }

    prop_compose! {
        fn foreign()(id in "[0-9a-f]{8}", tags in proptest::collection::vec("[a-z]{1,4}(=[a-z]{0,4})?", 0..4)) -> Snapshot {
            Snapshot { id: format!("foreign{id}"), time: DateTime::UNIX_EPOCH, tags, paths: vec![] }
        }
    }

    proptest! {
        #[test]
        fn sets_do_not_depend_on_the_order_and_hold_only_what_is_ours(
            mut snapshots in proptest::collection::vec(prop_oneof![3 => ours(), 1 => foreign()], 0..24),
        ) {
            let sets = super::sets(&snapshots);
            snapshots.reverse();
            prop_assert_eq!(&super::sets(&snapshots), &sets);
            prop_assert!(sets.is_sorted_by_key(|set| set.taken_at));
            for set in &sets {
                prop_assert!(!set.items.is_empty());
                prop_assert!(set.snapshots().all(|id| !id.starts_with("foreign")));
                let has_manifest = snapshots.iter().any(|s| {
                    s.tags.contains(&format!("set={}", set.id)) && s.tags.contains(&"item=manifest".to_owned())
                });
                prop_assert_eq!(set.is_complete(), has_manifest);
            }
            let kept: usize = sets.iter().map(|set| set.items.len()).sum();
            let distinct: std::collections::BTreeSet<_> =
                snapshots.iter().filter(|s| !s.id.starts_with("foreign")).map(|s| s.tags.clone()).collect();
            prop_assert_eq!(kept, distinct.len());
        }

        #[test]
        fn an_item_survives_its_tag(item in item()) {
            prop_assert_eq!(item.to_string().parse(), Ok(item));
        }
    }

    #[test]
    fn a_set_of_two_tools_keeps_the_first_and_half_tagged_snapshots_are_left_out() {
        let snapshot = |id: &str, seconds, tags: Vec<String>| Snapshot {
            id: id.to_owned(),
            time: DateTime::from_timestamp(seconds, 0).unwrap(),
            tags,
            paths: vec![],
        };
        let (database, manifest) = (Item::Database("x".to_owned()), Item::Manifest);
        let mut half = tagged(1, "ghost", SetKind::Nightly, &manifest);
        half.pop();
        let found = sets(&[
            snapshot("b", 2, tagged(1, "nocodb", SetKind::Nightly, &manifest)),
            snapshot("a", 1, tagged(1, "ghost", SetKind::Nightly, &database)),
            snapshot("c", 3, half),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].tool, "ghost");
        assert_eq!(found[0].items, BTreeMap::from([(database, "a".to_owned())]));
        assert!(!found[0].is_complete());
    }
}
