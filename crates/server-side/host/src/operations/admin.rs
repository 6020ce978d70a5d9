//! Step 6: the only user who may log in.

use std::path::Path;

use async_trait::async_trait;
use letsbe_protocol::desired::authorized_keys;
use letsbe_types::{Code, Problem, job::DesiredServer, paths::NODE_PROGRAM};

use super::{ADMIN, NODE_ON_PATH};
use crate::{
    change::{Change, Command, FileWrite},
    facts::{
        ask, holds,
        system::{Account, parse_account, parse_group_members, parse_password_locked},
        text_of,
    },
    machine::Machine,
    operation::{Assessment, Converge},
};

const SHELL: &str = "/bin/bash";
const SUDOERS: &str = "/etc/sudoers.d/letsbe-admin";
/// sudo does not read names with a dot: the file is checked there before it counts.
const SUDOERS_NEW: &str = "/etc/sudoers.d/letsbe-admin.new";

/// Groups that it is in, where they exist, and what is said when it is not.
const GROUPS: [(&str, &str); 2] =
    [("docker", "not in the group docker"), ("systemd-journal", "not in the group systemd-journal")];
/// What it may run as root besides the node program: exactly these, and each of them only looks (or, for the last one,
/// does what certbot's own timer does).
const LOOKS: [&str; 9] = [
    "/usr/sbin/ufw status",
    "/usr/sbin/ufw status verbose",
    "/usr/sbin/ufw status numbered",
    "/usr/sbin/iptables -L DOCKER-USER",
    "/usr/sbin/iptables -L letsbe-input",
    "/usr/bin/fail2ban-client status",
    "/usr/bin/fail2ban-client status sshd",
    "/usr/bin/certbot certificates",
    "/usr/bin/certbot renew",
];

/// The user `letsbe-admin`: keys only, Docker, the journal, and root's rights for the node program and for looking.
pub(super) struct AdminUser;

/// What is there.
pub(super) struct Found {
    account: Option<Account>,
    locked: bool,
    /// Of [`GROUPS`], those that exist (`docker` comes with Docker), and whether it is in them.
    groups: Vec<(&'static str, &'static str, bool)>,
    keys: Option<String>,
    /// Lines `<mode>|<owner>:<group>|<path>` of the home folder, `.ssh` and `authorized_keys`.
    modes: Vec<String>,
    sudoers: bool,
}

fn sudoers() -> String {
    format!(
        "# Written by LetsBe. Root's rights for one program, and for looking.\n\
         {ADMIN} ALL=(root) NOPASSWD: {NODE_PROGRAM}, {NODE_ON_PATH}\n\
         {ADMIN} ALL=(root) NOPASSWD: {}\n",
        LOOKS.join(", ")
    )
}

#[async_trait]
impl Converge for AdminUser {
    type Facts = Found;
    const NAME: &'static str = "admin.user";
    const STEP: u8 = 6;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let passwd = text_of(machine, "/etc/passwd").await?.unwrap_or_default();
        let group = text_of(machine, "/etc/group").await?.unwrap_or_default();
        let shadow = text_of(machine, "/etc/shadow").await?.unwrap_or_default();
        let account = parse_account(&passwd, ADMIN);
        let home = account.as_ref().map_or_else(|| format!("/home/{ADMIN}"), |account| account.home.clone());
        let paths = format!("{home} {home}/.ssh {home}/.ssh/authorized_keys");
        Ok(Found {
            locked: parse_password_locked(&shadow, ADMIN),
            groups: GROUPS
                .into_iter()
                .filter_map(|(name, missing)| {
                    let members = parse_group_members(&group, name)?;
                    Some((name, missing, members.iter().any(|member| member == ADMIN)))
                })
                .collect(),
            keys: text_of(machine, Path::new(&home).join(".ssh/authorized_keys")).await?,
            modes: ask(machine, &format!("stat -c %F|%a|%U:%G|%n {paths}"))
                .await?
                .stdout
                .lines()
                .map(str::to_owned)
                .collect(),
            sudoers: holds(machine, SUDOERS, 0o440, &sudoers()).await?,
            account,
        })
    }

    fn converge(&self, found: &Self::Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let keys = authorized_keys(desired)?;
        let (mut because, mut changes) = account_changes(found)?;
        let home =
            found.account.as_ref().map_or_else(|| format!("/home/{ADMIN}"), |found| found.home.clone());
        let owner = format!("{ADMIN}:{ADMIN}");
        let ssh = format!("{home}/.ssh");
        // The SSH server refuses keys below a folder that others may write to.
        let home_modes = ["700", "750", "755"].map(|mode| format!("directory|{mode}|{owner}|{home}"));
        if found.account.is_some() && !home_modes.iter().any(|line| found.modes.contains(line)) {
            because.push("its home is not its own");
            changes.push(Change::MakeFolder {
                path: home.clone().into(),
                mode: 0o750,
                owner: Some(owner.clone()),
            });
        }
        if !found.modes.contains(&format!("directory|700|{owner}|{ssh}")) {
            because.push("no folder for keys");
            changes.push(Change::MakeFolder {
                path: ssh.clone().into(),
                mode: 0o700,
                owner: Some(owner.clone()),
            });
        }
        let file = format!("{ssh}/authorized_keys");
        let file_mode = format!("regular file|600|{owner}|{file}");
        if found.keys.as_deref() != Some(keys.as_str()) || !found.modes.contains(&file_mode) {
            because.push("its keys are not exactly ours");
            changes.push(Change::Write(FileWrite::new(file, 0o600, keys).owned_by(&owner)));
        }
        if !found.sudoers {
            because.push("its rights are not exactly ours");
            changes.extend([
                Change::Write(FileWrite::new(SUDOERS_NEW, 0o440, sudoers())),
                Change::Run(Command::words(&format!("visudo -c -f {SUDOERS_NEW}"))),
                Change::Run(Command::words(&format!("mv -f {SUDOERS_NEW} {SUDOERS}"))),
            ]);
        }
        if changes.is_empty() {
            return Ok(Assessment::converged(format!(
                "{ADMIN} logs in with {} keys and has rights for the node program and for looking only",
                desired.admin_keys.len()
            )));
        }
        Ok(Assessment::needed(format!("{ADMIN}: {}", because.join("; ")), changes))
    }
}

fn account_changes(found: &Found) -> Result<(Vec<&'static str>, Vec<Change>), Problem> {
    let (mut because, mut changes) = (Vec::new(), Vec::new());
    match &found.account {
        None => {
            because.push("there is no such user");
            let groups: Vec<&str> = found.groups.iter().map(|(name, ..)| *name).collect();
            let groups = if groups.is_empty() { String::new() } else { format!(" -G {}", groups.join(",")) };
            changes.push(Change::Run(Command::words(&format!("useradd -m -U -s {SHELL}{groups} {ADMIN}"))));
        }
        Some(account) if account.uid == 0 => {
            return Err(Problem::permanent(
                Code::HOST016,
                format!("the user {ADMIN} exists with the rights of root (uid 0)"),
                "Somebody has tampered with the server. Have it installed anew.",
            ));
        }
        Some(account) => {
            if account.shell != SHELL {
                because.push("another shell");
                changes.push(Change::Run(Command::words(&format!("usermod -s {SHELL} {ADMIN}"))));
            }
            for (name, missing, _) in found.groups.iter().filter(|(.., is_member)| !is_member) {
                because.push(*missing);
                changes.push(Change::Run(Command::words(&format!("usermod -a -G {name} {ADMIN}"))));
            }
            if !found.locked {
                because.push("has a password");
                changes.push(Change::Run(Command::words(&format!("usermod -L {ADMIN}"))));
            }
        }
    }
    Ok((because, changes))
}
