//! Where copies of SQLite files lie for a moment. Always the same place, so that the repository sees what changed.

use std::path::{Path, PathBuf};

use letsbe_types::Problem;

use letsbe_base::{files, layout::Layout};

/// The folder of one tool; gone when this is.
pub(super) struct Staging {
    pub(super) path: PathBuf,
}

impl Staging {
    /// Empty, whatever a killed run left.
    ///
    /// # Errors
    /// When what was left cannot be removed.
    pub(super) fn new(layout: &Layout, tool: &str) -> Result<Self, Problem> {
        let path = staging(layout, tool);
        remove_folder(&path)?;
        Ok(Self { path })
    }

    /// Where a database is copied to byte by byte, before anything is believed of it. No volume has such a name.
    pub(super) fn raw(&self) -> PathBuf {
        self.path.join(".raw")
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(problem) = remove_folder(&self.path) {
            tracing::warn!("{problem}");
        }
    }
}

/// The folder whose copies the SQLite items of a tool hold, one folder each by name.
fn staging(layout: &Layout, tool: &str) -> PathBuf {
    super::folder(layout).join("staging").join(tool)
}

fn remove_folder(path: &Path) -> Result<(), Problem> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(files::unusable(path, error)),
        _ => Ok(()),
    }
}
