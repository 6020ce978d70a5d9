//! The Hub's own backup: its database as of one moment, its settings, keys and the files of running jobs, with a
//! manifest, in a restic repository; and bringing the Hub back from it.
//!
//! The password of the repository is not in it: keep a copy elsewhere.

mod files;
pub(crate) mod health;
mod rebuild;

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use letsbe_store::{Database, Store};
use letsbe_types::{Problem, backups::HubCounts};
use serde::{Deserialize, Serialize};

use super::restic::{Restic, failed};
use crate::config::{DATABASE, HubBackupConfig, HubConfig};

pub use rebuild::{Source, rebuild};

const MANIFEST: &str = "manifest.json";
const FILES: &str = "files";
const TAG: &str = "letsbe-hub";
/// Its status, in the data folder.
const STATUS: &str = "backup-status.json";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Version of the program that made it.
    pub hub_version: String,
    /// Where the database belongs, as a file of SQLite.
    pub database: PathBuf,
    /// Its address, if the Hub had one of PostgreSQL; what is kept of that is a file of SQLite, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<String>,
    /// SHA-256 of the database.
    pub database_sha256: String,
    /// What is in it.
    pub counts: HubCounts,
    /// Settings, keys, files of running jobs.
    pub files: Vec<ManifestFile>,
}

/// A file beside the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Where it belongs.
    pub path: PathBuf,
    /// Its name in the backup.
    pub stored: String,
    /// Its mode.
    pub mode: u32,
    /// SHA-256.
    pub sha256: String,
}

/// How the last backup ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnStatus {
    /// When.
    pub at: DateTime<Utc>,
    /// Why it failed; absent is success.
    pub problem: Option<Problem>,
    /// The snapshot in the repository.
    pub snapshot: Option<String>,
    /// When one last succeeded.
    pub succeeded_at: Option<DateTime<Utc>>,
}

/// What says how the last one ended.
#[must_use]
pub fn status_file(config: &HubConfig) -> PathBuf {
    config.data_folder.join(STATUS)
}

/// Backs the Hub up, reads the backup back, and writes down how it ended; the id of the snapshot.
///
/// # Errors
/// When something of it could not be read, or the repository not be written.
pub async fn backup(
    store: &Store,
    config: &HubConfig,
    to: &HubBackupConfig,
    config_file: &Path,
    now: DateTime<Utc>,
) -> Result<String, Problem> {
    let done = attempt(store, config, to, config_file, now).await;
    let status_file = status_file(config);
    let before = fs::read(&status_file).ok();
    let before: Option<OwnStatus> = before.and_then(|text| serde_json::from_slice(&text).ok());
    let status = OwnStatus {
        at: now,
        problem: done.as_ref().err().cloned(),
        snapshot: done.as_ref().ok().cloned(),
        succeeded_at: if done.is_ok() { Some(now) } else { before.and_then(|status| status.succeeded_at) },
    };
    let text = serde_json::to_vec_pretty(&status).map_err(|error| failed(&error.to_string()))?;
    files::write(&status_file, &text)
        .map_err(|error| failed(&format!("{}: {error}", status_file.display())))?;
    done
}

async fn attempt(
    store: &Store,
    config: &HubConfig,
    to: &HubBackupConfig,
    config_file: &Path,
    now: DateTime<Utc>,
) -> Result<String, Problem> {
    let staging = Staging::new(&config.data_folder)?;
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| failed(&format!("{}: {error}", path.display()))
    };
    // The files first: a job that begins meanwhile is in the database with no files, and gets new ones.
    let wanted = files::wanted(config, config_file).map_err(wrong(&config.data_folder))?;
    fs::DirBuilder::new().mode(0o700).create(staging.0.join(FILES)).map_err(wrong(&staging.0))?;
    let mut kept = Vec::new();
    for (number, path) in wanted.into_iter().enumerate() {
        let stored = format!("{FILES}/{number:04}");
        if let Some(file) = files::keep(&path, &staging.0, stored).map_err(wrong(&path))? {
            kept.push(file);
        }
    }
    let (place, postgres) = match config.database()? {
        Database::Sqlite(file) => (file, None),
        named @ Database::Postgres(_) => (config.data_folder.join(DATABASE), Some(named.to_string())),
    };
    let database = staging.0.join(DATABASE);
    store.copy_to(&database).await.map_err(|error| failed(&error.to_string()))?;
    let manifest = Manifest {
        at: now,
        hub_version: env!("CARGO_PKG_VERSION").to_owned(),
        database: files::absolute(&place).map_err(wrong(&database))?,
        postgres,
        database_sha256: files::sha256(&database).map_err(wrong(&database))?,
        counts: Store::inspect(&database).await.map_err(|error| failed(&error.to_string()))?,
        files: kept,
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(&error.to_string()))?;
    files::write(&staging.0.join(MANIFEST), &text).map_err(wrong(&staging.0))?;
    let restic = Restic {
        repository: to.repository.clone(),
        password_file: files::absolute(&to.password_file).map_err(wrong(&to.password_file))?,
        files: to.files.clone(),
        cache: Some(
            files::absolute(&config.data_folder.join("restic-cache")).map_err(wrong(&config.data_folder))?,
        ),
    };
    stored(&restic, &staging.0, &text).await
}

/// Into the repository, and read back: what is not readable is not stored.
async fn stored(restic: &Restic, staging: &Path, manifest: &[u8]) -> Result<String, Problem> {
    restic.ensure(staging).await?;
    let said = restic.run(staging, &["backup", "--json", "--tag", TAG, "--host", TAG, "."]).await?;
    let snapshot = said
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|line| line.get("snapshot_id")?.as_str().map(str::to_owned))
        .ok_or_else(|| failed("restic names no snapshot"))?;
    let back = restic.run(staging, &["dump", &snapshot, MANIFEST]).await?;
    if back.as_bytes() != manifest {
        return Err(failed("what was read back is not what was stored"));
    }
    let keep = ["forget", "--tag", TAG, "--host", TAG, "--keep-daily", "7", "--keep-weekly", "4", "--prune"];
    restic.run(staging, &[&keep[..], &["--group-by", "host,tags"]].concat()).await?;
    restic.run(staging, &["check"]).await?;
    Ok(snapshot)
}

/// A folder for what is being stored, gone with it. What a killed process left goes first.
struct Staging(PathBuf);

impl Staging {
    fn new(data_folder: &Path) -> Result<Self, Problem> {
        let path = data_folder.join("backup-staging");
        let wrong = |error: std::io::Error| failed(&format!("{}: {error}", path.display()));
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => {}
        }
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(wrong)?;
        files::absolute(&path).map_err(wrong).map(Self)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "what was backed up still lies there");
        }
    }
}

fn new_file(path: &Path, mode: u32) -> std::io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}
