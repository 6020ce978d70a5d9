//! Folders that change places: the tool's data and what stands beside it.
//!
//! Each exchange is one system call. Which data is where is told by the folders' own numbers (inodes), written down
//! before the first exchange, so that a kill between two calls leaves nothing to guess.

use std::{
    fs::File,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use letsbe_types::{Code, Problem, crash};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use letsbe_base::files;

/// Two folders on one file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair {
    /// Where the tool has its data.
    pub(crate) live: PathBuf,
    /// Where the sandbox has it.
    pub(crate) beside: PathBuf,
    /// The tool's folder before the restore.
    former: u64,
    /// The folder that was restored.
    restored: u64,
}

/// Which folder is the tool's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// The one from before the restore.
    Former,
    /// The restored one.
    Restored,
}

impl Side {
    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Former => Self::Restored,
            Self::Restored => Self::Former,
        }
    }
}

impl Pair {
    /// Two folders as they are now: the tool's, and the restored one.
    pub(crate) fn of(live: PathBuf, beside: PathBuf) -> Result<Self, Problem> {
        let (former, restored) = (inode(&live)?, inode(&beside)?);
        Ok(Self { live, beside, former, restored })
    }

    /// Which folder is the tool's, by the numbers of the two that are there. Pure.
    fn side(&self, live: u64, beside: u64) -> Option<Side> {
        match (live, beside) {
            _ if (live, beside) == (self.former, self.restored) => Some(Side::Former),
            _ if (live, beside) == (self.restored, self.former) => Some(Side::Restored),
            _ => None,
        }
    }

    fn bring(&self, wanted: Side) -> Result<(), Problem> {
        let found = self.side(inode(&self.live)?, inode(&self.beside)?);
        match found {
            Some(side) if side == wanted => Ok(()),
            Some(_) => {
                renameat_with(CWD, &self.live, CWD, &self.beside, RenameFlags::EXCHANGE)
                    .map_err(|error| files::unusable(&self.live, error))?;
                for path in [&self.live, &self.beside] {
                    sync_parent(path)?;
                }
                Ok(())
            }
            None => Err(Problem::permanent(
                Code::RES009,
                format!(
                    "{} and {} are not the folders that this restore knows",
                    self.live.display(),
                    self.beside.display()
                ),
                "Somebody moved or made them anew. Nothing was touched; see docs/errors/RES009.md.",
            )),
        }
    }
}

/// Which side all pairs are on; `None` when they are not on one.
pub(crate) fn side(pairs: &[Pair]) -> Result<Option<Side>, Problem> {
    let mut found = None;
    for pair in pairs {
        let side = pair.side(inode(&pair.live)?, inode(&pair.beside)?);
        if side.is_none() || found.is_some_and(|found| Some(found) != side) {
            return Ok(None);
        }
        found = side;
    }
    Ok(found)
}

/// Brings every pair to this side; those that are there already stay.
pub(crate) fn bring(pairs: &[Pair], wanted: Side) -> Result<(), Problem> {
    for pair in pairs {
        pair.bring(wanted)?;
        crash::point(&super::points::inside::EXCHANGING);
    }
    Ok(())
}

fn inode(path: &Path) -> Result<u64, Problem> {
    std::fs::symlink_metadata(path).map(|found| found.ino()).map_err(|error| files::unusable(path, error))
}

fn sync_parent(path: &Path) -> Result<(), Problem> {
    let folder = path.parent().unwrap_or(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| files::unusable(folder, error))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Pair, Side, bring, side};

    fn folder(root: &Path, name: &str, content: &str) -> std::path::PathBuf {
        let path = root.join(name).join("_data");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("file"), content).unwrap();
        path
    }

    fn pairs(root: &Path) -> Vec<Pair> {
        let pair = |name: &str| {
            let live = folder(root, name, "former");
            Pair::of(live, folder(root, &format!("stage-{name}"), "restored")).unwrap()
        };
        ["a", "b", "c"].map(pair).to_vec()
    }

    fn contents(pairs: &[Pair]) -> Vec<String> {
        let read = |path: &Path| std::fs::read_to_string(path.join("file")).unwrap();
        pairs.iter().map(|pair| format!("{}/{}", read(&pair.live), read(&pair.beside))).collect()
    }

    #[test]
    fn an_exchange_that_was_cut_off_anywhere_is_finished_or_undone_and_loses_nothing() {
        for killed_after in 0..=3 {
            for wanted in [Side::Restored, Side::Former] {
                let root = tempfile::tempdir().unwrap();
                let pairs = pairs(root.path());
                // The kill: only so many calls were made. Their record comes from the disk afterwards.
                bring(&pairs[..killed_after], Side::Restored).unwrap();
                let text = serde_json::to_string(&pairs).unwrap();
                let known: Vec<Pair> = serde_json::from_str(&text).unwrap();
                bring(&known, wanted).unwrap();
                bring(&known, wanted).unwrap();
                assert_eq!(side(&known).unwrap(), Some(wanted));
                let expected = if wanted == Side::Restored { "restored/former" } else { "former/restored" };
                assert_eq!(contents(&known), [expected; 3], "killed after {killed_after}, {wanted:?}");
            }
        }
    }

    #[test]
    fn folders_that_are_not_the_known_ones_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let pairs = pairs(root.path());
        std::fs::rename(&pairs[1].live, root.path().join("moved")).unwrap();
        folder(root.path(), "b", "made anew");
        assert_eq!(bring(&pairs, Side::Restored).unwrap_err().code, "RES009");
        assert_eq!(contents(&pairs), ["restored/former", "made anew/restored", "former/restored"]);
        assert_eq!(side(&pairs).unwrap(), None);
        std::fs::remove_dir_all(&pairs[1].live).unwrap();
        assert!(bring(&pairs, Side::Former).is_err(), "what is missing is no side either");
        assert_eq!(bring(&pairs[..1], Side::Former), Ok(()));
    }
}
