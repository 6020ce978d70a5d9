//! The repository that a lost server is brought back from.

use std::path::{Path, PathBuf};

use letsbe_backup::{BackupSet, Location, Programs, Repository, bring_back, sets};
use letsbe_types::{Problem, Secret, job::RestoreFrom};

use letsbe_base::{files, layout::Layout};
use letsbe_data::backup::repositories::{local, programs};

/// The repository, and a folder in memory with what opens it; the folder goes with this.
pub(super) struct Source {
    /// The repository.
    pub(super) repository: Repository,
    /// All sets in it, oldest first.
    pub(super) sets: Vec<BackupSet>,
    folder: PathBuf,
}

impl Source {
    /// Opens the repository for the first time. As it was at a moment, it is copied onto this server: that copy is
    /// this server's own repository from then on. Otherwise this server's own is made so that copies from and to the
    /// far side deduplicate.
    ///
    /// # Errors
    /// A far side that cannot be reached, or whose repository the key does not open.
    pub(super) async fn prepare(
        layout: &Layout,
        restore: &RestoreFrom,
        key: &Secret<String>,
    ) -> Result<Self, Problem> {
        let place = Place::new(layout, key)?;
        let own = place.own(layout)?;
        if let Some(at) = restore.as_of {
            bring_back(&restore.source, at, &place.programs, &place.folder, &local(layout)).await?;
            return place.read(own).await;
        }
        let far = place.far(restore)?;
        far.reach().await?;
        own.ensure(Some(&far)).await?;
        place.read(far).await
    }

    /// Opens the repository once more.
    ///
    /// # Errors
    /// As [`Source::prepare`].
    pub(super) async fn open(
        layout: &Layout,
        restore: &RestoreFrom,
        key: &Secret<String>,
    ) -> Result<Self, Problem> {
        let place = Place::new(layout, key)?;
        let repository = match restore.as_of {
            Some(_) => place.own(layout)?,
            None => place.far(restore)?,
        };
        repository.reach().await?;
        place.read(repository).await
    }
}

/// What every repository here is opened with.
struct Place {
    programs: Programs,
    folder: PathBuf,
    cache: PathBuf,
}

impl Place {
    fn new(layout: &Layout, key: &Secret<String>) -> Result<Self, Problem> {
        let folder = layout.volatile("recovery");
        remove(&folder)?;
        let place = Self { programs: programs(layout), folder, cache: layout.home().join("backups/cache") };
        files::write(&place.key(), key.expose().as_bytes())?;
        Ok(place)
    }

    fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// This server's own.
    fn own(&self, layout: &Layout) -> Result<Repository, Problem> {
        let here = local(layout);
        if let Some(parent) = here.parent() {
            files::make_folder(parent)?;
        }
        Ok(Repository::new(&self.programs, Location::folder(&here), &self.key(), &self.cache))
    }

    /// The one outside.
    fn far(&self, restore: &RestoreFrom) -> Result<Repository, Problem> {
        let location = Location::outside(&restore.source, &self.programs, &self.folder)?;
        Ok(Repository::new(&self.programs, location, &self.key(), &self.cache))
    }

    async fn read(self, repository: Repository) -> Result<Source, Problem> {
        let mut source = Source { repository, sets: Vec::new(), folder: self.folder };
        source.sets = sets(&source.repository.snapshots().await?);
        Ok(source)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Err(problem) = remove(&self.folder) {
            tracing::warn!(%problem, "what opened the backups lies in memory until the next start");
        }
    }
}

/// Removes a folder; fine if it is not there.
pub(super) fn remove(folder: &Path) -> Result<(), Problem> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(files::unusable(folder, error)),
        _ => Ok(()),
    }
}
