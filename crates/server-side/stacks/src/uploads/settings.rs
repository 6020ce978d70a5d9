//! The files of the SSH server for uploads.

use letsbe_catalog::{UPLOAD_PORT, UPLOAD_USER};
use letsbe_host::operations::ssh_settings::algorithms;

use crate::hardening;

/// Its settings: where neither the operator's server reads them nor the agent may write.
pub(super) const CONFIGURATION: &str = "/etc/ssh/letsbe_sftp_config";
pub(super) const UNIT_FILE: &str = "/etc/systemd/system/letsbe-sftp.service";
/// While nothing more may be uploaded: what is set before all else, with the reason in its first line. The folder is the
/// watch's own.
pub const FULL: &str = "/var/lib/letsbe-sftp/full.conf";
/// And what the owner is told with each login.
pub(super) const FULL_BANNER: &str = "/var/lib/letsbe-sftp/full.txt";
/// There while the watch counts: it stays where that was the watch's end.
pub(super) const COUNTING: &str = "/var/lib/letsbe-sftp/counting";
/// How [`FULL`] begins.
const REASON: &str = "# Nothing more can be uploaded: ";
/// What the user sees as `/`.
const ROOT: &str = "/opt/letsbe/sftp/website";
/// Folders of root, and their modes: sshd takes no other for a root. The last one is where the tool's folder is seen.
pub(super) const FOLDERS: [(&str, u32); 3] =
    [("/opt/letsbe/sftp", 0o755), (ROOT, 0o755), ("/opt/letsbe/sftp/website/pages", 0o755)];

/// Requests that are never taken. What links name is nothing that belongs on a site; copies within the server fill a disk
/// quicker than anybody could see it.
const NEVER: &str = "symlink,hardlink,copy-data";

/// What is left to do is to make room. To open a file is refused, too: it empties the one of that name.
pub(super) fn full_settings(why: &str) -> String {
    format!(
        "{REASON}{why}\nBanner {FULL_BANNER}\n\
         ForceCommand internal-sftp -d /pages -u 0022 -P {NEVER},open,write,mkdir\n"
    )
}

/// Why nothing more can be uploaded, by the text of [`FULL`].
#[must_use]
pub fn full_reason(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix(REASON)
}

/// Passwords are random and of 256 bits; fail2ban counts who guesses.
pub(super) fn configuration() -> String {
    format!(
        "# Written by LetsBe. Uploads only: whoever operates this server logs in at another port.
Include {FULL}
Port {UPLOAD_PORT}
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_rsa_key
PidFile none
UsePAM no
AllowUsers {UPLOAD_USER}
PermitRootLogin no
AuthenticationMethods password
PasswordAuthentication yes
PubkeyAuthentication no
KbdInteractiveAuthentication no
PermitEmptyPasswords no
MaxAuthTries 3
LoginGraceTime 30
MaxStartups 10:30:30
PerSourceMaxStartups 5
MaxSessions 4
ClientAliveInterval 60
ClientAliveCountMax 5
ChrootDirectory {ROOT}
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d /pages -u 0022 -P {NEVER}
DisableForwarding yes
AllowTcpForwarding no
AllowStreamLocalForwarding no
AllowAgentForwarding no
X11Forwarding no
PermitTunnel no
GatewayPorts no
PermitTTY no
PermitUserRC no
PermitUserEnvironment no
UseDNS no
{}",
        algorithms()
    )
}

/// What both services of uploads are kept from; each says what it may besides: address families, system calls, and rights of
/// root.
pub(super) fn kept_from([families, calls, rights]: [&str; 3]) -> String {
    hardening::text(&[
        "NoNewPrivileges",
        "ProtectSystem",
        "ProtectHome=yes",
        "PrivateTmp",
        "PrivateDevices",
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
        families,
        "SystemCallArchitectures",
        calls,
        "SystemCallErrorNumber",
        rights,
    ])
}

/// The folder at `path` is seen by this service alone at its other place. Root's rights are those that sshd needs to become
/// the user and to shut it in.
pub(crate) fn unit(path: &str) -> String {
    format!(
        "# Written by LetsBe.
[Unit]
Description=LetsBe uploads (SFTP only)
After=network.target

[Service]
Type=notify
ExecStartPre=/usr/sbin/sshd -t -f {CONFIGURATION}
ExecStart=/usr/sbin/sshd -D -f {CONFIGURATION}
Restart=always
RestartSec=5
UMask=0022
MemoryMax=256M
TasksMax=64
BindPaths={path}:{ROOT}/pages
RuntimeDirectory=sshd
RuntimeDirectoryMode=0755
# The folder is the operator's SSH server's, too.
RuntimeDirectoryPreserve=yes
{}

[Install]
WantedBy=multi-user.target
",
        kept_from([
            "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
            "SystemCallFilter=@system-service chroot",
            "CapabilityBoundingSet=CAP_AUDIT_WRITE CAP_KILL CAP_SETGID CAP_SETUID CAP_SYS_CHROOT",
        ])
    )
}
