//! The entries of a folder as one number that tells whether anything is missing or different.

use std::path::Path;

use letsbe_backup::{FilesFacts, Listed};
use sha2::{Digest as _, Sha256};

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Relative to the folder.
    pub path: String,
    /// `file`, `dir`, `symlink`, …
    pub kind: String,
    /// Unix mode, without the kind.
    pub mode: u32,
    /// Bytes; 0 for anything but a file.
    pub size: u64,
    /// Target of a symbolic link.
    pub link: Option<String>,
}

impl Entry {
    /// The target as far as restic's list tells it: to its first line break, and not at all where the path has one.
    fn told_link(&self) -> &str {
        let told = self.link.as_deref().filter(|_| !self.path.contains('\n'));
        told.and_then(|link| link.split('\n').next()).unwrap_or_default()
    }
}

/// The facts of a folder that was at `path` and holds these entries.
pub fn facts(path: &Path, mut entries: Vec<Entry>) -> FilesFacts {
    entries.sort();
    let mut hash = Sha256::new();
    for entry in &entries {
        let Entry { path, kind, mode, size, .. } = entry;
        let link = entry.told_link();
        hash.update(format!("{path}\0{kind}\0{mode:o}\0{size}\0{link}\n"));
    }
    let files = entries.iter().filter(|entry| entry.kind == "file");
    FilesFacts {
        path: path.to_string_lossy().into_owned(),
        files: files.clone().count() as u64,
        bytes: files.map(|entry| entry.size).sum(),
        listing_sha256: hex::encode(hash.finalize()),
    }
}

/// The facts of the folder `path` as a snapshot holds it.
pub(crate) fn of_snapshot(path: &Path, listed: &[Listed]) -> FilesFacts {
    let entries = listed.iter().filter_map(|one| {
        let relative = Path::new(&one.path).strip_prefix(path).ok()?.to_str()?;
        let is_folder_itself = relative.is_empty() && one.kind == "dir";
        (!is_folder_itself).then(|| Entry {
            path: relative.to_owned(),
            kind: one.kind.clone(),
            mode: one.mode & 0o7777,
            size: if one.kind == "file" { one.size } else { 0 },
            link: one.link.clone(),
        })
    });
    facts(path, entries.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use letsbe_backup::Listed;

    use super::of_snapshot;

    fn listed(path: &str, kind: &str, size: u64) -> Listed {
        let mode = if kind == "dir" { 0o40755 } else { 0o100_644 };
        Listed { path: path.to_owned(), kind: kind.to_owned(), size, mode, modified_at: None, link: None }
    }

    #[test]
    fn the_order_of_a_listing_does_not_matter_and_every_property_does() {
        let all = [
            listed("/data", "dir", 0),
            listed("/data/site", "dir", 4096),
            listed("/data/site/a", "file", 7),
            listed("/data/site/b", "file", 8),
        ];
        let facts = of_snapshot(Path::new("/data/site"), &all);
        assert_eq!((facts.files, facts.bytes), (2, 15));
        let mut turned = all.clone();
        turned.reverse();
        assert_eq!(of_snapshot(Path::new("/data/site"), &turned), facts);
        let changes: [fn(&mut Listed); 5] = [
            |one| one.path.push('x'),
            |one| one.kind = "symlink".to_owned(),
            |one| one.mode = 0o600,
            |one| one.size += 1,
            |one| one.link = Some("/etc/passwd".to_owned()),
        ];
        for change in changes {
            let mut other = all.clone();
            change(&mut other[3]);
            assert_ne!(of_snapshot(Path::new("/data/site"), &other).listing_sha256, facts.listing_sha256);
        }
    }
}
