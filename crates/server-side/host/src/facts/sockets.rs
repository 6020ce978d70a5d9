//! Who listens on which TCP port, as `ss -Htlnp` and `/proc/<pid>/cgroup` tell.

use serde::Serialize;

/// A listening TCP socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// Address, for example `0.0.0.0` or `[::]`.
    pub address: String,
    /// Port.
    pub port: u16,
    /// Name of the process; empty if it cannot be seen.
    pub process: String,
    /// Its id; 0 if it cannot be seen.
    pub pid: u32,
}

/// Parses `ss -Htlnp`.
#[must_use]
pub fn parse_listeners(text: &str) -> Vec<Listener> {
    text.lines()
        .filter_map(|line| {
            let (address, port) = line.split_whitespace().nth(3)?.rsplit_once(':')?;
            let users = line.split_once("users:((").map_or("", |(_, users)| users);
            let process = users.split('"').nth(1).unwrap_or_default().to_owned();
            // A process may call itself anything, `",pid=1` too: only the last one is written by ss.
            let pid = users.rsplit_once("\",pid=").map_or("", |(_, rest)| rest);
            let pid = pid.split(|c: char| !c.is_ascii_digit()).next()?.parse().unwrap_or(0);
            Some(Listener { address: address.to_owned(), port: port.parse().ok()?, process, pid })
        })
        .collect()
}

/// What a process belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A container.
    Container,
    /// A systemd unit, for example `nginx.service`.
    Unit(String),
    /// Neither, for example somebody's session.
    Unknown,
}

/// Reads a process' owner from its control group; `init` is the one of process 1.
///
/// The last component decides: where the server itself is a container, all its paths begin with that container's id,
/// and they must not pass for containers of the server.
#[must_use]
pub fn parse_owner(cgroup: &str, init: &str) -> Owner {
    let path = path_of(cgroup);
    if let Some(unit) = path.rsplit('/').find(|part| part.ends_with(".service")) {
        return Owner::Unit(unit.to_owned());
    }
    let id = path.rsplit('/').next().unwrap_or_default();
    let id = id.trim_start_matches("docker-").trim_end_matches(".scope");
    let is_container = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let around_us = path_of(init).starts_with(&format!("{path}/"));
    if is_container && !around_us { Owner::Container } else { Owner::Unknown }
}

/// The path that systemd keeps: of version 2, or of the named hierarchy of version 1.
fn path_of(cgroup: &str) -> &str {
    let path = |name: &str| cgroup.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(name));
    path("name=systemd:").or_else(|| path(":")).unwrap_or_default()
}
