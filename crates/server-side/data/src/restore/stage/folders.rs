//! Files of a stage: written, and listed as they lie there.

use std::{
    io::ErrorKind,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use letsbe_backup::spelled;
use letsbe_types::Problem;
use walkdir::WalkDir;

use crate::backup::listing::Entry;
use letsbe_base::{
    beneath::Beneath,
    files::{self, unusable},
};

/// Everything in a folder, as a snapshot would list it.
pub fn entries(folder: &Path) -> Result<Vec<Entry>, Problem> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).min_depth(1) {
        let entry = entry.map_err(|error| unusable(folder, error))?;
        let metadata = entry.metadata().map_err(|error| unusable(entry.path(), error))?;
        let kind = metadata.file_type();
        let link = match kind.is_symlink() {
            true => Some(std::fs::read_link(entry.path()).map_err(|error| unusable(entry.path(), error))?),
            false => None,
        };
        let name = match kind {
            _ if kind.is_dir() => "dir",
            _ if kind.is_symlink() => "symlink",
            _ if kind.is_fifo() => "fifo",
            _ if kind.is_socket() => "socket",
            _ if kind.is_block_device() => "dev",
            _ if kind.is_char_device() => "chardev",
            _ => "file",
        };
        let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        found.push(Entry {
            path: spelled(path),
            kind: name.to_owned(),
            mode: metadata.mode() & 0o7777,
            size: if kind.is_file() { metadata.len() } else { 0 },
            link: link.map(spelled),
        });
    }
    Ok(found)
}

/// Moves a restored file to its place below the stage's folder, replacing what is there; it belongs to whom the tool's
/// own file belongs, else to whom its folder does. What is in either folder was chosen by the tool: no link is followed.
pub(crate) fn put(file: &Path, stage: &Path, of_tool: &Path, relative: &Path) -> Result<(), Problem> {
    let like = match of_tool.symlink_metadata() {
        Ok(_) => Beneath::open(of_tool)?.ownership(relative)?,
        Err(_) => None,
    };
    Beneath::open(stage)?.put(file, relative, like)
}

/// Removes a folder with everything in it; fine if it is not there.
pub(crate) fn remove(folder: &Path) -> Result<(), Problem> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(unusable(folder, error)),
        _ => Ok(()),
    }
}

/// Removes the files in a folder but one.
pub(crate) fn remove_but(folder: &Path, kept: &str) -> Result<(), Problem> {
    let entries = std::fs::read_dir(folder).map_err(|error| unusable(folder, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unusable(folder, error))?;
        match entry.file_type() {
            _ if entry.file_name() == kept => {}
            Ok(kind) if kind.is_dir() => remove(&entry.path())?,
            _ => files::remove(&entry.path())?,
        }
    }
    Ok(())
}

/// Makes a folder for root only.
pub(crate) fn make(folder: &Path) -> Result<PathBuf, Problem> {
    files::make_folder(folder)?;
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, path::Path};

    use letsbe_backup::Listed;

    use super::{entries, put, remove};
    use crate::backup::listing::{facts, of_snapshot};

    #[test]
    fn a_folder_is_listed_as_a_snapshot_of_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("images/2026")).unwrap();
        std::fs::write(at("images/2026/ä.png"), "12345").unwrap();
        std::fs::set_permissions(at("images/2026/ä.png"), std::fs::Permissions::from_mode(0o640)).unwrap();
        std::fs::set_permissions(at("images"), std::fs::Permissions::from_mode(0o2775)).unwrap();
        std::fs::set_permissions(at("images/2026"), std::fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink("2026/ä.png", at("images/now")).unwrap();
        let listed = |path: &str, kind: &str, size, mode, link: Option<&str>| Listed {
            path: format!("/srv/site{path}"),
            kind: kind.to_owned(),
            size,
            mode,
            modified_at: None,
            link: link.map(str::to_owned),
        };
        let snapshot = [
            listed("", "dir", 0, 0o40755, None),
            listed("/images", "dir", 0, 0o42775, None),
            listed("/images/2026", "dir", 0, 0o40700, None),
            listed("/images/2026/ä.png", "file", 5, 0o100_640, None),
            listed("/images/now", "symlink", 0, 0o120_777, Some("2026/ä.png")),
        ];
        let place = Path::new("/srv/site");
        let found = facts(place, entries(folder.path()).unwrap());
        assert_eq!(found, of_snapshot(place, &snapshot));
        std::fs::set_permissions(at("images/2026/ä.png"), std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_ne!(facts(place, entries(folder.path()).unwrap()), found);
    }

    #[test]
    fn a_line_break_in_a_link_is_no_difference_and_another_target_is_one() {
        // What restic's list tells of each: its target to the first line break, nothing for a path with one.
        let table = [
            ("plain", "there", Some("there")),
            ("in its target", "first\nsecond", Some("first")),
            ("in its\nname", "there", None),
            ("in\nfolder/link", "there", None),
            ("end", "there\n", Some("there")),
            ("carriage", "there\r", Some("there\r")),
        ];
        let place = Path::new("/srv/site");
        for (name, target, told) in table {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, &path).unwrap();
            let mut listed = of_entries(place, &entries(folder.path()).unwrap());
            listed.iter_mut().for_each(|one| one.link = one.link.as_ref().and(told.map(str::to_owned)));
            let found = || facts(place, entries(folder.path()).unwrap());
            assert_eq!(found(), of_snapshot(place, &listed), "{name:?}");
            let before = found();
            std::fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("elsewhere", &path).unwrap();
            assert_eq!(found() != before, told.is_some(), "{name:?}");
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, "there").unwrap();
            assert_ne!(found(), before, "a file in its place: {name:?}");
        }
    }

    fn of_entries(place: &Path, entries: &[crate::backup::listing::Entry]) -> Vec<Listed> {
        let listed = |one: &crate::backup::listing::Entry| Listed {
            path: format!("{}/{}", place.display(), one.path),
            kind: one.kind.clone(),
            size: one.size,
            mode: one.mode,
            modified_at: None,
            link: one.link.clone(),
        };
        entries.iter().map(listed).collect()
    }

    #[test]
    fn a_restored_file_belongs_to_whom_the_tools_does() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["live", "beside"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        std::fs::write(at("live/a.db"), "old").unwrap();
        std::fs::set_permissions(at("live/a.db"), std::fs::Permissions::from_mode(0o640)).unwrap();
        std::fs::write(at("copy"), "new").unwrap();
        put(&at("copy"), &at("beside"), &at("live"), Path::new("a.db")).unwrap();
        let mode = std::fs::metadata(at("beside/a.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        std::fs::write(at("copy"), "new").unwrap();
        put(&at("copy"), &at("beside"), &at("nothing"), Path::new("b.db")).unwrap();
        assert!(at("beside/b.db").exists());
        std::fs::write(at("beside/stage.json"), "{}").unwrap();
        std::fs::create_dir(at("beside/folder")).unwrap();
        super::remove_but(&at("beside"), "stage.json").unwrap();
        let left: Vec<_> =
            std::fs::read_dir(at("beside")).unwrap().flatten().map(|one| one.file_name()).collect();
        assert_eq!(left, ["stage.json"]);
        remove(&at("beside")).unwrap();
        remove(&at("beside")).unwrap();
        assert!(!at("beside").exists());
    }
}
