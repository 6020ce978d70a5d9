//! What a set holds, written when it was taken; compared with what a restore brought back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use letsbe_catalog::DatabaseEngine;
use letsbe_types::ids::SetId;
use serde::{Deserialize, Serialize};

use crate::SetKind;

/// `manifest.json` of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format: 1.
    pub version: u32,
    /// The set.
    pub set: SetId,
    /// The tool, or part of the platform.
    pub tool: String,
    /// Why.
    pub kind: SetKind,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// The server it is of.
    pub identity: String,
    /// Image by service, as it ran.
    pub images: BTreeMap<String, Image>,
    /// Facts by item (the item's tag text).
    pub items: BTreeMap<String, ItemFacts>,
    /// How well files and databases belong together.
    pub consistency: Consistency,
    /// The version that a file of the data names, as the catalog says where. `None` where none does, and in sets of former
    /// releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_version: Option<String>,
}

/// What a container ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Name with tag, `ghost:6`.
    pub name: String,
    /// Id of the image (`sha256:…`).
    pub id: String,
    /// The version that its label names, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// How well files and databases of a set belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Consistency {
    /// There is one item only, or none depends on another.
    Single,
    /// The tool stood still from the database's moment to the last file.
    Paused {
        /// How long it stood still.
        milliseconds: u64,
    },
    /// The tool was not there to be held (stopped), so nothing changed.
    Stopped,
    /// The files are up to this much younger than the database.
    Apart {
        /// How much.
        milliseconds: u64,
    },
}

/// Facts of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ItemFacts {
    /// A database's dump.
    Database(DatabaseFacts),
    /// A folder.
    Files(FilesFacts),
    /// Copies of SQLite files.
    Sqlite(SqliteFacts),
}

/// Facts of a database's dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// Its engine.
    pub engine: DatabaseEngine,
    /// Bytes of the dump.
    pub bytes: u64,
    /// SHA-256 of the dump, in hex.
    pub sha256: String,
    /// Rows by table (`schema.table` for PostgreSQL; collection for MongoDB), of the dump's own moment.
    pub tables: BTreeMap<String, u64>,
    /// What makes the accounts that the dump names, without their passwords: servers keep them beside their databases. `None`
    /// where there are none, and in sets of former releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<String>,
    /// Databases on the same server that are in no set: the catalog does not know them. `None` where its server did not say,
    /// and in sets of former releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Vec<String>>,
    /// The version that its server named. `None` in sets of former releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// The version that the tool's own rows name, as the catalog says where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_version: Option<String>,
}

/// Facts of a folder, as the repository holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesFacts {
    /// Where it was on the server.
    pub path: String,
    /// Files (not folders).
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 over the sorted list of path (relative), kind, mode, size and link target of every entry.
    pub listing_sha256: String,
}

/// Facts of SQLite files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqliteFacts {
    /// Where their folder was on the server.
    pub path: String,
    /// Rows by file (relative) and table.
    pub tables: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Manifest {
    /// The version that the data names, in a file or in a database.
    #[must_use]
    pub fn data_version(&self) -> Option<&str> {
        let named = self.items.values().find_map(|facts| match facts {
            ItemFacts::Database(database) => database.data_version.as_deref(),
            _ => None,
        });
        self.data_version.as_deref().or(named)
    }

    /// Rows in all databases.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.items.values().map(ItemFacts::rows).sum()
    }

    /// Databases beside the tool's own that are in no set, by name. Where a server did not say, those that were known `before`
    /// stay.
    #[must_use]
    pub fn left_out(&self, before: &[String]) -> Vec<String> {
        let others = self.items.values().flat_map(|facts| match facts {
            ItemFacts::Database(database) => database.others.as_deref().unwrap_or(before),
            _ => &[],
        });
        others.cloned().collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// Bytes of all items, before deduplication. SQLite copies are not counted: only their rows are known.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = |facts: &ItemFacts| match facts {
            ItemFacts::Database(database) => database.bytes,
            ItemFacts::Files(files) => files.bytes,
            ItemFacts::Sqlite(_) => 0,
        };
        self.items.values().map(bytes).sum()
    }

    /// Files in all items.
    #[must_use]
    pub fn files(&self) -> u64 {
        let files = |facts: &ItemFacts| match facts {
            ItemFacts::Database(_) => 0,
            ItemFacts::Files(files) => files.files,
            ItemFacts::Sqlite(sqlite) => sqlite.tables.len() as u64,
        };
        self.items.values().map(files).sum()
    }
}

impl ItemFacts {
    /// Rows in its tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        match self {
            Self::Database(database) => database.tables.values().sum(),
            Self::Files(_) => 0,
            Self::Sqlite(sqlite) => sqlite.tables.values().flat_map(BTreeMap::values).sum(),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Database(_) => "a database",
            Self::Files(_) => "files",
            Self::Sqlite(_) => "SQLite files",
        }
    }
}

/// What differs between an item as it was taken and as it was found, each in words with both numbers. Empty is equal.
/// An item without rows and bytes where some were is always a difference.
///
/// Of a database only the tables are compared: a dump of what was loaded has the same rows and other bytes.
#[must_use]
pub fn differences(item: &str, taken: &ItemFacts, found: &ItemFacts) -> Vec<String> {
    match (taken, found) {
        (ItemFacts::Database(taken), ItemFacts::Database(found)) => {
            let mut told = Vec::new();
            if taken.engine != found.engine {
                told.push(format!("{item}: was {:?}, is {:?}", taken.engine, found.engine));
            }
            told.extend(tables(item, &taken.tables, &found.tables));
            told
        }
        (ItemFacts::Files(taken), ItemFacts::Files(found)) => files(item, taken, found),
        (ItemFacts::Sqlite(taken), ItemFacts::Sqlite(found)) => sqlite(item, taken, found),
        _ => vec![format!("{item}: was {}, is {}", taken.kind(), found.kind())],
    }
}

fn tables(place: &str, taken: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Vec<String> {
    if found.is_empty() && !taken.is_empty() {
        let rows: u64 = taken.values().sum();
        return vec![format!("{place}: had {} tables with {rows} rows, has no table", taken.len())];
    }
    let names: BTreeSet<&String> = taken.keys().chain(found.keys()).collect();
    let told = |name: &String| match (taken.get(name), found.get(name)) {
        (Some(rows), None) => Some(format!("{place}: table {name} had {rows} rows, is missing")),
        (None, Some(rows)) => Some(format!("{place}: table {name} was not there, has {rows} rows")),
        (Some(were), Some(are)) if were != are => {
            Some(format!("{place}: table {name} had {were} rows, has {are}"))
        }
        _ => None,
    };
    names.into_iter().filter_map(told).collect()
}

fn files(item: &str, taken: &FilesFacts, found: &FilesFacts) -> Vec<String> {
    if found.files == 0 && taken.files > 0 {
        return vec![format!("{item}: had {} files, is empty", taken.files)];
    }
    let mut told = Vec::new();
    for (what, were, are) in
        [("files", taken.files, found.files), ("bytes in files", taken.bytes, found.bytes)]
    {
        if were != are {
            told.push(format!("{item}: had {were} {what}, has {are}"));
        }
    }
    if told.is_empty() && taken.listing_sha256 != found.listing_sha256 {
        let (files, bytes) = (found.files, found.bytes);
        let what = "as many as before, but names, kinds, modes, sizes or links are others";
        told.push(format!("{item}: has {files} files with {bytes} bytes, {what}"));
    }
    told
}

fn sqlite(item: &str, taken: &SqliteFacts, found: &SqliteFacts) -> Vec<String> {
    let names: BTreeSet<&String> = taken.tables.keys().chain(found.tables.keys()).collect();
    let told = |name: &String| match (taken.tables.get(name), found.tables.get(name)) {
        (Some(were), None) => vec![format!("{item}: {name} had {} tables, is missing", were.len())],
        (None, Some(are)) => vec![format!("{item}: {name} was not there, has {} tables", are.len())],
        (Some(were), Some(are)) => tables(&format!("{item}: {name}"), were, are),
        (None, None) => Vec::new(),
    };
    names.into_iter().flat_map(told).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use letsbe_catalog::DatabaseEngine;

    use super::{DatabaseFacts, FilesFacts, ItemFacts, SqliteFacts, differences};

    fn rows(tables: &[(&str, u64)]) -> BTreeMap<String, u64> {
        tables.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect()
    }

    fn database(tables: &[(&str, u64)]) -> ItemFacts {
        let (engine, sha256) = (DatabaseEngine::Mariadb, String::new());
        ItemFacts::Database(DatabaseFacts {
            engine,
            bytes: 9,
            sha256,
            tables: rows(tables),
            roles: None,
            others: None,
            server_version: None,
            data_version: None,
        })
    }

    fn files(files: u64, bytes: u64, listing: &str) -> ItemFacts {
        let (path, listing_sha256) = ("/p".to_owned(), listing.to_owned());
        ItemFacts::Files(FilesFacts { path, files, bytes, listing_sha256 })
    }

    fn sqlite(tables: &[(&str, &[(&str, u64)])]) -> ItemFacts {
        let tables = tables.iter().map(|(file, tables)| ((*file).to_owned(), rows(tables))).collect();
        ItemFacts::Sqlite(SqliteFacts { path: "/p".to_owned(), tables })
    }

    #[test]
    fn every_difference_is_told_with_both_numbers_and_equals_are_silent() {
        let table: [(ItemFacts, ItemFacts, &[&str]); 11] = [
            (database(&[("a", 3)]), database(&[("a", 3)]), &[]),
            (database(&[]), database(&[]), &[]),
            (
                database(&[("a", 3), ("b", 0), ("d", 1)]),
                database(&[("a", 2), ("c", 7), ("d", 1)]),
                &[
                    "x: table a had 3 rows, has 2",
                    "x: table b had 0 rows, is missing",
                    "x: table c was not there, has 7 rows",
                ],
            ),
            (database(&[("a", 3), ("b", 4)]), database(&[]), &["x: had 2 tables with 7 rows, has no table"]),
            (files(2, 10, "s"), files(2, 10, "s"), &[]),
            (files(2, 10, "s"), files(0, 0, "t"), &["x: had 2 files, is empty"]),
            (
                files(2, 10, "s"),
                files(3, 9, "t"),
                &["x: had 2 files, has 3", "x: had 10 bytes in files, has 9"],
            ),
            (
                files(2, 10, "s"),
                files(2, 10, "t"),
                &[
                    "x: has 2 files with 10 bytes, as many as before, but names, kinds, modes, sizes or links are \
                   others",
                ],
            ),
            (
                sqlite(&[("k.db", &[("m", 2)]), ("gone.db", &[("m", 2)])]),
                sqlite(&[("k.db", &[("m", 1)])]),
                &["x: gone.db had 1 tables, is missing", "x: k.db: table m had 2 rows, has 1"],
            ),
            (
                sqlite(&[("k.db", &[("m", 2)])]),
                sqlite(&[("k.db", &[])]),
                &["x: k.db: had 1 tables with 2 rows, has no table"],
            ),
            (database(&[]), files(0, 0, ""), &["x: was a database, is files"]),
        ];
        for (taken, found, wanted) in table {
            assert_eq!(differences("x", &taken, &found), wanted, "{taken:?} {found:?}");
            assert_eq!(differences("x", &found, &taken).is_empty(), wanted.is_empty());
        }
    }
}
