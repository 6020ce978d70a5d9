#![doc = include_str!("../README.md")]

mod engine;
mod location;
mod manifest;
mod repository;
pub mod retention;
pub mod selection;
mod set;
mod source;
mod spelling;
mod tally;

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
pub use tally::Tally;
