//! Room on the disk that is kept for its fullest hour: given back, it lets a run clear away what did not fit, and write
//! down how it went.

use std::{fs::File, path::PathBuf};

use letsbe_types::Problem;
use rustix::fs::{FallocateFlags, fallocate};

use letsbe_base::{files, layout::Layout};

/// Enough for a status, a lock in the repository, and a new index.
const BYTES: u64 = 4 << 20;

fn path(layout: &Layout) -> PathBuf {
    super::folder(layout).join("reserve")
}

/// Takes the room. Where there is none left, whoever needs more will tell.
pub(super) fn take(layout: &Layout) {
    let path = path(layout);
    let taken = files::make_folder(&super::folder(layout)).and_then(|()| {
        let file = File::create(&path).map_err(|error| files::unusable(&path, error))?;
        fallocate(&file, FallocateFlags::empty(), 0, BYTES).map_err(|error| files::unusable(&path, error))
    });
    if let Err(problem) = taken {
        tracing::warn!("no room is kept for the end of a run: {problem}");
        give(layout);
    }
}

/// Gives it back.
pub(super) fn give(layout: &Layout) {
    if let Err(problem) = files::remove(&path(layout)) {
        tracing::warn!("{problem}");
    }
}

/// Whether something failed because the repository's disk is full.
pub(super) fn was_missed(problem: &Problem) -> bool {
    problem.code == "REPO005"
}

#[cfg(test)]
mod tests {
    use super::{BYTES, give, path, take};
    use letsbe_base::layout::Layout;

    #[test]
    fn room_is_really_taken_and_given_back() {
        use std::os::unix::fs::MetadataExt as _;
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::under(root.path());
        for _ in 0..2 {
            take(&layout);
            assert!(path(&layout).metadata().unwrap().blocks() * 512 >= BYTES);
        }
        give(&layout);
        give(&layout);
        assert!(!path(&layout).exists());
    }
}
