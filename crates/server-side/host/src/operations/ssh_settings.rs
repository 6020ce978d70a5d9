//! The SSH server's settings during and after the move, and how they are loaded.

use std::collections::BTreeSet;

use super::ADMIN;
use crate::{
    change::{Change, Command, FileWrite},
    facts::{
        ssh::SshdSettings,
        sshd_config::{ConfigFile, Place, commented, opens_port},
    },
};

/// Our drop-in file; the first value that sshd reads counts, hence its name.
pub const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-letsbe.conf";
/// Ports of systemd's socket, where that holds them; read after what Ubuntu's generator writes.
pub(super) const SOCKET_DROP_IN: &str = "/etc/systemd/system/ssh.socket.d/letsbe.conf";

/// Settings of the finished server that must be in effect, as `sshd -T` spells them. Key exchange, ciphers and MACs are
/// those that OpenSSH of Debian 12, 13, Ubuntu 22.04 and 24.04 all know, without the NIST curves, SHA-1 and short tags.
pub(super) const EFFECTIVE: [(&str, &str); 20] = [
    ("Port", "22022"),
    ("PermitRootLogin", "no"),
    ("PasswordAuthentication", "no"),
    ("KbdInteractiveAuthentication", "no"),
    ("PubkeyAuthentication", "yes"),
    ("MaxAuthTries", "3"),
    ("LoginGraceTime", "30"),
    ("AllowUsers", ADMIN),
    // Only the file that `admin.user` checks.
    ("AuthorizedKeysFile", ".ssh/authorized_keys"),
    ("PermitUserEnvironment", "no"),
    ("X11Forwarding", "no"),
    ("AllowTcpForwarding", "no"),
    ("AllowStreamLocalForwarding", "no"),
    ("AllowAgentForwarding", "no"),
    ("PermitTunnel", "no"),
    ("GatewayPorts", "no"),
    (
        "KexAlgorithms",
        "sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,\
         diffie-hellman-group16-sha512,diffie-hellman-group18-sha512",
    ),
    (
        "Ciphers",
        "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr",
    ),
    ("MACs", "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,umac-128-etm@openssh.com"),
    ("HostKeyAlgorithms", "ssh-ed25519,rsa-sha2-512,rsa-sha2-256"),
];

/// Former names of such settings.
const FORMER: [&str; 3] = ["challengeresponseauthentication", "dsaauthentication", "skeyauthentication"];

/// What would let somebody in, or keep our user out, besides them: wherever it stands.
const BESIDES: [&str; 10] = [
    "allowgroups",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeyscommanduser",
    "authorizedprincipalscommand",
    "authorizedprincipalsfile",
    "gssapiauthentication",
    "hostbasedauthentication",
    "permitemptypasswords",
    "trustedusercakeys",
];

/// Why a line of another file must not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Ports add up over all files.
    Port,
    /// It says otherwise for somebody.
    Exception,
    /// It says otherwise for everybody: it stands before our file, or is added to what that says.
    Override,
}

impl Why {
    /// What is written before such a line.
    const fn note(self) -> &'static str {
        match self {
            Self::Port => "# moved by LetsBe: ",
            Self::Exception => "# no exception, LetsBe: ",
            Self::Override => "# decided by LetsBe: ",
        }
    }

    /// In words, after the name of the file.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Port => "names another port",
            Self::Exception => "makes exceptions by Match",
            Self::Override => "says what counts more than ours",
        }
    }

    fn of(keyword: &str, words: &[String], places: &BTreeSet<Place>) -> Option<Self> {
        let ours =
            FORMER.contains(&keyword) || EFFECTIVE.iter().any(|(name, _)| name.eq_ignore_ascii_case(keyword));
        let off =
            words.iter().all(|word| matches!(word.to_ascii_lowercase().as_str(), "no" | "none" | "any"));
        let besides = BESIDES.contains(&keyword) && !off;
        // Lists of users add up, wherever they stand.
        let added = besides || keyword == "allowusers";
        if opens_port(keyword, words) {
            Some(Self::Port)
        } else if places.contains(&Place::Matched) && (ours || besides) {
            Some(Self::Exception)
        } else if added || (ours && places.contains(&Place::Before)) {
            Some(Self::Override)
        } else {
            None
        }
    }
}

/// A file of the configuration in which nothing takes from our settings, and why it did; `None` if nothing does.
#[must_use]
pub fn settled(file: &ConfigFile) -> Option<(String, BTreeSet<Why>)> {
    commented(file, DROP_IN, Why::of, Why::note)
}

/// The settings of the finished server.
#[must_use]
pub fn final_settings() -> String {
    let lines: String = EFFECTIVE.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
    format!(
        "# Written by LetsBe. The first value that sshd reads counts, hence the name of this file.\n{lines}"
    )
}

/// Of these settings the key exchange, ciphers, MACs and host keys, for another server on the same machine.
#[must_use]
pub fn algorithms() -> String {
    let names = ["KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms"];
    let wanted = EFFECTIVE.iter().filter(|(name, _)| names.contains(name));
    wanted.map(|(name, value)| format!("{name} {value}\n")).collect()
}

/// The settings while both ports are open. What the server says of other logins stays, as far as our user is let in.
#[must_use]
pub fn both_ports(ports: &BTreeSet<u16>, found: &SshdSettings) -> String {
    let mut lines: String = ports.iter().map(|port| format!("Port {port}\n")).collect();
    // These lists add up over all files.
    for name in ["AllowUsers", "AllowGroups"] {
        let listed = found.values(&name.to_ascii_lowercase());
        if !listed.is_empty() && !listed.contains(&ADMIN) {
            lines += &format!("{name} {ADMIN}\n");
        }
    }
    // Of these the first value counts.
    let keys = found.values("authorizedkeysfile").join(" ");
    let ours = ".ssh/authorized_keys";
    if !keys.is_empty() && !keys.split(' ').any(|file| file == ours || file == "%h/.ssh/authorized_keys") {
        let others = if keys == "none" { "" } else { keys.as_str() };
        lines += &format!("AuthorizedKeysFile {ours} {others}\n");
    }
    let methods = found.values("authenticationmethods").join(" ");
    if !methods.is_empty() && !methods.split(' ').any(|method| matches!(method, "any" | "publickey")) {
        lines += "AuthenticationMethods publickey\n";
    }
    format!("# Written by LetsBe. Until a login on the new port is confirmed.\n{lines}")
}

/// The settings while both ports are open, and the lines of an earlier attempt that let our user in: `sshd -T` counts
/// these, so that [`both_ports`] sees no need for them.
#[must_use]
pub fn keeping(wanted: &str, present: Option<&str>) -> String {
    let lets_in = |line: &&str| {
        let name = line.split_whitespace().next().unwrap_or_default();
        ["AllowUsers", "AllowGroups", "AuthorizedKeysFile", "AuthenticationMethods"]
            .iter()
            .any(|one| one.eq_ignore_ascii_case(name))
    };
    let missing = |line: &&str| !wanted.lines().any(|other| other == *line);
    let kept = present.unwrap_or_default().lines().filter(lets_in).filter(missing);
    wanted.lines().chain(kept).map(|line| format!("{line}\n")).collect()
}

/// Makes the SSH server listen on `ports`. The settings have been written before.
pub(super) fn listen(ports: &BTreeSet<u16>, by_socket: bool) -> Vec<Change> {
    let mut changes = vec![
        // The check needs this folder, which is there only while the service runs.
        Change::MakeFolder { path: "/run/sshd".into(), mode: 0o755, owner: None },
        Change::Run(Command::words("sshd -t")),
    ];
    if by_socket {
        let lines: String = ports
            .iter()
            .map(|port| format!("ListenStream=0.0.0.0:{port}\nListenStream=[::]:{port}\n"))
            .collect();
        changes.push(Change::Write(FileWrite::new(
            SOCKET_DROP_IN,
            0o644,
            format!("[Socket]\nListenStream=\n{lines}BindIPv6Only=ipv6-only\n"),
        )));
        changes.extend(restart(true));
    } else {
        changes.extend(restart(false));
    }
    changes
}

/// A restart, not a reload: it returns when the ports are open. Sessions live on.
pub(super) fn restart(by_socket: bool) -> Vec<Change> {
    let words: &[&str] = if by_socket {
        &["systemctl daemon-reload", "systemctl stop ssh.service", "systemctl restart ssh.socket"]
    } else {
        &["systemctl restart ssh.service"]
    };
    words.iter().map(|words| Change::Run(Command::words(words))).collect()
}
