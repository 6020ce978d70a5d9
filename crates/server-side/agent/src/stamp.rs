//! Seeing that files have changed without reading them.

use std::{os::unix::fs::MetadataExt as _, path::Path};

/// What changes when a file is replaced or written: compared, never interpreted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<Option<(u64, u64, i64, i64)>>);

impl Stamp {
    /// The stamp of these files; a file that is not there has one, too.
    pub(crate) fn of(paths: &[&Path]) -> Self {
        let of = |path: &&Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
        };
        Self(paths.iter().map(of).collect())
    }
}
