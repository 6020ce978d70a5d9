//! The built programs, and the bundle that provisioners upload.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use walkdir::WalkDir;

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The Hub.
    pub hub: PathBuf,
    /// The provisioner.
    pub provisioner: PathBuf,
    /// The node.
    pub node: PathBuf,
    /// The secrets proxy.
    pub proxy: PathBuf,
    /// The operator's CLI.
    pub cli: PathBuf,
}

impl Programs {
    /// The programs in cargo's output folder.
    ///
    /// # Errors
    /// When one has not been built.
    pub fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        let program = |name: &str| {
            let path = folder.join(name);
            ensure!(path.is_file(), "{} is missing: run cargo build --workspace", path.display());
            Ok(path)
        };
        Ok(Self {
            hub: program("letsbe-hub")?,
            provisioner: program("letsbe-provisioner")?,
            node: program("letsbe-node")?,
            proxy: program("letsbe-proxy")?,
            cli: program("letsbe")?,
        })
    }

    /// Copies of the programs in a folder of their own, which a build going on beside cannot change.
    ///
    /// # Errors
    /// When a program cannot be copied.
    pub fn copied_to(&self, folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        for program in [&self.hub, &self.provisioner, &self.node, &self.proxy, &self.cli] {
            let name = program.file_name().context("a program has a name")?;
            fs::copy(program, folder.join(name)).with_context(|| format!("{}", program.display()))?;
        }
        Self::in_folder(folder)
    }

    /// Puts `letsbe-node` (without debug information: it travels), the catalog, restic and rclone into a folder below
    /// `folder`.
    ///
    /// # Errors
    /// When a file cannot be copied, or the programs of others cannot be had.
    pub fn bundle(&self, folder: &Path, repository: &Path) -> anyhow::Result<PathBuf> {
        let bundle = folder.join("bundle");
        fs::create_dir_all(&bundle)?;
        strip(&self.node, &bundle.join("letsbe-node"))?;
        copy_tree(&repository.join("catalog"), &bundle.join("catalog"))?;
        copy_tree(&backup_programs(repository)?, &bundle.join("programs"))?;
        Ok(bundle)
    }
}

/// The pinned restic and rclone; fetched once, then kept beside what cargo builds.
fn backup_programs(repository: &Path) -> anyhow::Result<PathBuf> {
    let script = repository.join("crates/server-side/backup/scripts/fetch-programs.sh");
    let folder = repository.join("target/programs");
    let status = Command::new(&script).arg(&folder).status();
    let status = status.with_context(|| format!("{}", script.display()))?;
    ensure!(status.success(), "{} could not fetch restic and rclone", script.display());
    Ok(folder)
}

/// Copies a program without its debug information.
///
/// # Errors
/// When binutils' `strip` does not do it.
pub(super) fn strip(program: &Path, target: &Path) -> anyhow::Result<()> {
    let status =
        Command::new("strip").arg("-o").arg(target).arg(program).status().context("strip (binutils)")?;
    ensure!(status.success(), "strip could not copy {}", program.display());
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in WalkDir::new(from).sort_by_file_name() {
        let entry = entry.map_err(io::Error::other)?;
        let target = to.join(entry.path().strip_prefix(from).map_err(io::Error::other)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
