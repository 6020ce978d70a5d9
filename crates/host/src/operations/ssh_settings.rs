//! The SSH server's settings during and after the move, and how they are loaded.

use std::collections::BTreeSet;

use super::ADMIN;
use crate::{
    change::{Change, Command, FileWrite},
    facts::ssh,
};

/// Our drop-in file; the first value that sshd reads counts, hence its name.
pub(super) const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-letsbe.conf";
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

/// Former and other names of such settings, and what would let somebody in besides them.
const RELATED: [&str; 12] = [
    "allowgroups",
    "authorizedkeyscommand",
    "authorizedkeyscommanduser",
    "authorizedprincipalscommand",
    "authorizedprincipalsfile",
    "challengeresponseauthentication",
    "dsaauthentication",
    "gssapiauthentication",
    "hostbasedauthentication",
    "permitemptypasswords",
    "skeyauthentication",
    "trustedusercakeys",
];

/// A configuration in which no `Match` block takes from these settings; `None` if none does.
#[must_use]
pub fn without_exceptions(text: &str) -> Option<String> {
    let names: Vec<String> = EFFECTIVE.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(RELATED).collect();
    ssh::without_exceptions(text, &names)
}

/// The settings of the finished server.
#[must_use]
pub fn final_settings() -> String {
    let lines: String = EFFECTIVE.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
    format!(
        "# Written by LetsBe. The first value that sshd reads counts, hence the name of this file.\n{lines}"
    )
}

/// The settings while both ports are open.
pub(super) fn ports_only(ports: &BTreeSet<u16>) -> String {
    let lines: String = ports.iter().map(|port| format!("Port {port}\n")).collect();
    format!("# Written by LetsBe. Until a login on the new port is confirmed.\n{lines}")
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
