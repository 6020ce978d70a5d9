//! The repositories of this server, opened with the key from the vault.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use letsbe_backup::{Location, Programs, Repository};
use letsbe_types::{Code, Problem, backup::Destination, process::Process};
use letsbe_vault::BACKUP_KEY;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::destination;
use letsbe_base::{files, layout::Layout, server::TenantServer};

/// The local repository and the one outside. The key lies in a file in memory while this lives.
pub(crate) struct Repositories {
    /// `/opt/letsbe/backups/repository`.
    pub(crate) local: Repository,
    /// Outside, where a destination is set.
    pub(crate) remote: Option<Repository>,
    /// That destination.
    pub(crate) destination: Option<Destination>,
    /// What opens them.
    key: OpenKey,
}

/// Bounds that a person has set: `/opt/letsbe/state/backup-limits.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// KiB a second outward; 0 is no limit.
    #[serde(default)]
    pub(super) upload_kib: u32,
    /// A far side that answers nothing but errors is given up after so many seconds; three minutes if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) give_up_seconds: Option<u32>,
}

impl Limits {
    /// Those of this server.
    ///
    /// # Errors
    /// When their file cannot be read.
    pub(super) fn read(layout: &Layout) -> Result<Self, Problem> {
        Ok(files::read_json(&layout.state("backup-limits.json"))?.unwrap_or_default())
    }
}

/// The repository key in a file in memory, and the programs that read it there.
pub(crate) struct OpenKey {
    /// restic and rclone.
    pub(crate) programs: Programs,
    folder: TempDir,
    cache: PathBuf,
}

impl OpenKey {
    /// Takes the key out of the vault.
    ///
    /// # Errors
    /// No vault, or one without the key.
    pub(crate) fn open(server: &TenantServer) -> Result<Self, Problem> {
        let vault = server.vault()?;
        let entry = vault.entry(BACKUP_KEY.0, BACKUP_KEY.1).ok_or_else(|| {
            Problem::permanent(
                Code::BAK002,
                "The vault of this server has no key for backups",
                "A provisioning run makes it (step 10).",
            )
        })?;
        let folder = volatile_folder(&server.layout, "open")?;
        files::write(&folder.path().join("key"), entry.present.expose().as_bytes())?;
        let cache = super::folder(&server.layout).join("cache");
        Ok(Self { programs: programs(&server.layout), folder, cache })
    }

    /// A repository that this key opens.
    pub(crate) fn repository(&self, location: Location) -> Repository {
        Repository::new(&self.programs, location, &self.folder.path().join("key"), &self.cache)
    }

    /// Folder in memory for what opens a destination.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Problem> {
        let path = self.folder.path().join(name);
        files::make_folder(&path)?;
        Ok(path)
    }
}

/// So that no field can be moved out: without the key's file, which goes with this, a repository opens nothing.
impl Drop for Repositories {
    fn drop(&mut self) {}
}

impl Repositories {
    /// Opens them; makes the local one if there is none. The one outside is not asked yet.
    ///
    /// # Errors
    /// No vault, or a key that does not open the repository.
    pub(crate) async fn open(server: &TenantServer) -> Result<Self, Problem> {
        let repositories = Self::unasked(server)?;
        repositories.opened().await?;
        Ok(repositories)
    }

    /// The local one, made if there is none.
    ///
    /// # Errors
    /// When the key does not open it, or its place cannot be used.
    pub(crate) async fn opened(&self) -> Result<&Repository, Problem> {
        self.local.ensure(None).await.map(|()| &self.local)
    }

    /// Opens them and asks neither: for what lies outside the local one may be gone or damaged.
    ///
    /// # Errors
    /// No vault, or one without the key.
    pub(crate) fn unasked(server: &TenantServer) -> Result<Self, Problem> {
        let key = OpenKey::open(server)?;
        let path = local(&server.layout);
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        let local = key.repository(Location::folder(&path));
        let destination = destination::read(server)?;
        let remote =
            destination.as_ref().map(|destination| outside(server, &key, destination)).transpose()?;
        Ok(Self { local, remote, destination, key })
    }

    /// What opens them.
    pub(crate) const fn key(&self) -> &OpenKey {
        &self.key
    }
}

/// The repository at a destination.
///
/// # Errors
/// When what opens it cannot be written to memory.
pub(crate) fn outside(
    server: &TenantServer,
    key: &OpenKey,
    destination: &Destination,
) -> Result<Repository, Problem> {
    let limits = Limits::read(&server.layout)?;
    let location = Location::outside(destination, &key.programs, &key.folder("outside")?)?;
    let repository = key.repository(location).limited(limits.upload_kib);
    Ok(match limits.give_up_seconds {
        Some(seconds) => repository.given_up_after(Duration::from_secs(seconds.into())),
        None => repository,
    })
}

/// Where the local repository is.
pub fn local(layout: &Layout) -> PathBuf {
    super::folder(layout).join("repository")
}

/// The programs of the bundle, or of the system where the bundle has none.
pub fn programs(layout: &Layout) -> Programs {
    let one = |name: &str| {
        let bundled = layout.bundle().join("programs").join(name);
        if bundled.exists() { bundled } else { PathBuf::from(name) }
    };
    Programs { restic: one("restic"), rclone: one("rclone") }
}

/// A folder in memory that is gone with its value. Its name tells its process, so that what a killed one left is found.
///
/// # Errors
/// When it cannot be made.
pub(super) fn volatile_folder(layout: &Layout, purpose: &str) -> Result<TempDir, Problem> {
    let parent = layout.volatile("backup");
    files::make_folder(&parent)?;
    sweep(&parent);
    let prefix = format!("{purpose}-{}-", Process::own().in_file_name());
    tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(&parent)
        .map_err(|error| files::unusable(&parent, error))
}

/// Removes the folders of processes that are gone.
fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let builder = name.to_str().and_then(builder);
        if builder.is_some_and(|process| !process.lives()) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

fn builder(name: &str) -> Option<Process> {
    Process::from_file_name(name.split_once('-')?.1)
}

#[cfg(test)]
mod tests {
    use super::volatile_folder;
    use letsbe_base::{files, layout::Layout};

    #[test]
    fn what_a_killed_process_left_in_memory_is_removed_and_what_a_living_one_has_stays() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::under(root.path());
        let left = layout.volatile("backup/open-4194305-7-abc");
        files::write(&left.join("key"), b"canary").unwrap();
        files::write(&layout.volatile("backup/paused.json"), b"{}").unwrap();
        let first = volatile_folder(&layout, "open").unwrap();
        let second = volatile_folder(&layout, "open").unwrap();
        assert!(!left.exists() && first.path().exists() && second.path().exists());
        assert!(layout.volatile("backup/paused.json").exists());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
    }
}
