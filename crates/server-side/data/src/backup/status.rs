//! `backup-status.json`: read, changed, and written whole.

use letsbe_types::{Problem, backup::BackupStatus};

use letsbe_base::{files, guard::Guard, layout::Layout};

/// What the last run said; `None` before the first.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read(layout: &Layout) -> Result<Option<BackupStatus>, Problem> {
    files::read_json(&layout.backup_status())
}

/// Changes one part of it (a proof, a check) under a lock; does nothing before the first run.
///
/// # Errors
/// When the file cannot be read or written.
pub(crate) fn update(layout: &Layout, change: impl FnOnce(&mut BackupStatus)) -> Result<(), Problem> {
    replace(layout, |former| {
        former.map(|mut status| {
            change(&mut status);
            status
        })
    })
}

/// Writes what follows from the former status, under the same lock.
///
/// # Errors
/// When the file cannot be read or written.
pub(super) fn replace(
    layout: &Layout,
    follow: impl FnOnce(Option<BackupStatus>) -> Option<BackupStatus>,
) -> Result<(), Problem> {
    let _guard = Guard::wait(&super::folder(layout).join("status.guard"))?;
    // A file that cannot be read must not keep the next run from telling how it went.
    let former = read(layout).unwrap_or_else(|problem| {
        tracing::warn!("the former backup-status.json is not understood: {problem}");
        None
    });
    match follow(former) {
        Some(status) => write(layout, &status),
        None => Ok(()),
    }
}

/// Pretty, and readable: people read it too (runbook 4.4), and it holds no secret.
fn write(layout: &Layout, status: &BackupStatus) -> Result<(), Problem> {
    let path = layout.backup_status();
    let mut text = serde_json::to_vec_pretty(status).map_err(|error| files::unusable(&path, error))?;
    text.push(b'\n');
    files::write_readable(&path, &text)
}
