//! Containers as `docker ps` shows them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use letsbe_host::Command;
use serde::Deserialize;

use super::paths::STACKS;

/// Label that names what a container's stack was made from; see [`super::desired`].
pub(crate) const HASH_LABEL: &str = "biz.letsbe.stack-hash";

/// What a container's health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It has no check.
    Unchecked,
    /// The check has not passed yet.
    Starting,
    /// The check passes.
    Healthy,
    /// The check fails.
    Unhealthy,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) name: String,
    /// Docker's word: `running`, `exited`, `restarting`, `created`, `paused`, `dead`.
    pub(crate) state: String,
    pub(crate) health: Health,
    /// When it was made.
    pub(crate) created: Option<DateTime<Utc>>,
    /// Folder of its compose file.
    pub(crate) folder: String,
    /// Value of [`HASH_LABEL`].
    pub(crate) hash: Option<String>,
    /// Addresses its ports are published on; `None` where Docker's text is not understood.
    pub(crate) published: Vec<(Option<IpAddr>, String)>,
}

impl Container {
    /// Whether one of our stacks made it.
    pub(crate) fn is_ours(&self) -> bool {
        self.folder.strip_prefix(STACKS).is_some_and(|rest| rest.starts_with('/'))
    }

    /// What is wrong with it, in Docker's words; `None` if it runs and its check, if any, passes.
    pub(crate) fn trouble(&self) -> Option<&str> {
        match (self.state.as_str(), self.health) {
            ("running", Health::Healthy | Health::Unchecked) => None,
            ("running", Health::Starting) => Some("still starting"),
            ("running", Health::Unhealthy) => Some("unhealthy"),
            (state, _) => Some(state),
        }
    }
}

/// Lists all containers. The template form of `--format` is understood by old engines too.
pub(crate) fn list_command() -> Command {
    Command::new("docker", ["ps", "--all", "--no-trunc", "--format", "{{json .}}"])
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    names: String,
    state: String,
    status: String,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    labels: String,
    #[serde(default)]
    ports: String,
}

/// Parses the output of [`list_command`].
pub(crate) fn parse(output: &str) -> Result<Vec<Container>, String> {
    output.lines().filter(|line| !line.trim().is_empty()).map(parse_line).collect()
}

fn parse_line(text: &str) -> Result<Container, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let label = |name: &str| {
        // Values may hold commas of their own, but not the two read here: a path and a hash.
        line.labels.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    Ok(Container {
        health: health(&line.status),
        created: created(&line.created_at),
        folder: label("com.docker.compose.project.working_dir").unwrap_or_default(),
        hash: label(HASH_LABEL),
        published: line.ports.split(", ").filter_map(published).collect(),
        name: line.names,
        state: line.state,
    })
}

/// `Up 3 minutes (healthy)`.
fn health(status: &str) -> Health {
    match status.rsplit_once('(').map(|(_, rest)| rest.trim_end_matches(')')) {
        Some("healthy") => Health::Healthy,
        Some("unhealthy") => Health::Unhealthy,
        Some("health: starting") => Health::Starting,
        _ => Health::Unchecked,
    }
}

/// `2026-11-21 21:00:00 +0100 CET`.
fn created(text: &str) -> Option<DateTime<Utc>> {
    let (time, _zone) = text.rsplit_once(' ')?;
    DateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S %z").ok().map(|time| time.to_utc())
}

/// `127.0.0.1:3029->2368/tcp`, `:::80->80/tcp`; a port without an arrow is not published.
fn published(text: &str) -> Option<(Option<IpAddr>, String)> {
    let (from, _) = text.trim().split_once("->")?;
    let address = from.rsplit_once(':').map_or("", |(address, _)| address);
    let address = address.trim_start_matches('[').trim_end_matches(']');
    Some((address.parse().ok(), from.to_owned()))
}

#[cfg(test)]
pub(crate) fn running(name: &str, stack: &str, hash: &str) -> Container {
    Container {
        name: name.to_owned(),
        state: "running".to_owned(),
        health: Health::Healthy,
        created: None,
        folder: format!("{STACKS}/{stack}"),
        hash: Some(hash.to_owned()),
        published: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, parse};

    const LINES: &str = r#"{"Command":"\"docker-entrypoint.s…\"","CreatedAt":"2026-11-21 21:00:00 +0100 CET","ID":"ab","Image":"ghost:6","Labels":"com.docker.compose.depends_on=db:service_healthy:false,redis:service_started:false,com.docker.compose.project=ghost,com.docker.compose.project.working_dir=/opt/letsbe/stacks/ghost,biz.letsbe.stack-hash=0f0f","LocalVolumes":"1","Mounts":"x","Names":"letsbe-ghost","Networks":"ghost_default","Ports":"127.0.0.1:3029-\u003e2368/tcp, 9000/tcp","RunningFor":"1 minute ago","Size":"0B","State":"running","Status":"Up About a minute (healthy)"}
{"Names":"letsbe-bad","State":"running","Status":"Up 2 seconds (health: starting)","Ports":"0.0.0.0:80->80/tcp, :::80->80/tcp, [::1]:81->81/tcp, 127.0.0.1:8000-8001->8000-8001/tcp","Labels":"com.docker.compose.project.working_dir=/opt/letsbe/stacksx"}

{"Names":"letsbe-dead","State":"exited","Status":"Exited (137) 3 hours ago","Ports":"","Labels":""}
{"Names":"letsbe-loop","State":"restarting","Status":"Restarting (1) 2 seconds ago","Ports":"","Labels":""}
{"Names":"letsbe-ill","State":"running","Status":"Up 3 minutes (unhealthy)","Ports":"","Labels":""}
"#;

    #[test]
    fn docker_ps_lines_are_read() {
        let all = parse(LINES).expect("parses");
        let ghost = &all[0];
        assert!(ghost.is_ours() && ghost.health == Health::Healthy && ghost.trouble().is_none());
        assert_eq!(ghost.created.map(|time| time.timestamp()), Some(1_795_291_200));
        assert_eq!(ghost.hash.as_deref(), Some("0f0f"));
        assert_eq!(ghost.published, [(Some([127, 0, 0, 1].into()), "127.0.0.1:3029".to_owned())]);
        assert!(!all[1].is_ours(), "a folder beside ours is not ours");
        let loopback: Vec<_> =
            all[1].published.iter().map(|(ip, _)| ip.expect("an address").is_loopback()).collect();
        assert_eq!(loopback, [false, false, true, true]);
        let troubles: Vec<_> = all.iter().map(|container| container.trouble()).collect();
        assert_eq!(
            troubles,
            [None, Some("still starting"), Some("exited"), Some("restarting"), Some("unhealthy")]
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_not_an_empty_list() {
        assert!(parse("Cannot connect\n").is_err());
        assert_eq!(parse("\n"), Ok(vec![]));
    }
}
