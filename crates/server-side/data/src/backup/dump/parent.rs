//! Has the repository store what `backup dump` prints, and reads the facts that it leaves.

use std::path::PathBuf;

use letsbe_backup::{DatabaseSource, Item, ItemFacts, NewItem, Repository, Stored};
use letsbe_protocol::{BackupCommand, NodeCommand};
use letsbe_types::Problem;

use super::child;
use crate::backup::disk_reserve;
use letsbe_base::output::{self, Progress};

/// An item that was stored.
pub(in crate::backup) struct StoredItem {
    pub(in crate::backup) item: Item,
    pub(in crate::backup) snapshot: String,
    pub(in crate::backup) added_bytes: u64,
    pub(in crate::backup) facts: ItemFacts,
}

/// A dump to be stored.
pub(in crate::backup) struct DumpJob {
    pub(in crate::backup) item: NewItem,
    pub(in crate::backup) program: PathBuf,
    pub(in crate::backup) facts: PathBuf,
    pub(in crate::backup) repository: Repository,
    pub(in crate::backup) database: String,
    pub(in crate::backup) file: String,
    pub(in crate::backup) progress: Progress,
}

impl DumpJob {
    /// Stores it, with the facts that the child left.
    ///
    /// # Errors
    /// Why the child failed, in its own words; or that the facts and what was stored do not agree.
    pub(in crate::backup) async fn run(self) -> Result<StoredItem, Problem> {
        let (tool, database, facts) = (self.item.tool.clone(), self.database.clone(), self.facts.clone());
        let dump = NodeCommand::from(BackupCommand::Dump { tool, database, facts });
        let program = self.program.to_string_lossy().into_owned();
        let command: Vec<String> = std::iter::once(program).chain(dump.argv()).collect();
        let result = self.repository.store_command(&self.item, &self.file, &command).await;
        // A dump whose way is blocked fails, too: then it is the disk that tells why.
        let why = |problem: Problem| match child::why(&self.facts, &self.database) {
            Some(dumps) if !disk_reserve::was_missed(&problem) => dumps,
            _ => problem,
        };
        let stored = result.map_err(why)?;
        let facts = child::read_facts(&self.facts, &self.database)?;
        if facts.bytes != stored.bytes {
            return Err(child::failed(
                &self.database,
                &format!("{} bytes were dumped and {} stored", facts.bytes, stored.bytes),
            ));
        }
        self.progress.print(&line(&self.item.tool, &self.item.item, &stored));
        let (item, facts) = (self.item.item, ItemFacts::Database(facts));
        Ok(StoredItem { item, snapshot: stored.snapshot, added_bytes: stored.added_bytes, facts })
    }
}

/// The one file in the snapshot of a dump.
pub(in crate::backup) fn dump_file(database: &DatabaseSource) -> String {
    use letsbe_catalog::DatabaseEngine::{Mariadb, Mongodb, Mysql, Postgresql};
    let ending = match database.engine {
        Postgresql => "pgdump",
        Mysql | Mariadb => "sql",
        Mongodb => "archive",
    };
    format!("{}.{ending}", database.name)
}

/// An item that was stored, for people.
pub(in crate::backup) fn line(tool: &str, item: &Item, stored: &Stored) -> String {
    let (bytes, added) = (output::size(stored.bytes), output::size(stored.added_bytes));
    format!("{tool}: {item} {bytes}, {added} of it new")
}
