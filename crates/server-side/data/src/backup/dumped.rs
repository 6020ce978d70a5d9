//! A dump through our own tap into the repository.

use std::path::PathBuf;

use letsbe_backup::{DatabaseSource, Item, ItemFacts, NewItem, Repository, Stored};
use letsbe_types::Problem;

use super::{reserve, tap};
use letsbe_base::output::{self, Voice};

/// An item that was stored.
pub(super) struct StoredItem {
    pub(super) item: Item,
    pub(super) snapshot: String,
    pub(super) added_bytes: u64,
    pub(super) facts: ItemFacts,
}

/// A dump to be stored.
pub(super) struct Tapped {
    pub(super) item: NewItem,
    pub(super) program: PathBuf,
    pub(super) facts: PathBuf,
    pub(super) repository: Repository,
    pub(super) database: String,
    pub(super) file: String,
    pub(super) voice: Voice,
}

impl Tapped {
    /// Stores it, with the facts that the tap left.
    ///
    /// # Errors
    /// Why the tap failed, in its own words; or that the facts and what was stored do not agree.
    pub(super) async fn run(self) -> Result<StoredItem, Problem> {
        let words = ["backup", "dump", "--tool", &self.item.tool, "--database", &self.database, "--facts"];
        let program = self.program.to_string_lossy().into_owned();
        let folder = self.facts.to_string_lossy().into_owned();
        let command: Vec<String> =
            std::iter::once(program).chain(words.map(str::to_owned)).chain([folder]).collect();
        let result = self.repository.store_command(&self.item, &self.file, &command).await;
        // A dump whose way is blocked fails, too: then it is the disk that tells why.
        let why = |problem: Problem| match tap::why(&self.facts, &self.database) {
            Some(dumps) if !reserve::was_missed(&problem) => dumps,
            _ => problem,
        };
        let stored = result.map_err(why)?;
        let facts = tap::read_facts(&self.facts, &self.database)?;
        if facts.bytes != stored.bytes {
            return Err(tap::failed(
                &self.database,
                &format!("{} bytes were dumped and {} stored", facts.bytes, stored.bytes),
            ));
        }
        self.voice.say(&line(&self.item.tool, &self.item.item, &stored));
        let (item, facts) = (self.item.item, ItemFacts::Database(facts));
        Ok(StoredItem { item, snapshot: stored.snapshot, added_bytes: stored.added_bytes, facts })
    }
}

/// The one file in the snapshot of a dump.
pub(super) fn dump_file(database: &DatabaseSource) -> String {
    use letsbe_catalog::DatabaseEngine::{Mariadb, Mongodb, Mysql, Postgresql};
    let ending = match database.engine {
        Postgresql => "pgdump",
        Mysql | Mariadb => "sql",
        Mongodb => "archive",
    };
    format!("{}.{ending}", database.name)
}

/// An item that was stored, for people.
pub(super) fn line(tool: &str, item: &Item, stored: &Stored) -> String {
    let (bytes, added) = (output::size(stored.bytes), output::size(stored.added_bytes));
    format!("{tool}: {item} {bytes}, {added} of it new")
}
