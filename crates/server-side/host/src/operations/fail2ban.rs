//! Step 7: whoever guesses keys is shut out for a while.

use async_trait::async_trait;
use letsbe_catalog::UPLOAD_PORT;
use letsbe_types::{Problem, job::DesiredServer};

use super::{SSH_PORT, UPLOAD_SERVICE};
use crate::{
    change::{Change, Command, FileWrite},
    facts::{
        ask, holds,
        services::{Unit, units},
    },
    machine::Machine,
    operation::{Assessment, Converge},
};

const JAIL: &str = "/etc/fail2ban/jail.d/letsbe.local";

/// As the packaged filter for sshd, for the lines of the service that takes uploads.
const UPLOAD_FILTER: &str = "/etc/fail2ban/filter.d/letsbe-sftp.conf";

fn upload_filter() -> String {
    format!(
        "# Written by LetsBe.\n[INCLUDES]\nbefore = sshd.conf\n\n\
         [Definition]\njournalmatch = _SYSTEMD_UNIT={UPLOAD_SERVICE}\n"
    )
}

/// fail2ban on the ports of the SSH servers.
pub(super) struct Fail2ban {
    /// Whether the owner of a tool uploads to it.
    pub(super) uploads: bool,
}

/// What is there.
pub(super) struct Found {
    written: bool,
    /// The filter for uploads is as it should be, where it is needed.
    filter: bool,
    /// When our file was written, in seconds since 1970.
    written_at: u64,
    service: Unit,
}

/// The journal, because there is no auth.log on Debian 12 (as packaged, fail2ban fails to start there); iptables,
/// because nftables' program is not installed; both ports, because 22 is open until the move is confirmed. Ten tries,
/// because a provisioner that is started anew may ask as the wrong user first, and keys cannot be guessed anyway.
fn jail(uploads: bool) -> String {
    let sshd = format!(
        "# Written by LetsBe.\n[DEFAULT]\nbanaction = iptables-multiport\nbanaction_allports = iptables-allports\n\n\
         [sshd]\nenabled = true\nbackend = systemd\nmaxretry = 10\nport = 22,{SSH_PORT}\n"
    );
    if !uploads {
        return sshd;
    }
    format!("{sshd}\n[letsbe-sftp]\nenabled = true\nbackend = systemd\nmaxretry = 10\nport = {UPLOAD_PORT}\n")
}

#[async_trait]
impl Converge for Fail2ban {
    type Facts = Found;
    const NAME: &'static str = "fail2ban.guarding";
    const STEP: u8 = 7;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let name = "fail2ban.service";
        Ok(Found {
            written: holds(machine, JAIL, 0o644, &jail(self.uploads)).await?,
            filter: !self.uploads || holds(machine, UPLOAD_FILTER, 0o644, &upload_filter()).await?,
            written_at: ask(machine, &format!("stat -c %Y {JAIL}")).await?.stdout.trim().parse().unwrap_or(0),
            service: units(machine, &[name]).await?.remove(name).unwrap_or_default(),
        })
    }

    fn converge(&self, found: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        let (mut because, mut changes) = (Vec::new(), Vec::new());
        if !found.filter {
            because.push("its filter for uploads is not ours");
            changes.push(Change::Write(FileWrite::new(UPLOAD_FILTER, 0o644, upload_filter())));
        }
        if !found.written {
            because.push("its jails are not ours");
            changes.push(Change::Write(FileWrite::new(JAIL, 0o644, jail(self.uploads))));
        }
        if !found.service.starts_at_boot() {
            because.push("it is not started at boot");
            changes.push(Change::Run(Command::words("systemctl enable fail2ban.service")));
        }
        // Asking fail2ban itself takes a quarter of a second: a start after the last writing says the same.
        let changed = !found.written || !found.filter;
        if changed || !found.service.active || found.service.active_since < found.written_at {
            because.push("it does not run with it");
            changes.push(Change::Run(Command::words("systemctl reset-failed fail2ban.service")));
            changes.push(Change::Run(Command::words("systemctl restart fail2ban.service")));
        }
        if changes.is_empty() {
            let uploads = if self.uploads { format!(", and {UPLOAD_PORT}") } else { String::new() };
            return Ok(Assessment::converged(format!("fail2ban guards ports 22 and {SSH_PORT}{uploads}")));
        }
        Ok(Assessment::needed(format!("fail2ban: {}", because.join("; ")), changes))
    }
}
