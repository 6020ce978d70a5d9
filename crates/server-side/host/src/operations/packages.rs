//! Step 1: the system's packages.

use async_trait::async_trait;
use letsbe_types::{Problem, job::DesiredServer, paths::STATE};

use super::{apt_get, apt_update};
use crate::{
    change::{Change, Command, FileWrite},
    facts::{
        ask, names_in,
        packages::{Packages, is_installed, packages},
        text_of,
    },
    machine::Machine,
    operation::{Assessment, Converge},
};

/// The runbook's list, and what later steps need, in one transaction.
///
/// Left out on purpose: python3-certbot-nginx (nginx is a container; certificates come by webroot),
/// software-properties-common (we write sources ourselves) and apt-transport-https (part of apt since 1.5).
/// iotop-c and bind9-dnsutils are the names that all supported systems share.
const ESSENTIALS: [&str; 22] = [
    "bind9-dnsutils",
    "ca-certificates",
    "certbot",
    "curl",
    "fail2ban",
    "gnupg",
    "htop",
    "iotop-c",
    "iproute2",
    "iptables",
    "jq",
    "lsb-release",
    "net-tools",
    "openssh-server",
    "python3-systemd", // fail2ban reads the journal with it
    "rclone",
    "sudo",
    "tzdata",
    "ufw",
    "unattended-upgrades",
    "unzip",
    "wget",
];

/// What makes a terminal pleasant, and nothing of ours runs on.
const CONVENIENCES: [&str; 2] = ["bash-completion", "man-db"];

/// Says that the one upgrade of a fresh machine was made; from then on step 8 keeps it up to date.
const UPGRADED: &str = "upgraded once by provisioning; unattended upgrades follow\n";

/// The state of apt's and dpkg's own data.
pub(super) struct AptState {
    /// dpkg was stopped in the middle of something.
    interrupted: bool,
    /// The package lists are there and less than a day old.
    lists_fresh: bool,
}

async fn apt_state(machine: &dyn Machine) -> Result<AptState, Problem> {
    let audit = ask(machine, "dpkg --audit").await?;
    // dpkg leaves numbered files there until a change is complete; apt checks the same.
    let pending = names_in(machine, "/var/lib/dpkg/updates").await?;
    let recent = ask(machine, "find /var/lib/apt/lists -maxdepth 0 -mmin -1440").await?;
    let lists = names_in(machine, "/var/lib/apt/lists").await?;
    Ok(AptState {
        interrupted: !audit.stdout.trim().is_empty() || !pending.is_empty(),
        lists_fresh: !recent.stdout.trim().is_empty() && lists.iter().any(|name| name.contains("_Packages")),
    })
}

impl AptState {
    /// What must come before any installation.
    fn preparation(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.interrupted {
            // It fails where a package is only half unpacked; apt then mends that, but only after this was tried.
            let configure = Command::words("dpkg --configure -a --force-confdef --force-confold")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .within(std::time::Duration::from_secs(600))
                .tolerated();
            changes.push(Change::Run(configure));
        }
        if !self.lists_fresh {
            changes.push(Change::Run(apt_update("")));
        }
        if self.interrupted {
            changes.push(Change::Run(apt_get("install --fix-broken")));
        }
        changes
    }
}

/// A fresh machine is upgraded once.
pub(super) struct Upgraded;

#[async_trait]
impl Converge for Upgraded {
    type Facts = (AptState, bool);
    const NAME: &'static str = "packages.upgraded";
    const STEP: u8 = 1;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let done = text_of(machine, format!("{STATE}/upgraded")).await?.is_some();
        Ok((apt_state(machine).await?, done))
    }

    fn converge(&self, (apt, done): &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        if *done && !apt.interrupted {
            return Ok(Assessment::converged("upgraded before, and dpkg is in order"));
        }
        let mut changes = apt.preparation();
        if !done {
            changes.push(Change::Run(apt_get("upgrade --with-new-pkgs")));
            changes.push(Change::Write(FileWrite::new(format!("{STATE}/upgraded"), 0o644, UPGRADED)));
        }
        let because = if apt.interrupted {
            "dpkg was interrupted and must be repaired"
        } else {
            "the packages of this machine were never upgraded"
        };
        Ok(Assessment::needed(because, changes))
    }
}

/// The packages that all later steps build on.
pub(super) struct Installed;

#[async_trait]
impl Converge for Installed {
    type Facts = (AptState, Packages);
    const NAME: &'static str = "packages.installed";
    const STEP: u8 = 1;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        Ok((apt_state(machine).await?, packages(machine, &ESSENTIALS).await?))
    }

    fn converge(&self, (apt, found): &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        let missing: Vec<&str> = ESSENTIALS.into_iter().filter(|name| !is_installed(found, name)).collect();
        if missing.is_empty() {
            return Ok(Assessment::converged(format!("{} packages are installed", ESSENTIALS.len())));
        }
        let mut changes = apt.preparation();
        let names = missing.join(" ");
        changes.push(Change::Run(apt_get(&format!("install --no-install-recommends {names}"))));
        Ok(Assessment::needed(format!("not installed: {}", missing.join(", ")), changes))
    }
}

/// Packages for whoever works at a terminal. An archive that fails keeps nobody's server from being mended: this comes late,
/// is tried once, and is a warning where it does not work.
pub(super) struct Conveniences;

#[async_trait]
impl Converge for Conveniences {
    type Facts = (AptState, Packages);
    const NAME: &'static str = "packages.conveniences";
    const STEP: u8 = 8;
    const OPTIONAL: bool = true;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        Ok((apt_state(machine).await?, packages(machine, &CONVENIENCES).await?))
    }

    fn converge(&self, (apt, found): &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        let missing: Vec<&str> = CONVENIENCES.into_iter().filter(|name| !is_installed(found, name)).collect();
        if missing.is_empty() {
            return Ok(Assessment::converged(format!("installed: {}", CONVENIENCES.join(", "))));
        }
        let mut changes = Vec::new();
        if !apt.lists_fresh {
            changes.push(Change::Run(apt_update("").retried(0).tolerated()));
        }
        let install = apt_get(&format!("install --no-install-recommends {}", missing.join(" ")));
        changes.push(Change::Run(install.retried(0)));
        Ok(Assessment::needed(format!("not installed: {}", missing.join(", ")), changes))
    }
}
