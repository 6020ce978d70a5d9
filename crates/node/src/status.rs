//! What this server is, for a person or a program that asks.

use chrono::Utc;
use letsbe_provision::protocol::Installed;
use letsbe_types::{Problem, tenant::Heartbeat};
use serde::Serialize;

use crate::{
    agent, files,
    hub::{self, AgentState, HeartbeatState},
    install,
    layout::Layout,
    lock::HostLock,
};

#[derive(Serialize)]
struct Status {
    node_version: &'static str,
    identity: Option<String>,
    installed: Installed,
    locked_by: Option<HostLock>,
    hub_url: Option<String>,
    heartbeat: Option<HeartbeatState>,
    vital_signs: Heartbeat,
}

/// Prints the status, as JSON or as lines.
pub(crate) async fn print(layout: &Layout, json: bool) -> Result<(), Problem> {
    let identity = files::read(&layout.state("identity"))?;
    let lock: Option<HostLock> = files::read_json(&layout.state("lock.json"))?;
    let agent: Option<AgentState> = files::read_json(&layout.state("agent.json"))?;
    let status = Status {
        node_version: hub::VERSION,
        identity: identity.map(|identity| String::from_utf8_lossy(&identity).trim().to_owned()),
        installed: install::installed(layout)?,
        locked_by: lock.filter(|lock| lock.expires_at > Utc::now()),
        hub_url: agent.map(|agent| agent.hub_url),
        heartbeat: files::read_json(&layout.state("heartbeat.json"))?,
        vital_signs: agent::vital_signs().await?,
    };
    let text = if json {
        serde_json::to_string_pretty(&status).map_err(|error| files::unusable(&layout.home(), error))?
    } else {
        lines(&status)
    };
    println!("{text}");
    Ok(())
}

fn lines(status: &Status) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let signs = &status.vital_signs;
    let rows = [
        ("node", status.node_version.to_owned()),
        ("identity", or_none(status.identity.clone())),
        ("program", or_none(status.installed.node_sha256.clone())),
        ("bundle", or_none(status.installed.bundle_sha256.clone())),
        (
            "locked by",
            or_none(status.locked_by.as_ref().map(|lock| format!("{} ({})", lock.owner, lock.run))),
        ),
        ("hub", or_none(status.hub_url.clone())),
        ("heartbeat", or_none(status.heartbeat.as_ref().map(|beat| beat.accepted_at.to_rfc3339()))),
        ("uptime", format!("{} s", signs.uptime_seconds)),
        ("disk", format!("{} % used", signs.disk_used_percent)),
        ("memory", format!("{} MiB used", signs.memory_used_mib)),
        ("containers", format!("{} fine, {} not", signs.containers_ok(), signs.containers_not_ok())),
    ];
    rows.map(|(name, value)| format!("{name:<11} {value}")).join("\n")
}
