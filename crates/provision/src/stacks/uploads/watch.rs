//! The watch over what is uploaded: a service of its own, which closes uploads and opens them again.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use letsbe_host::{Command, FileWrite, Machine, MachineError, operations::UPLOAD_SERVICE};
use letsbe_types::Problem;

use super::{
    room::{Bound, Disk, Full, Held, decide},
    settings::{FULL, FULL_BANNER, full_settings},
};
use crate::{hardening, stacks::reading::unreadable};

pub(super) const WATCH_SERVICE: &str = "letsbe-sftp-watch.service";
pub(super) const WATCH_UNIT_FILE: &str = "/etc/systemd/system/letsbe-sftp-watch.service";
/// The folder is counted at least so often, and closed uploads are opened at most so often.
const EVERY: Duration = Duration::from_secs(60);
/// Between two counts lie so many times what one takes.
const REST: u32 = 10;

/// Watches one folder.
pub struct Watch {
    folder: PathBuf,
    bound: Bound,
    last: Option<Count>,
    /// What the service was told last; `None` before it was told anything.
    told: Option<Option<Full>>,
}

struct Count {
    held: Held,
    disk: Disk,
    ended: Instant,
    took: Duration,
}

impl Watch {
    /// Watches the folder at this path, as this process sees it.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, bound: Bound) -> Self {
        Self { folder: folder.into(), bound, last: None, told: None }
    }

    /// One look: uploads are closed or opened if it is time. Answers why they are closed.
    ///
    /// # Errors
    /// The disk cannot be asked, or the service not be told; it is tried again with the next look.
    pub async fn look(&mut self, machine: &dyn Machine, now: Instant) -> Result<Option<Full>, Problem> {
        let disk = disk(&self.folder).map_err(|error| unreadable(&failed(&self.folder, error)))?;
        let before = match self.told {
            Some(told) => told,
            // Whoever watched before may have closed them; why is found anew.
            None => {
                machine.read(FULL.as_ref()).await.map_err(|error| unreadable(&error))?.map(|_| Full::Bytes)
            }
        };
        let is_due = self.last.as_ref().is_none_or(|last| self.is_due(last, &disk, now));
        if is_due {
            let held = count(&self.folder, self.bound.files);
            let ended = Instant::now();
            self.last = Some(Count { held, disk, ended, took: ended.saturating_duration_since(now) });
        }
        let held = self.last.as_ref().map(|last| last.held).unwrap_or_default();
        let wanted = match decide(&held, &disk, self.bound, before) {
            None if before.is_some() && !is_due => before,
            wanted => wanted,
        };
        if self.told != Some(wanted) {
            self.tell(machine, before, wanted).await?;
            self.told = Some(wanted);
        }
        Ok(wanted)
    }

    /// The folder cannot have grown by more than the disk has shrunk, unless others have freed some.
    fn is_due(&self, last: &Count, disk: &Disk, now: Instant) -> bool {
        let since = now.saturating_duration_since(last.ended);
        let is_spent = |before: u64, after: u64, left: u64| before.saturating_sub(after) >= left.max(1);
        let bytes_left = self.bound.bytes.saturating_sub(last.held.bytes);
        let files_left = self.bound.files.saturating_sub(last.held.files);
        since >= EVERY
            || (since >= last.took * REST
                && (is_spent(last.disk.free, disk.free, bytes_left)
                    || is_spent(last.disk.free_files, disk.free_files, files_left)))
    }

    /// A service that closes is started anew: whoever uploads just now is cut off.
    async fn tell(
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
        let is_known = self.told.is_some() && before.is_some() == wanted.is_some();
        if is_known || (before, wanted) == (None, None) {
            return Ok(());
        }
        let restart = Command::words(&format!("systemctl try-restart --quiet {UPLOAD_SERVICE}"));
        let output = machine.run(&restart).await.map_err(unwritable)?;
        if output.success() {
            return Ok(());
        }
        let hint = "Look at it: `systemctl status letsbe-sftp`";
        Err(Problem::transient("NODE040", format!("{restart} failed: {}", output.tail()), hint))
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

/// What a folder holds, as far as it needs to be known: the count ends at the bound of its files.
fn count(folder: &Path, most: u64) -> Held {
    let mut held = Held::default();
    for entry in walkdir::WalkDir::new(folder).min_depth(1).same_file_system(true) {
        let found = entry.and_then(|entry| entry.metadata());
        match found {
            Ok(found) => {
                held.files += 1;
                held.bytes = held.bytes.saturating_add(found.blocks().saturating_mul(512));
            }
            // Removed in the meantime.
            Err(error) if error.io_error().is_some_and(|why| why.kind() == std::io::ErrorKind::NotFound) => {}
            Err(_) => held.hides = true,
        }
        if held.files >= most {
            break;
        }
    }
    held
}

/// What it is kept from; see [`hardening`].
const HARDENING: [&str; 24] = [
    "NoNewPrivileges",
    "ProtectSystem",
    "ReadWritePaths=-/opt/letsbe/sftp",
    "ProtectHome=yes",
    "PrivateTmp",
    "PrivateDevices",
    "PrivateNetwork=yes",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectControlGroups",
    "ProtectClock",
    "ProtectHostname",
    "KeyringMode=private",
    "LockPersonality",
    "MemoryDenyWriteExecute=yes",
    "RestrictRealtime",
    "RestrictSUIDSGID=yes",
    "RestrictNamespaces",
    "RestrictAddressFamilies=AF_UNIX",
    "SystemCallArchitectures",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber",
    "CapabilityBoundingSet=CAP_DAC_READ_SEARCH",
];

/// Its unit. Root's rights are one: to read whatever its owner has closed.
pub(crate) fn watch_unit(path: &str, bound: Bound) -> String {
    let Bound { bytes, files } = bound;
    format!(
        "# Written by LetsBe.
[Unit]
Description=LetsBe: how much is uploaded
Before={UPLOAD_SERVICE}
StartLimitIntervalSec=0

[Service]
ExecStart=/opt/letsbe/bin/letsbe-node watch-uploads --folder {path} --bytes {bytes} --files {files}
Restart=always
RestartSec=5
UMask=0022
MemoryMax=64M
TasksMax=32
Nice=5
{}

[Install]
WantedBy=multi-user.target
",
        hardening::text(&HARDENING)
    )
}
