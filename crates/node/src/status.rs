//! What this server is and how it is, for a person or a program that asks.

mod backups;

use std::io::IsTerminal as _;

use chrono::{DateTime, Utc};
use letsbe_provision::protocol::Installed;
use letsbe_types::{
    Problem,
    tenant::{ContainerState, Heartbeat},
};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::{
    agent::{AgentStatus, Answer, Pace},
    control, files,
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
    /// What the running agent says.
    agent: Option<AgentStatus>,
    /// Why it says nothing.
    problem: Option<Problem>,
    vital_signs: Option<VitalSigns>,
}

#[derive(Serialize)]
struct VitalSigns {
    containers_ok: usize,
    containers_not_ok: usize,
    #[serde(flatten)]
    all: Heartbeat,
}

impl VitalSigns {
    fn of(all: Heartbeat) -> Self {
        let (containers_ok, containers_not_ok) = (all.containers_ok(), all.containers_not_ok());
        Self { containers_ok, containers_not_ok, all }
    }
}

/// How a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Plain,
    Fine,
    Warning,
    Failed,
}

/// Prints the status, as JSON or as lines.
pub(crate) async fn print(layout: &Layout, json: bool) -> Result<(), Problem> {
    let status = read(layout).await?;
    let text = if json {
        serde_json::to_string_pretty(&status).map_err(|error| files::unusable(&layout.home(), error))?
    } else {
        let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let rows = rows(&status, Utc::now());
        rows.into_iter().map(|row| line(row, coloured)).collect::<Vec<_>>().join("\n")
    };
    println!("{text}");
    Ok(())
}

async fn read(layout: &Layout) -> Result<Status, Problem> {
    let identity = files::read(&layout.state("identity"))?;
    let lock: Option<HostLock> = files::read_json(&layout.state("lock.json"))?;
    let agent: Option<AgentState> = files::read_json(&layout.state("agent.json"))?;
    let said = control::call(layout, "GET", "/status", None).await.and_then(|said| {
        serde_json::from_value::<Answer>(said).map_err(|error| {
            let message = format!("The agent's answer cannot be read: {error}");
            Problem::transient("NODE071", message, "It runs another version: restart letsbe-agent.")
        })
    });
    let (agent_says, vital_signs, problem) = match said {
        Ok(Answer { agent, vital_signs }) => (Some(agent), Some(VitalSigns::of(vital_signs)), None),
        Err(problem) => (None, None, Some(problem)),
    };
    Ok(Status {
        node_version: hub::VERSION,
        identity: identity.map(|identity| String::from_utf8_lossy(&identity).trim().to_owned()),
        installed: install::installed(layout)?,
        locked_by: lock.filter(|lock| lock.expires_at > Utc::now()),
        hub_url: agent.map(|agent| agent.hub_url),
        heartbeat: files::read_json(&layout.state("heartbeat.json"))?,
        agent: agent_says,
        problem,
        vital_signs,
    })
}

type Row = (&'static str, Mood, String);

fn line((name, mood, value): Row, coloured: bool) -> String {
    let value = match mood {
        _ if !coloured => value,
        Mood::Plain => value,
        Mood::Fine => value.green().to_string(),
        Mood::Warning => value.yellow().to_string(),
        Mood::Failed => value.red().to_string(),
    };
    format!("{name:<11} {value}")
}

fn rows(status: &Status, now: DateTime<Utc>) -> Vec<Row> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let lock = status.locked_by.as_ref().map(|lock| format!("{} ({})", lock.owner, lock.run));
    let mut rows = vec![
        ("node", Mood::Plain, status.node_version.to_owned()),
        ("identity", Mood::Plain, or_none(status.identity.clone())),
        ("program", Mood::Plain, or_none(status.installed.node_sha256.clone())),
        ("bundle", Mood::Plain, or_none(status.installed.bundle_sha256.clone())),
        ("locked by", Mood::Plain, or_none(lock)),
    ];
    if let Some(problem) = &status.problem {
        rows.push(("agent", Mood::Failed, format!("{problem} {}", problem.hint)));
    }
    if let Some(agent) = &status.agent {
        rows.extend(of_agent(agent, now));
    }
    if let Some(signs) = &status.vital_signs {
        rows.extend(of_signs(signs, now));
    }
    rows
}

fn of_agent(agent: &AgentStatus, now: DateTime<Utc>) -> Vec<Row> {
    let hub = &agent.hub;
    let accepted =
        hub.accepted_at.map_or_else(|| "never heard".to_owned(), |at| format!("heard {}", ago(now, at)));
    let (mood, word) = match (&hub.hub_url, &hub.refused, hub.away_since) {
        (None, ..) => (Mood::Plain, "none: this server is run without a Hub".to_owned()),
        (Some(url), Some(problem), _) => {
            (Mood::Failed, format!("{url}: key or message refused: {problem}; {accepted}"))
        }
        (Some(url), None, Some(since)) => {
            (Mood::Warning, format!("{url}: away since {}; {accepted}", ago(now, since)))
        }
        (Some(url), None, None) => (Mood::Fine, format!("{url}: {accepted}")),
    };
    let vault = &agent.vault;
    let rotating = match vault.rotating.as_slice() {
        [] => String::new(),
        tools => format!(", rotating {}", tools.join(", ")),
    };
    let (vault_mood, vault_word) = match &vault.problem {
        Some(problem) => (Mood::Failed, problem.to_string()),
        None if vault.secrets == 0 => (Mood::Warning, "not seeded".to_owned()),
        None => (Mood::Fine, format!("{} secrets{rotating}", vault.secrets)),
    };
    let waits = agent.models.iter().map(|pace| {
        let Pace { model, answers, first_token_ms_mean: mean, first_token_ms_max: max } = pace;
        format!("{model}: first token after {mean} ms, {max} ms at most, of {answers}")
    });
    let waits: Vec<String> = waits.collect();
    let waits = if waits.is_empty() { "none asked yet".to_owned() } else { waits.join("; ") };
    vec![
        ("models", Mood::Plain, waits),
        ("agent", Mood::Fine, format!("runs since {}", ago(now, agent.started_at))),
        ("hub", mood, word),
        ("vault", vault_mood, vault_word),
        ("commands", Mood::Plain, format!("{} at work", agent.commands_at_work)),
    ]
}

fn of_signs(signs: &VitalSigns, now: DateTime<Utc>) -> Vec<Row> {
    let all = &signs.all;
    let bad = |container: &&letsbe_types::tenant::ContainerSign| container.state != ContainerState::Fine;
    let not_ok: Vec<&str> =
        all.containers.iter().filter(bad).map(|container| container.name.as_str()).collect();
    let containers = match not_ok.as_slice() {
        [] => (Mood::Fine, format!("{} fine", signs.containers_ok)),
        names => (Mood::Failed, format!("{} fine, not: {}", signs.containers_ok, names.join(", "))),
    };
    let proxy = if all.vault.proxy_ready {
        (Mood::Fine, "has the secrets".to_owned())
    } else {
        (Mood::Warning, "lets nothing pass: it does not have the secrets".to_owned())
    };
    let tokens = &all.tokens;
    let tokens =
        format!("{} of {} used, {} held ({})", tokens.used, tokens.pool, tokens.reserved, tokens.period);
    let backup = all.backup.as_ref();
    let queue = format!("{} events wait, {} were dropped", all.events_waiting, all.events_dropped);
    let queue_mood = if all.events_dropped > 0 { Mood::Warning } else { Mood::Plain };
    let drift = match &all.drift {
        None => (Mood::Plain, "not looked for yet".to_owned()),
        Some(drift) if drift.operations.is_empty() => {
            (Mood::Fine, format!("none, {}", ago(now, drift.checked_at)))
        }
        Some(drift) => {
            (Mood::Warning, format!("{}, {}", drift.operations.join(", "), ago(now, drift.checked_at)))
        }
    };
    let openclaw = all.openclaw.as_ref().map_or((Mood::Plain, "not here".to_owned()), |openclaw| {
        let mood = if openclaw.healthy { Mood::Fine } else { Mood::Failed };
        let version = openclaw.version.as_deref().unwrap_or("unknown version");
        (mood, format!("{version}, {}", if openclaw.healthy { "healthy" } else { "not healthy" }))
    });
    let approvals = if all.approvals_pending > 0 { Mood::Warning } else { Mood::Plain };
    let certificate = all
        .certificate_expires_at
        .map_or_else(|| "none".to_owned(), |at| format!("until {}", at.format("%Y-%m-%d")));
    let row = |name, (mood, word)| (name, mood, word);
    vec![
        row("proxy", proxy),
        row("containers", containers),
        row("openclaw", openclaw),
        ("tokens", Mood::Plain, tokens),
        row("backup", backups::last(backup, now)),
        row("copy", backups::copy(backup, now)),
        row("proofs", backups::proofs(backup, now)),
        row("from outside", backups::proofs_from_outside(backup, now)),
        ("approvals", approvals, format!("{} wait", all.approvals_pending)),
        ("queue", queue_mood, queue),
        row("drift", drift),
        ("updates", Mood::Plain, format!("{} seen", all.updates.len())),
        ("certificate", Mood::Plain, certificate),
        ("uptime", Mood::Plain, format!("{} s", all.uptime_seconds)),
        ("disk", Mood::Plain, format!("{} % used", all.disk_used_percent)),
        (
            "memory",
            Mood::Plain,
            format!("{} MiB used, agent {} MiB", all.memory_used_mib, all.agent_memory_mib),
        ),
    ]
}

/// `3 min ago`.
fn ago(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds();
    match seconds {
        ..0 => at.format("%Y-%m-%d %H:%M UTC").to_string(),
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};

    use super::{ago, read, rows};
    use crate::layout::Layout;

    #[tokio::test]
    async fn a_server_whose_agent_does_not_answer_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let status = read(&Layout::under(folder.path())).await.unwrap();
        let rows = rows(&status, Utc::now());
        let (_, _, agent) = rows.iter().find(|(name, ..)| *name == "agent").unwrap();
        assert!(agent.contains("NODE071") && agent.contains("systemctl status letsbe-agent"), "{agent}");
    }

    #[test]
    fn times_are_told_as_people_say_them() {
        let now = Utc::now();
        for (seconds, expected) in [
            (0, "0 s ago"),
            (119, "119 s ago"),
            (600, "10 min ago"),
            (7200, "2 h ago"),
            (259_200, "3 days ago"),
        ] {
            assert_eq!(ago(now, now - TimeDelta::seconds(seconds)), expected);
        }
    }
}
