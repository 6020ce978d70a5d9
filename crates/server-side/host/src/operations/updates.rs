//! Step 8: security updates, without anybody asking.

use async_trait::async_trait;
use letsbe_types::{Problem, job::DesiredServer};

use crate::{
    change::{Change, Command, FileWrite},
    facts::{
        holds,
        services::{Units, units},
        system::{OsRelease, parse_os_release},
        text_of,
    },
    machine::Machine,
    operation::{Assessment, Converge},
};

const PERIODIC: &str = "/etc/apt/apt.conf.d/20auto-upgrades";
const PERIODIC_TEXT: &str = "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\nAPT::Periodic::AutocleanInterval \"7\";\n";
/// Read after the distribution's 50unattended-upgrades.
const SECURITY: &str = "/etc/apt/apt.conf.d/52letsbe";
const UNITS: [&str; 3] = ["apt-daily.timer", "apt-daily-upgrade.timer", "unattended-upgrades.service"];

/// Security updates of the distribution only; Docker never, because it would restart customers' containers.
pub(super) struct SecurityUpdates {
    /// When the server may restart itself after an update that needs it, `HH:MM` in its own time zone.
    pub(super) restart_at: &'static str,
}

impl Default for SecurityUpdates {
    fn default() -> Self {
        Self { restart_at: "04:00" }
    }
}

/// What is there.
pub(super) struct Found {
    os: OsRelease,
    periodic: bool,
    security: bool,
    units: Units,
}

impl SecurityUpdates {
    /// apt adds up lists over all its files: the distribution's own must be cleared first.
    fn settings(&self, os: &OsRelease) -> String {
        let origins = if os.id == "ubuntu" {
            "Unattended-Upgrade::Allowed-Origins {\n  \"${distro_id}:${distro_codename}-security\";\n  \
             \"${distro_id}ESMApps:${distro_codename}-apps-security\";\n  \
             \"${distro_id}ESM:${distro_codename}-infra-security\";\n};\n"
        } else {
            "Unattended-Upgrade::Origins-Pattern {\n  \
             \"origin=Debian,codename=${distro_codename}-security,label=Debian-Security\";\n};\n"
        };
        format!(
            "// Written by LetsBe: security updates only.\n#clear Unattended-Upgrade::Origins-Pattern;\n\
             #clear Unattended-Upgrade::Allowed-Origins;\n{origins}\
             Unattended-Upgrade::Package-Blacklist {{\n  \"^docker\";\n  \"^containerd\";\n  \"^runc$\";\n}};\n\
             Unattended-Upgrade::Automatic-Reboot \"true\";\n\
             Unattended-Upgrade::Automatic-Reboot-WithUsers \"true\";\n\
             Unattended-Upgrade::Automatic-Reboot-Time \"{}\";\n",
            self.restart_at
        )
    }
}

#[async_trait]
impl Converge for SecurityUpdates {
    type Facts = Found;
    const NAME: &'static str = "updates.automatic";
    const STEP: u8 = 8;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let os = parse_os_release(&text_of(machine, "/etc/os-release").await?.unwrap_or_default());
        Ok(Found {
            periodic: holds(machine, PERIODIC, 0o644, PERIODIC_TEXT).await?,
            security: holds(machine, SECURITY, 0o644, &self.settings(&os)).await?,
            units: units(machine, &UNITS).await?,
            os,
        })
    }

    fn converge(&self, found: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        let (mut because, mut changes) = (Vec::new(), Vec::new());
        if !found.security {
            because.push("what is updated is not limited to security".to_owned());
            changes.push(Change::Write(FileWrite::new(SECURITY, 0o644, self.settings(&found.os))));
        }
        if !found.periodic {
            because.push("updates are not made daily".to_owned());
            changes.push(Change::Write(FileWrite::new(PERIODIC, 0o644, PERIODIC_TEXT)));
        }
        let idle: Vec<&str> = UNITS
            .into_iter()
            .filter(|name| !found.units.get(*name).is_some_and(|unit| unit.runs()))
            .collect();
        if !idle.is_empty() {
            because.push(format!("not running: {}", idle.join(", ")));
            changes.push(Change::Run(Command::words(&format!("systemctl unmask {}", idle.join(" ")))));
            changes.push(Change::Run(Command::words(&format!("systemctl enable --now {}", idle.join(" ")))));
        }
        if changes.is_empty() {
            return Ok(Assessment::converged(format!(
                "security updates daily, restart at {} when needed, Docker left out",
                self.restart_at
            )));
        }
        Ok(Assessment::needed(because.join("; "), changes))
    }
}
