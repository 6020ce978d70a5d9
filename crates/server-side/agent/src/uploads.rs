//! The watch over what a tool's owner uploads: a program of its own, which a systemd unit runs.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use letsbe_host::LocalMachine;
use letsbe_stacks::{UPLOADS_FULL_FILE, UploadBound, UploadWatch, uploads_full_reason};

use letsbe_base::files;

const EVERY: Duration = Duration::from_secs(2);

/// What is watched.
#[derive(clap::Args)]
pub struct WatchArguments {
    /// The folder.
    #[arg(long)]
    folder: PathBuf,
    /// How many bytes of the disk it may hold.
    #[arg(long)]
    bytes: u64,
    /// How many files and folders.
    #[arg(long)]
    files: u64,
}

/// Looks every other second, for ever. What cannot be seen or said is tried again, and told once.
pub async fn watch(arguments: WatchArguments) {
    let WatchArguments { folder, bytes, files } = arguments;
    let mut watch = UploadWatch::new(folder, UploadBound { bytes, files });
    let mut told = None;
    loop {
        let problem = watch.look(&LocalMachine, Instant::now()).await.err();
        if problem.is_some() && problem != told {
            tracing::error!(problem = ?problem, "how much is uploaded could not be looked at");
        }
        told = problem;
        tokio::time::sleep(EVERY).await;
    }
}

/// Why nothing more can be uploaded here, if it is so.
pub fn full() -> Option<String> {
    let text = files::read(UPLOADS_FULL_FILE.as_ref()).ok().flatten()?;
    uploads_full_reason(&String::from_utf8_lossy(&text)).map(str::to_owned)
}
