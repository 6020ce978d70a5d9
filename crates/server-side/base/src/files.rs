//! Files that are whole or not there.

use std::{
    fs::{DirBuilder, File, Permissions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use letsbe_types::{Code, Problem};
use serde::{Serialize, de::DeserializeOwned};

/// Whether this process has root's rights.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A problem with a file.
pub fn unusable(path: &Path, error: impl std::fmt::Display) -> Problem {
    let message = format!("{}: {error}", path.display());
    let hint = hint(&message, is_root());
    Problem::transient(Code::NODE005, message, hint)
}

fn hint(message: &str, is_root: bool) -> &'static str {
    if !is_root && message.contains("Permission denied") {
        "This needs root's rights: run it with sudo (`sudo letsbe-node …`)."
    } else {
        "Look at the disk's space, its health and the file's permissions."
    }
}

/// Makes a folder with its parents, for root only.
pub fn make_folder(path: &Path) -> Result<(), Problem> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| unusable(path, error))
}

/// Makes a folder with its parents, which everybody may look into; one that is there stays as it is.
pub fn make_open_folder(path: &Path) -> Result<(), Problem> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    let make = |folder: &&Path| {
        std::fs::create_dir(folder)?;
        std::fs::set_permissions(folder, Permissions::from_mode(0o755))
    };
    missing.iter().rev().try_for_each(make).map_err(|error| unusable(path, error))
}

/// Writes a file atomically, for root only.
pub fn write(path: &Path, content: &[u8]) -> Result<(), Problem> {
    write_with_mode(path, content, 0o600)
}

/// Writes a file without secrets atomically, for whoever reaches it.
pub fn write_readable(path: &Path, content: &[u8]) -> Result<(), Problem> {
    write_with_mode(path, content, 0o644)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<(), Problem> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folder(folder)?;
    let attempt = || {
        let mut file = tempfile::Builder::new().prefix(".letsbe-").tempfile_in(folder)?;
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    attempt().map_err(|error| unusable(path, error))
}

/// Writes a value as JSON, atomically, for root only.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Problem> {
    let content = serde_json::to_vec(value).map_err(|error| unusable(path, error))?;
    write(path, &content)
}

/// Reads a file; `None` if there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, Problem> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(path, error)),
    }
}

/// Reads a value from JSON; `None` if there is no such file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Problem> {
    let Some(content) = read(path)? else { return Ok(None) };
    serde_json::from_slice(&content).map(Some).map_err(|error| unusable(path, error))
}

/// Removes a file; fine if it is not there.
pub fn remove(path: &Path) -> Result<(), Problem> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(unusable(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn who_has_no_rights_is_not_sent_to_look_at_the_disk() {
        let denied = "/opt/letsbe/state/x: Permission denied (os error 13)";
        assert!(hint(denied, false).contains("sudo"));
        for (message, is_root) in [(denied, true), ("/x: No space left on device (os error 28)", false)] {
            assert!(hint(message, is_root).contains("disk's space"), "{message}");
        }
    }
}
