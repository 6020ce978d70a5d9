//! Folders of labs among this machine's temporary files: programs, bundle, keys, the Hub's data. Each is named after the
//! process that made it, so that what a killed process left (half a gigabyte) is found and removed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use letsbe_types::process::Process;

/// Before the process and a random end: `letsbe-lab-of-4711-90210-x7Qk2p`.
const PREFIX: &str = "letsbe-lab-of-";

/// Makes a folder that is removed when it is dropped, or by [`remove_left_behind`] once this process is gone.
///
/// # Errors
/// When it cannot be made.
pub fn create() -> io::Result<TempDir> {
    create_in(&std::env::temp_dir(), std::process::id())
}

/// Removes the folders of processes that are gone.
///
/// # Errors
/// When one cannot be removed.
pub fn remove_left_behind() -> io::Result<()> {
    left_behind(&std::env::temp_dir())?.iter().try_for_each(|folder| {
        tracing::info!("removing {}, whose process is gone", folder.display());
        remove(folder)
    })
}

fn create_in(parent: &Path, pid: u32) -> io::Result<TempDir> {
    let owner = Process::of(pid).ok_or_else(|| io::Error::other("this process is not in /proc"))?;
    tempfile::Builder::new().prefix(&format!("{PREFIX}{}-", owner.in_file_name())).tempdir_in(parent)
}

/// The folders here whose process is gone.
fn left_behind(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(owner_of) else { continue };
        // Not what a link of such a name leads to.
        if !owner.lives() && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The process in a folder's name; `None` for what is no folder of a lab.
fn owner_of(name: &str) -> Option<Process> {
    Process::from_file_name(name.strip_prefix(PREFIX)?)
}

/// Another lab may be removing it too.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_folder_of_a_killed_process_is_removed_and_no_other() {
        let parent = tempfile::tempdir().unwrap();
        let own = create_in(parent.path(), std::process::id()).unwrap();
        let mut process = Command::new("sleep").arg("600").spawn().unwrap();
        let killed = create_in(parent.path(), process.id()).unwrap().keep();
        fs::create_dir(killed.join("programs")).unwrap();
        fs::write(killed.join("programs/letsbe-hub"), "…").unwrap();
        let reused = parent.path().join(format!("{PREFIX}{}-1-abcdef", std::process::id()));
        let others = ["letsbe-lab-images", "letsbe-lab-of-nobody", "letsbe-lab-of-4194305-1", "other"];
        let others = others.map(|name| parent.path().join(name));
        for folder in others.iter().chain([&reused]) {
            fs::create_dir(folder).unwrap();
        }
        let link = parent.path().join(format!("{PREFIX}4194305-1-abcdef"));
        std::os::unix::fs::symlink(own.path(), &link).unwrap();
        assert_eq!(
            left_behind(parent.path()).unwrap(),
            std::slice::from_ref(&reused),
            "its process still lives"
        );

        process.kill().unwrap();
        process.wait().unwrap();
        let mut found = left_behind(parent.path()).unwrap();
        found.sort();
        let mut expected = vec![killed.clone(), reused];
        expected.sort();
        assert_eq!(found, expected);
        for folder in found {
            remove(&folder).unwrap();
        }
        remove(&killed).expect("another lab was quicker");
        assert!(!killed.exists() && own.path().exists() && link.is_symlink());
        assert!(others.iter().all(|folder| folder.exists()));
    }
}
