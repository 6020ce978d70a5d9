//! Disk space that is allocated ahead and released when the disk is full: with it a run can clear away what did not fit and
//! write its status.

use std::{fs::File, path::PathBuf};

use letsbe_types::{Code, Problem};
use rustix::fs::{FallocateFlags, fallocate};

use letsbe_base::{files, layout::Layout};

/// Enough for a status, a lock in the repository, and a new index.
const BYTES: u64 = 4 << 20;

fn path(layout: &Layout) -> PathBuf {
    super::folder(layout).join("reserve")
}

/// Allocates it. On a full disk this fails with a warning; whoever needs more space reports that.
pub(super) fn allocate(layout: &Layout) {
    let path = path(layout);
    let allocated = files::make_folder(&super::folder(layout)).and_then(|()| {
        let file = File::create(&path).map_err(|error| files::unusable(&path, error))?;
        fallocate(&file, FallocateFlags::empty(), 0, BYTES).map_err(|error| files::unusable(&path, error))
    });
    if let Err(problem) = allocated {
        tracing::warn!("no disk space is reserved for the end of a run: {problem}");
        release(layout);
    }
}

/// Releases it.
pub(super) fn release(layout: &Layout) {
    if let Err(problem) = files::remove(&path(layout)) {
        tracing::warn!("{problem}");
    }
}

/// Whether something failed because the repository's disk is full.
pub(super) fn was_missed(problem: &Problem) -> bool {
    problem.code == Code::REPO005
}

#[cfg(test)]
mod tests {
    use super::{BYTES, allocate, path, release};
    use letsbe_base::layout::Layout;

    #[test]
    fn room_is_really_taken_and_given_back() {
        use std::os::unix::fs::MetadataExt as _;
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::under(root.path());
        for _ in 0..2 {
            allocate(&layout);
            assert!(path(&layout).metadata().unwrap().blocks() * 512 >= BYTES);
        }
        release(&layout);
        release(&layout);
        assert!(!path(&layout).exists());
    }
}
