//! A file's lock between processes, held for as long as the value lives.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use letsbe_types::Problem;

use crate::files;

/// The lock of a file. The kernel frees it too when this process dies.
#[derive(Debug)]
pub struct Guard(File);

impl Guard {
    /// Waits until no other process has it. Makes the file and its folder.
    pub fn wait(path: &Path) -> Result<Self, Problem> {
        let file = open(path)?;
        file.lock().map_err(|error| files::unusable(path, error))?;
        Ok(Self(file))
    }

    /// Takes it, or nothing while another process has it. Makes the file and its folder.
    pub fn at_once(path: &Path) -> Result<Option<Self>, Problem> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(files::unusable(path, error)),
        }
    }

    /// The file, for who keeps something in it.
    pub fn file(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for Guard {
    /// Closing the file is not enough: a child that was forked at this moment and has not yet begun its program still has it
    /// open, and the lock with it.
    fn drop(&mut self) {
        drop(self.0.unlock());
    }
}

fn open(path: &Path) -> Result<File, Problem> {
    if let Some(folder) = path.parent() {
        files::make_folder(folder)?;
    }
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    file.map_err(|error| files::unusable(path, error))
}

#[cfg(test)]
mod tests {
    use super::Guard;

    #[test]
    fn one_at_a_time_and_the_next_as_soon_as_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/guard");
        let first = Guard::at_once(&path).unwrap().expect("free");
        assert!(Guard::at_once(&path).unwrap().is_none());
        // As a child that was forked just now has it.
        let inherited = first.0.try_clone().unwrap();
        drop(first);
        assert!(Guard::at_once(&path).unwrap().is_some());
        drop(inherited);
    }
}
