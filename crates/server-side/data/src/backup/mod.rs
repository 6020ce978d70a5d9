//! `letsbe-node backup`: sets of every tool into the local repository, copies outside, and the status that says what
//! was read back.
//!
//! It must never report a success that it did not read back, nor leave a tool standing still.

mod command;
pub(crate) mod destination;
mod dumped;
mod examine;
mod export;
#[cfg(test)]
pub(crate) mod fakes;
pub mod heartbeat;
mod hold;
pub(crate) mod images;
mod journal;
mod keeping;
pub(crate) mod leads;
pub(crate) mod lease;
#[cfg(test)]
mod line;
pub mod listing;
mod look;
mod making;
mod night;
mod outside;
pub(crate) mod parts;
mod plan;
mod report;
pub mod repositories;
mod reserve;
mod rewind;
mod run;
mod space;
pub(crate) mod sqlite;
mod staging;
pub(crate) mod status;
mod tap;
#[cfg(test)]
mod tests;
mod unit;
pub(crate) mod versions;
#[cfg(test)]
#[path = "../../../backup/tests/repository/webdav.rs"]
pub(crate) mod webdav;

use std::path::PathBuf;

use chrono::Utc;
use letsbe_backup::{BackupSet, SetKind, sets};
use letsbe_host::{LocalMachine, Machine};
use letsbe_types::Problem;

pub use self::command::{BackupCommand, carry_out};
pub(crate) use self::{look::no_copies, outside::manifest};
use self::{making::Maker, repositories::Repositories};
use letsbe_base::{layout::Layout, output::Voice, server::TenantServer};

letsbe_types::crash_points! {
    /// Where a run of backups can be killed, in the order in which it comes to them.
    pub(crate) mod points {
        BEGUN = "backup.begun",
        HELD = "backup.held",
        DUMPING = "backup.dumping",
        RELEASED = "backup.released",
        ITEMS_STORED = "backup.items.stored",
        MANIFEST_STORED = "backup.manifest.stored",
        FORGOTTEN = "backup.forgotten",
        PRUNED = "backup.pruned",
        ITEMS_COPIED = "backup.copied.items",
        MANIFESTS_COPIED = "backup.copied.manifests",
        READ_BACK = "backup.read_back",
        TOLD = "backup.told",
    }
}

/// Where backups and what belongs to them lie.
pub(crate) fn folder(layout: &Layout) -> PathBuf {
    layout.home().join("backups")
}

/// Makes one set of one tool now (the caller holds the host's lock), and answers it read back.
///
/// # Errors
/// When any part of it could not be stored.
pub(crate) async fn make_set(server: &TenantServer, tool: &str, kind: SetKind) -> Result<BackupSet, Problem> {
    set_on(&LocalMachine, server, tool, kind).await
}

async fn set_on(
    machine: &dyn Machine,
    server: &TenantServer,
    tool: &str,
    kind: SetKind,
) -> Result<BackupSet, Problem> {
    let part = parts::selected(server, Some(tool))?.remove(0);
    let repositories = Repositories::open(server).await?;
    let local = &repositories.local;
    space::check(space::disk(machine, &folder(&server.layout)).await?, 0)?;
    let maker = Maker { server, machine, local, voice: Voice::Log };
    let made = making::store(&maker, &part, kind, Utc::now()).await?;
    if !made.superfluous.is_empty() {
        local.forget(&made.superfluous).await?;
    }
    let all = sets(&local.snapshots().await?);
    outside::found(&all, &made.manifest).cloned()
}
