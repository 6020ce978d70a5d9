//! The repository: the one place where the restic program is run.
//!
//! What restic did not report as done is an error here; what restic stored before it failed is forgotten at once.

mod answers;
mod check;
mod children;
mod confine;
mod far;
mod key;
mod locks;
mod problem;
mod process;
mod read;
mod restic;
mod stall;
mod store;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use letsbe_types::{Code, Problem, backup::RESTIC_MIN, ids::SetId};

use self::restic::{Call, not_understood};
use crate::{Item, Location, Programs, SetKind, Snapshot};

pub use far::bring_back;

/// A repository and what opens it.
#[derive(Debug, Clone)]
pub struct Repository {
    programs: Programs,
    location: Location,
    key_file: PathBuf,
    cache: PathBuf,
    /// KiB a second outward; 0 is no limit.
    upload_kib: u32,
    /// How long restic may try the same again.
    retrying: Duration,
    /// When it last let us in.
    reached: Arc<Mutex<Option<Instant>>>,
}

/// What a new snapshot is.
#[derive(Debug, Clone)]
pub struct NewItem {
    /// The server's identity: restic's host.
    pub identity: String,
    /// Its set.
    pub set: SetId,
    /// The set's moment; the repository keeps whole seconds.
    pub taken_at: DateTime<Utc>,
    /// The set's tool.
    pub tool: String,
    /// Why.
    pub kind: SetKind,
    /// Which item.
    pub item: Item,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The snapshot.
    pub snapshot: String,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that the repository grew by.
    pub added_bytes: u64,
}

/// An entry of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Full path in the snapshot.
    pub path: String,
    /// `file`, `dir`, `symlink`, …
    pub kind: String,
    /// Bytes.
    pub size: u64,
    /// Unix mode.
    pub mode: u32,
    /// When it was changed.
    pub modified_at: Option<DateTime<Utc>>,
    /// Target, of a symbolic link.
    pub link: Option<String>,
}

/// Something that is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What, in words: the pack or blob by id.
    pub what: String,
    /// Snapshots that cannot be restored whole because of it.
    pub snapshots: Vec<String>,
}

/// Snapshots named in one call; more are several calls.
const AT_ONCE: usize = 500;

impl Repository {
    /// A repository; nothing is opened yet.
    #[must_use]
    pub fn new(programs: &Programs, location: Location, key_file: &Path, cache: &Path) -> Self {
        let (programs, key_file, cache) = (programs.clone(), key_file.to_owned(), cache.to_owned());
        let retrying = process::RETRYING;
        Self { programs, location, key_file, cache, upload_kib: 0, retrying, reached: Arc::default() }
    }

    /// The same, with a limit for what goes outward.
    #[must_use]
    pub fn limited(self, upload_kib: u32) -> Self {
        Self { upload_kib, ..self }
    }

    /// The same, given up after it was tried again for so long: three minutes by itself.
    #[must_use]
    pub fn given_up_after(self, retrying: Duration) -> Self {
        Self { retrying, ..self }
    }

    /// The same, with another folder for the program's own copies of what it has read.
    #[must_use]
    pub fn with_cache(self, cache: &Path) -> Self {
        Self { cache: cache.to_owned(), ..self }
    }

    /// Makes the repository if there is none, with the chunks of `like` (so that copies deduplicate).
    ///
    /// # Errors
    /// A repository that the key does not open (`REPO002`), a place that holds something else (`REPO003`) or cannot be
    /// reached (`REPO001`).
    pub async fn ensure(&self, like: Option<&Self>) -> Result<(), Problem> {
        self.require_version().await?;
        let opening = Call::new("opening the repository", &["--no-lock", "cat", "config"]).answers(&[0, 10]);
        let (ended, _) = self.ask(opening).await?;
        if ended.code == Some(0) {
            return Ok(());
        }
        self.require_empty().await?;
        let making = Call::new("making the repository", &["init"]);
        match like {
            None => self.ask(making).await.map(drop)?,
            Some(like) => {
                let making = making.arguments(like.as_source()).arguments(["--copy-chunker-params"]);
                self.ask_from(like, making).await?;
            }
        }
        self.lighten().await;
        Ok(())
    }

    /// A place without a repository's configuration may hold keys that an interrupted start left, and nothing else.
    async fn require_empty(&self) -> Result<(), Problem> {
        let foreign = || {
            Problem::permanent(
                Code::REPO003,
                format!("{} holds something, but no repository that can be opened", self.location.name),
                "Give the backups a place of their own. If this was a repository, its file `config` is gone: bring it \
                 back from the other repository or from an older version. Nothing was changed.",
            )
        };
        let files = match self.files_there().await {
            Err(problem) if problem.code == Code::REPO012 => return Err(foreign()),
            files => files?,
        };
        if files.iter().any(|file| !file.starts_with("keys/")) {
            return Err(foreign());
        }
        if !files.is_empty() {
            self.remove_orphaned_keys().await?;
        }
        Ok(())
    }

    /// restic before 0.17.1 has other exit codes, and no limit for requests that hang.
    async fn require_version(&self) -> Result<(), Problem> {
        let mut command = restic::bare(&self.programs.restic);
        command.arg("version");
        let doing = "asking restic for its version";
        let mut answer = Vec::new();
        let limit = std::time::Duration::from_secs(30);
        process::run(command, b"", limit, &mut |piece| restic::collect(&mut answer, piece, 1 << 16, doing))
            .await
            .map_err(|stopped| problem::of_stopped(&self.location.name, doing, stopped))?;
        if answers::version(&answer).is_some_and(|version| version >= RESTIC_MIN) {
            return Ok(());
        }
        let (major, minor) = RESTIC_MIN;
        Err(Problem::permanent(
            Code::REPO009,
            format!("the restic program is older than {major}.{minor}, or is something else"),
            "restic comes with the bundle; install the bundle again.",
        ))
    }

    /// This repository as the one that another one takes from.
    fn as_source(&self) -> [std::ffi::OsString; 4] {
        let (repository, key) = (self.location.repository.clone().into(), self.key_file.clone().into());
        ["--from-repo".into(), repository, "--from-password-file".into(), key]
    }

    /// All snapshots.
    ///
    /// # Errors
    /// As [`Repository::ensure`].
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, Problem> {
        let doing = "listing the snapshots";
        let (_, answer) = self.ask(Call::new(doing, &["--no-lock", "snapshots", "--json"])).await?;
        answers::snapshots(&answer).ok_or_else(|| not_understood(doing))
    }

    /// Forgets snapshots; their space is freed by [`Repository::prune`]. Ones that are gone already are fine.
    ///
    /// # Errors
    /// As [`Repository::ensure`].
    pub async fn forget(&self, snapshots: &[String]) -> Result<(), Problem> {
        for some in checked(snapshots)?.chunks(AT_ONCE) {
            self.ask(Call::new("forgetting snapshots", &["forget"]).arguments(some)).await?;
        }
        Ok(())
    }

    /// Frees the space of what was forgotten.
    ///
    /// # Errors
    /// As [`Repository::ensure`].
    pub async fn prune(&self) -> Result<(), Problem> {
        self.ask(Call::new("freeing space", &["prune"]).long()).await.map(drop)
    }

    /// Frees what no snapshot needs without writing anything anew: on a disk that is full.
    ///
    /// # Errors
    /// As [`Repository::ensure`].
    pub async fn free_unused(&self) -> Result<(), Problem> {
        let call = Call::new("freeing space", &["prune", "--max-repack-size", "0"]);
        self.ask(call.long()).await.map(drop)
    }

    /// Copies snapshots to another repository; only what is new there travels. What is there already stays as it is.
    ///
    /// # Errors
    /// As [`Repository::ensure`].
    pub async fn copy_to(&self, other: &Self, snapshots: &[String]) -> Result<(), Problem> {
        for some in checked(snapshots)?.chunks(AT_ONCE) {
            let call = Call::new("copying snapshots", &["copy"]).arguments(self.as_source()).arguments(some);
            other.ask_from(self, call.long()).await?;
        }
        Ok(())
    }
}

/// Ids of snapshots, never words that restic understands otherwise (`latest`).
fn checked(snapshots: &[String]) -> Result<&[String], Problem> {
    let is_id = |id: &String| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if snapshots.iter().all(is_id) {
        Ok(snapshots)
    } else {
        Err(not_understood("reading the ids of snapshots"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ids_of_snapshots_are_taken() {
        assert!(checked(&["a".repeat(64)]).is_ok());
        for wrong in ["latest", "", "--all", "abcd1234"] {
            assert!(checked(&["a".repeat(64), wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
