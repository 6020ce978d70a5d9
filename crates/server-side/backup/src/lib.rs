//! Backups of one server: what a tool's state is, how it is dumped and loaded, the repository that keeps it, which
//! sets stay, and what a set must hold.
//!
//! A **set** is everything of one tool at one moment: a snapshot for each item (a database's dump, a folder of files)
//! and, last, a manifest. A set without its manifest is not there. The repository is restic's format, written by the
//! restic program: a customer can read it with stock tools and the key.
//!
//! It must never call anything a success that the repository did not report as one, put a secret into an argument,
//! or forget a snapshot that [`retention`] did not name.

mod dump_counter;
mod engine;
mod location;
mod manifest;
mod repository;
pub mod retention;
pub mod selection;
mod set;
mod source;
mod spelling;

pub use dump_counter::DumpCounter;
pub use engine::{
    Access, asked, contents, counts, drop_order, dump, first_line, in_order, is_last_count, keep_order, load,
    load_with_owners, make_roles, others, parse_counts, parse_others, parse_snapshot, prepare, ready,
    reordered, roles, server_version, session, snapshot_statements, variables, with_first_line,
};
pub use location::{Location, Programs};
pub use manifest::{
    Consistency, DatabaseFacts, FilesFacts, Image, ItemFacts, Manifest, SqliteFacts, differences,
};
pub use repository::{Damage, Listed, NewItem, Repository, Stored, bring_back};
pub use set::{BackupSet, Item, SetKind, Snapshot, sets};
pub use source::{DatabaseSource, FilesSource, Source, SqliteSource, platform_sources, sources, volume};
pub use spelling::spelled;
