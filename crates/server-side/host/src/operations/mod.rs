//! What a tenant's server must be, step by step (runbook 3.2, steps 1 to 8).

mod admin;
pub mod commands;
mod conflicts;
mod docker;
mod docker_packages;
mod fail2ban;
mod firewall;
mod folders;
mod identity;
mod packages;
pub mod ssh;
pub mod ssh_files;
pub mod ssh_settings;
mod ssh_state;
mod timezone;
mod updates;

use std::collections::BTreeSet;

use crate::{change::Command, operation::Operation};
use letsbe_catalog::UPLOAD_PORT;

/// Where everything of ours lives.
pub const HOME: &str = "/opt/letsbe";
/// Where our own records lie.
pub const STATE: &str = "/opt/letsbe/state";
/// The node program.
pub const NODE: &str = "/opt/letsbe/bin/letsbe-node";
/// The same, where people and `sudo` find it.
pub const NODE_ON_PATH: &str = "/usr/local/bin/letsbe-node";
/// The only user who may log in from outside.
pub const ADMIN: &str = "letsbe-admin";
/// The SSH server that takes uploads and does nothing else, where the owner of a tool uploads to it.
pub const UPLOAD_SERVICE: &str = "letsbe-sftp.service";
/// The SSH port of a provisioned server.
pub const SSH_PORT: u16 = 22022;

/// Steps 1 to 8, sorted by step; `ports` are those that the selected tools need open.
#[must_use]
pub fn server_operations(ports: &BTreeSet<u16>) -> Vec<Box<dyn Operation>> {
    vec![
        Box::new(identity::Identity),
        Box::new(folders::Folders),
        Box::new(packages::Upgraded),
        Box::new(packages::Installed),
        Box::new(timezone::Timezone),
        Box::new(docker_packages::DockerPackages),
        Box::new(docker::Engine),
        Box::new(conflicts::Conflicts),
        Box::new(folders::NginxFolders),
        Box::new(firewall::Firewall { tools: ports.clone() }),
        Box::new(admin::AdminUser),
        Box::new(commands::AdminCommands),
        Box::new(ssh::SshMove::default()),
        Box::new(fail2ban::Fail2ban { uploads: ports.contains(&UPLOAD_PORT) }),
        Box::new(packages::Conveniences),
        Box::new(updates::SecurityUpdates::default()),
    ]
}

/// `apt-get update` that fails when a list cannot be fetched. By itself apt only warns and goes on with no lists at
/// all; the upgrade after it would then find nothing to do and be recorded as done.
fn apt_update(words: &str) -> Command {
    apt_get(format!("update -o APT::Update::Error-Mode=any {words}").trim_end())
}

/// `apt-get` that asks nobody, waits for the lock, keeps changed configuration and tries again.
fn apt_get(words: &str) -> Command {
    let options = "-q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 \
                   -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold";
    Command::words(&format!("apt-get {options} {words}"))
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("NEEDRESTART_SUSPEND", "1")
        .within(std::time::Duration::from_secs(900))
        .retried(2)
}
