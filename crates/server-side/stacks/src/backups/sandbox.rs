//! What the units may do that work on backups: they need root's right to read every file of a tool and to put it back, and
//! nothing else of what root may do.

use crate::hardening;

/// Settings of each such unit, as systemd has them: of the nightly one in its file, of those that are started by hand or for
/// the Hub as properties. What writes set-user-ID files must stay possible: a restore brings them back.
const SANDBOX: [&str; 24] = [
    "UMask=0077",
    "MemoryMax=1G",
    "TasksMax=512",
    "NoNewPrivileges",
    "ProtectSystem",
    "ReadWritePaths=-/opt/letsbe -/run/letsbe -/var/log/letsbe -/var/lib/docker/volumes",
    "ProtectHome=read-only",
    "PrivateTmp",
    "PrivateDevices",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectControlGroups",
    "ProtectClock",
    "ProtectHostname",
    "LockPersonality",
    "MemoryDenyWriteExecute=yes",
    "RestrictRealtime",
    "RestrictNamespaces",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures",
    "SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self",
    "SystemCallErrorNumber",
    "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_SETFCAP CAP_KILL",
];

/// The same, whole: each as systemd takes it.
pub fn sandbox() -> impl Iterator<Item = String> {
    hardening::lines(&SANDBOX)
}

/// A backup leaves the machine to the tools.
pub const BACKGROUND: [&str; 3] = ["Nice=10", "IOSchedulingClass=idle", "CPUWeight=20"];

/// The unit file of the nightly run.
pub(crate) fn nightly_unit() -> String {
    format!(
        "# Written by letsbe-node.
[Unit]
Description=LetsBe nightly backup
After=network-online.target docker.service
Wants=network-online.target

[Service]
Type=oneshot
ExecStart=/opt/letsbe/bin/letsbe-node backup nightly
# Whatever happened, no tool stays paused.
ExecStopPost=/opt/letsbe/bin/letsbe-node backup resume
TimeoutStartSec=8h
{}
{}
",
        BACKGROUND.join("\n"),
        hardening::text(&SANDBOX)
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{SANDBOX, nightly_unit};
    use crate::hardening;

    /// What may be exposed, by `systemd-analyze security`: 0 is nothing, 10 everything that root may do.
    const MOST: f64 = 4.0;

    fn exposure(name: &str, text: &str) -> f64 {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        // The program is not on this machine.
        let text: String = text
            .lines()
            .map(|line| match line.split_once('=') {
                Some((key, _)) if key.starts_with("Exec") => format!("{key}=/bin/true\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        std::fs::write(&path, text).expect("written");
        let output = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(&path)
            .output()
            .expect("systemd-analyze: `apt-get install systemd`");
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let last = said
            .lines()
            .find(|line| line.contains("Overall exposure level"))
            .unwrap_or_else(|| panic!("{said}"));
        println!("{last}");
        assert!(!said.contains("Unknown") && !said.contains("ignoring"), "{said}");
        last.rsplit(": ").next().and_then(|end| end.split(' ').next()?.parse().ok()).expect("a number")
    }

    /// The provisioning run (`letsbe-run-…`) is not among them: it installs packages, writes to `/etc` and restarts services,
    /// so it may do what root may. So may work of the agent that is neither backup nor restore (updates, rotations).
    #[test]
    fn each_unit_that_stays_or_works_on_backups_exposes_little() {
        let transient =
            format!("[Service]\nType=oneshot\nExecStart=/bin/true\n{}\n", hardening::text(&SANDBOX));
        let bound = crate::UploadBound { bytes: 10, files: 1000 };
        let hub = include_str!("../../../../../deploy/letsbe-hub.service");
        for (name, text) in [
            ("letsbe-backup.service", nightly_unit()),
            ("letsbe-restore-7.service", transient),
            ("letsbe-agent.service", crate::agent_unit().content.expose().clone()),
            ("letsbe-sftp.service", crate::upload_unit("/opt/letsbe/data/static-website")),
            ("letsbe-sftp-watch.service", crate::upload_watch_unit("/opt/letsbe", bound)),
            ("letsbe-hub.service", hub.to_owned()),
        ] {
            let found = exposure(name, &text);
            assert!(found <= MOST, "{name} exposes {found}, at most {MOST}");
        }
        assert!(
            exposure("open.service", "[Service]\nExecStart=/bin/true\n") > 9.0,
            "what is open is seen to be"
        );
    }
}
