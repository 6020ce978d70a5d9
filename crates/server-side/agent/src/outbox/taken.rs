//! What the Hub has taken is kept for some days: a Hub that was brought back from its backup lost the newest of it, and
//! says with its answer to a heartbeat how much it still has.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use letsbe_types::Problem;

use super::{QueuedEvent, WAITING};
use letsbe_base::{files, jsonl};

const TAKEN: &str = "taken";
/// The Hub is backed up each night; an older backup is an alarm there.
const KEPT_FOR: Duration = Duration::from_secs(4 * 24 * 3600);
const KEPT_BYTES: u64 = 8 << 20;
const KEPT_FILES: usize = 2_000;

/// Puts a segment aside whose events the Hub has, and removes what is older or more than is kept.
pub(super) fn put_aside(folder: &Path, name: &str) -> Result<(), Problem> {
    let from = folder.join(name);
    let done = std::fs::rename(&from, from.with_extension(TAKEN));
    match done {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(files::unusable(&from, error)),
        _ => forget(folder, SystemTime::now()),
    }
}

fn forget(folder: &Path, now: SystemTime) -> Result<(), Problem> {
    let mut bytes = 0;
    for (at, path) in kept(folder)?.into_iter().rev().enumerate() {
        let Ok(about) = std::fs::metadata(&path) else { continue };
        bytes += about.len();
        let written = about.modified().unwrap_or(now);
        let is_old = now.duration_since(written).is_ok_and(|age| age > KEPT_FOR);
        if is_old || bytes > KEPT_BYTES || at >= KEPT_FILES {
            files::remove(&path)?;
        }
    }
    Ok(())
}

/// Brings back among those that wait whatever has an event beyond this number.
pub(super) fn bring_back(folder: &Path, through: u64) -> Result<(), Problem> {
    for path in kept(folder)? {
        let found: Vec<QueuedEvent> = jsonl::read(&path)?;
        if found.iter().any(|line| line.event.sequence > through) {
            let waiting = path.with_extension(WAITING);
            std::fs::rename(&path, &waiting).map_err(|error| files::unusable(&path, error))?;
        }
    }
    Ok(())
}

/// Oldest first.
fn kept(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let names = super::names(folder, TAKEN)?;
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{KEPT_FOR, forget, kept};

    #[test]
    fn what_was_taken_is_kept_for_days_and_within_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let large = vec![b' '; 3 << 20];
        for number in 1..=4 {
            std::fs::write(folder.path().join(format!("{number:020}.taken")), &large).unwrap();
        }
        std::fs::write(folder.path().join("5.jsonl"), "waits").unwrap();
        forget(folder.path(), SystemTime::now()).unwrap();
        assert_eq!(kept(folder.path()).unwrap().len(), 2, "8 MiB of the newest");
        forget(folder.path(), SystemTime::now() + KEPT_FOR + Duration::from_secs(60)).unwrap();
        assert!(kept(folder.path()).unwrap().is_empty());
        assert!(folder.path().join("5.jsonl").exists());
    }
}
