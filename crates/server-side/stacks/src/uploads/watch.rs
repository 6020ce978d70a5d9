//! The watch over what is uploaded: a service of its own, which closes uploads and opens them again.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use letsbe_host::{Command, FileWrite, Machine, MachineError, operations::UPLOAD_SERVICE};
use letsbe_protocol::NodeCommand;
use letsbe_types::{Code, Problem};

use super::{
    count::count,
    quota::{Bound, Disk, Full, Usage, decide},
    settings::{COUNTING, FULL, FULL_BANNER, full_settings, kept_from},
};
use crate::reading::unreadable;

pub(super) const WATCH_SERVICE: &str = "letsbe-sftp-watch.service";
pub(super) const WATCH_UNIT_FILE: &str = "/etc/systemd/system/letsbe-sftp-watch.service";
/// The folder is counted at least so often, and closed uploads are opened at most so often.
const EVERY: Duration = Duration::from_secs(60);
/// Between two counts lie so many times what one takes, and no more than a while.
const REST: u32 = 10;
const LONGEST_REST: Duration = Duration::from_secs(10);

/// Watches one folder.
pub struct Watch {
    folder: PathBuf,
    bound: Bound,
    disk: fn(&Path) -> std::io::Result<Disk>,
    last: Option<Count>,
    /// What was written for the service last; `None` before anything was.
    written: Option<Option<Full>>,
}

struct Count {
    held: Usage,
    disk: Disk,
    ended: Instant,
    took: Duration,
}

impl Watch {
    /// Watches the folder at this path, as this process sees it.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, bound: Bound) -> Self {
        Self { folder: folder.into(), bound, disk, last: None, written: None }
    }

    /// One check: uploads are closed or opened if it is time. Answers why they are closed.
    ///
    /// # Errors
    /// The disk cannot be asked, or the service not be restarted; it is tried again with the next check.
    pub async fn check(&mut self, machine: &dyn Machine, now: Instant) -> Result<Option<Full>, Problem> {
        let disk = self.disk()?;
        let before = match self.written {
            Some(written) => written,
            // A previous process may have closed them; the reason is found again.
            None => is_there(machine, FULL).await?.then_some(Full::Bytes),
        };
        let held = self.last.as_ref().map(|last| last.held).unwrap_or_default();
        let wanted = decide(&held, &disk, self.bound, before);
        let is_due = self.last.as_ref().is_none_or(|last| self.is_due(last, &disk, now));
        // A count takes its time, and on a low disk whatever it finds changes nothing.
        if wanted == Some(Full::Disk) || !is_due {
            return self.apply(machine, before, wanted.or(before)).await;
        }
        let before = match is_there(machine, COUNTING).await? {
            // Whoever watched before died while he counted, and this one may, too.
            true if self.written.is_none() => self.apply(machine, before, Some(Full::Unread)).await?,
            _ => before,
        };
        let mark = FileWrite::new(COUNTING, 0o644, "A count has begun.\n".to_owned());
        machine.write(&mark).await.map_err(|error| unreadable(&error))?;
        let held = self.count(disk, before, now);
        machine.remove(COUNTING.as_ref()).await.map_err(|error| unreadable(&error))?;
        let wanted = decide(&held, &self.disk()?, self.bound, before);
        self.apply(machine, before, wanted).await
    }

    fn disk(&self) -> Result<Disk, Problem> {
        (self.disk)(&self.folder).map_err(|error| unreadable(&failed(&self.folder, error)))
    }

    fn count(&mut self, disk: Disk, before: Option<Full>, now: Instant) -> Usage {
        let is_low = || {
            let nothing = Usage::default();
            self.disk().is_ok_and(|disk| decide(&nothing, &disk, self.bound, before) == Some(Full::Disk))
        };
        let begun = Instant::now();
        let held = count(&self.folder, self.bound, is_low);
        let took = begun.elapsed();
        self.last = Some(Count { held, disk, ended: now + took, took });
        held
    }

    /// The folder cannot have grown by more than the disk has shrunk, unless others have freed some.
    fn is_due(&self, last: &Count, disk: &Disk, now: Instant) -> bool {
        let since = now.saturating_duration_since(last.ended);
        let is_spent = |before: u64, after: u64, left: u64| before.saturating_sub(after) >= left.max(1);
        let bytes_left = self.bound.bytes.saturating_sub(last.held.bytes);
        let files_left = self.bound.files.saturating_sub(last.held.files);
        since >= EVERY
            || (since >= last.took.saturating_mul(REST).min(LONGEST_REST)
                && (is_spent(last.disk.free, disk.free, bytes_left)
                    || is_spent(last.disk.free_files, disk.free_files, files_left)))
    }

    async fn apply(
        &mut self,
        machine: &dyn Machine,
        before: Option<Full>,
        wanted: Option<Full>,
    ) -> Result<Option<Full>, Problem> {
        if self.written != Some(wanted) {
            self.write(machine, before, wanted).await?;
            self.written = Some(wanted);
        }
        Ok(wanted)
    }

    /// The service is restarted when uploads are closed: present connections are cut off.
    async fn write(
        &self,
        machine: &dyn Machine,
        before: Option<Full>,
        wanted: Option<Full>,
    ) -> Result<(), Problem> {
        let unwritable = |error: MachineError| unreadable(&error);
        if let Some(full) = wanted {
            for (path, text) in
                [(FULL_BANNER, full.to_owner(self.bound)), (FULL, full_settings(full.in_words()))]
            {
                machine.write(&FileWrite::new(path, 0o644, text)).await.map_err(unwritable)?;
            }
            tracing::warn!("nothing more can be uploaded: {}", full.in_words());
        } else if before.is_some() {
            for path in [FULL, FULL_BANNER] {
                machine.remove(path.as_ref()).await.map_err(unwritable)?;
            }
            tracing::info!("there is room again: uploads are taken");
        }
        let is_known = self.written.is_some() && before.is_some() == wanted.is_some();
        if is_known || (before, wanted) == (None, None) {
            return Ok(());
        }
        let restart = Command::words(&format!("systemctl try-restart --quiet {UPLOAD_SERVICE}"));
        let output = machine.run(&restart).await.map_err(unwritable)?;
        if output.success() {
            return Ok(());
        }
        let hint = "Look at it: `systemctl status letsbe-sftp`";
        Err(Problem::transient(Code::NODE040, format!("{restart} failed: {}", output.tail()), hint))
    }
}

fn failed(path: &Path, error: std::io::Error) -> MachineError {
    MachineError::File { path: path.to_owned(), source: error }
}

fn disk(folder: &Path) -> std::io::Result<Disk> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(Disk {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        all: found.f_blocks.saturating_mul(found.f_frsize),
        free_files: found.f_favail,
        all_files: found.f_files,
    })
}

async fn is_there(machine: &dyn Machine, path: &str) -> Result<bool, Problem> {
    Ok(machine.read(path.as_ref()).await.map_err(|error| unreadable(&error))?.is_some())
}

/// Its unit. Root's rights are one: to read whatever its owner has closed.
pub(crate) fn watch_unit(path: &str, bound: Bound) -> String {
    let Bound { bytes, files } = bound;
    let start = NodeCommand::WatchUploads { folder: path.into(), bytes, files }.as_line();
    format!(
        "# Written by LetsBe.
[Unit]
Description=LetsBe: how much is uploaded
Before={UPLOAD_SERVICE}
StartLimitIntervalSec=0

[Service]
ExecStart={start}
Restart=always
RestartSec=5
UMask=0022
MemoryMax=64M
TasksMax=32
Nice=5
# Only this service writes there, and sshd reads it before all else.
StateDirectory=letsbe-sftp
StateDirectoryMode=0755
PrivateNetwork=yes
{}

[Install]
WantedBy=multi-user.target
",
        kept_from([
            "RestrictAddressFamilies=AF_UNIX",
            "SystemCallFilter=@system-service",
            "CapabilityBoundingSet=CAP_DAC_READ_SEARCH",
        ])
    )
}

#[cfg(test)]
mod tests;
