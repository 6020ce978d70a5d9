//! Locks of files between processes: tests that start together share what is made once on a machine.

use std::{fs::File, io, path::PathBuf};

/// Waits for the lock of a file, which is made if it is not there. It is held as long as the file that is given is open.
///
/// # Errors
/// When the file cannot be made or locked.
pub(crate) async fn lock(path: PathBuf, take: fn(&File) -> io::Result<()>) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    tokio::task::spawn_blocking(move || take(&file).map(|()| file)).await.map_err(io::Error::other)?
}
