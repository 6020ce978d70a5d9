//! What this server is and how it is, for a person or a program that asks.

mod backups;

use std::io::IsTerminal as _;

use chrono::{DateTime, Utc};
use letsbe_protocol::Installed;
use letsbe_types::{
    Code, Problem,
    job::DesiredServer,
    tenant::{ContainerState, Heartbeat},
};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::install;
use letsbe_agent::{
    AgentStatus, ModelLatency, StatusReply,
    hub::{self, AgentState, HeartbeatState},
    memory_total_mib, read_text, uploads,
};
use letsbe_base::{control, files, layout::Layout, lock::HostLock};

#[derive(Serialize)]
struct Status {
    node_version: &'static str,
    domain: Option<String>,
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
    /// Of the whole server.
    memory_total_mib: u64,
    /// Why nothing more can be uploaded, where it is so.
    uploads_full: Option<String>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mood {
    Plain,
    Fine,
    Warning,
    Failed,
}

/// Prints the status as JSON.
pub(crate) async fn print_json(layout: &Layout) -> Result<(), Problem> {
    let status = read(layout).await?;
    let text = serde_json::to_string_pretty(&status);
    println!("{}", text.map_err(|error| files::unusable(&layout.home(), error))?);
    Ok(())
}

/// Prints the status for people: how it is, what is wrong, everything else; with `verbose`, what is installed too.
pub(crate) async fn print(layout: &Layout, verbose: bool) -> Result<(), Problem> {
    let status = read(layout).await?;
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut rows = rows(&status, Utc::now());
    // What is wrong first, the worst before the rest; what belongs together stays together.
    rows.sort_by_key(|(_, mood, _)| std::cmp::Reverse((*mood).max(Mood::Fine)));
    let wrong = rows.iter().take_while(|(_, mood, _)| *mood >= Mood::Warning).count();
    if verbose {
        rows.extend(installed(&status));
    }
    println!("{}", verdict(&status, &rows, coloured));
    for (index, row) in rows.into_iter().enumerate() {
        if index == wrong && index > 0 {
            println!();
        }
        println!("{}", line(row, coloured));
    }
    Ok(())
}

/// The first line: which server, and whether all is well.
fn verdict(status: &Status, rows: &[Row], coloured: bool) -> String {
    let domain = status.domain.as_deref().unwrap_or("This server (not provisioned to its end)");
    let count = |wanted: Mood| rows.iter().filter(|(_, mood, _)| *mood == wanted).count();
    let (mood, word) = match (count(Mood::Failed), count(Mood::Warning)) {
        (0, 0) => (Mood::Fine, "fine".to_owned()),
        (0, warnings) => (Mood::Warning, format!("fine, but look at {warnings}")),
        (failures, _) => (Mood::Failed, format!("troubled: {failures} not as it must be")),
    };
    format!("{domain} is {}", painted(mood, word, coloured))
}

async fn read(layout: &Layout) -> Result<Status, Problem> {
    let identity = files::read(&layout.state("identity"))?;
    let lock: Option<HostLock> = files::read_json(&layout.state("lock.json"))?;
    let agent: Option<AgentState> = files::read_json(&layout.state("agent.json"))?;
    let said = control::call(layout, "GET", "/status", None).await.and_then(|said| {
        serde_json::from_value::<StatusReply>(said).map_err(|error| {
            let message = format!("The agent's answer cannot be read: {error}");
            Problem::transient(Code::NODE071, message, "It runs another version: restart letsbe-agent.")
        })
    });
    let (agent_says, vital_signs, problem) = match said {
        Ok(StatusReply { agent, vital_signs }) => (Some(agent), Some(VitalSigns::of(vital_signs)), None),
        Err(problem) => (None, None, Some(problem)),
    };
    let desired: Option<DesiredServer> = files::read_json(&layout.state("server.json"))?;
    Ok(Status {
        node_version: hub::VERSION,
        domain: desired.map(|desired| desired.domain.to_string()),
        identity: identity.map(|identity| String::from_utf8_lossy(&identity).trim().to_owned()),
        installed: install::installed(layout)?,
        locked_by: lock.filter(|lock| lock.expires_at > Utc::now()),
        hub_url: agent.map(|agent| agent.hub_url),
        heartbeat: files::read_json(&layout.state("heartbeat.json"))?,
        agent: agent_says,
        problem,
        vital_signs,
        memory_total_mib: memory_total_mib(&read_text("/proc/meminfo")),
        uploads_full: uploads::full(),
    })
}

type Row = (&'static str, Mood, String);

fn line((name, mood, value): Row, coloured: bool) -> String {
    format!("{name:<11} {}", painted(mood, value, coloured))
}

fn painted(mood: Mood, value: String, coloured: bool) -> String {
    match mood {
        _ if !coloured => value,
        Mood::Plain => value,
        Mood::Fine => value.green().to_string(),
        Mood::Warning => value.yellow().to_string(),
        Mood::Failed => value.red().to_string(),
    }
}

/// What is installed, to compare with another server's.
fn installed(status: &Status) -> Vec<Row> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    vec![
        ("identity", Mood::Plain, or_none(&status.identity)),
        ("program", Mood::Plain, or_none(&status.installed.node_sha256)),
        ("bundle", Mood::Plain, or_none(&status.installed.bundle_sha256)),
    ]
}

fn rows(status: &Status, now: DateTime<Utc>) -> Vec<Row> {
    let lock = status.locked_by.as_ref().map(|lock| format!("{} ({})", lock.owner, lock.run));
    let mut rows = Vec::new();
    if let Some(problem) = &status.problem {
        rows.push(("agent", Mood::Failed, format!("{problem} {}", problem.hint)));
    }
    if let Some(agent) = &status.agent {
        rows.extend(of_agent(agent, now));
    }
    if let Some(signs) = &status.vital_signs {
        rows.extend(of_signs(signs, status.memory_total_mib, now));
    }
    rows.extend(status.uploads_full.iter().map(|why| uploads_full(why)));
    rows.push(("node", Mood::Plain, status.node_version.to_owned()));
    rows.push(("locked by", Mood::Plain, lock.unwrap_or_else(|| "nobody".to_owned())));
    rows
}

/// Its owner can mend it by himself, if he knows.
fn uploads_full(why: &str) -> Row {
    ("uploads", Mood::Warning, format!("closed: {why}; its owner can remove files still"))
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
        let ModelLatency { model, answers, first_token_ms_mean: mean, first_token_ms_max: max } = pace;
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

fn of_signs(signs: &VitalSigns, memory_total_mib: u64, now: DateTime<Utc>) -> Vec<Row> {
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
        ("uptime", Mood::Plain, uptime(all.uptime_seconds)),
        disk(all.disk_used_percent),
        memory(all.memory_used_mib, memory_total_mib, all.agent_memory_mib),
    ]
}

fn disk(used_percent: u8) -> Row {
    let mood = match used_percent {
        ..85 => Mood::Plain,
        85..95 => Mood::Warning,
        _ => Mood::Failed,
    };
    ("disk", mood, format!("{used_percent} % used"))
}

fn memory(used: u64, total: u64, agent: u64) -> Row {
    let text = if total == 0 { format!("{used} MiB used") } else { format!("{used} of {total} MiB used") };
    let mood = if total > 0 && used * 100 >= total * 95 { Mood::Warning } else { Mood::Plain };
    ("memory", mood, format!("{text}, agent {agent} MiB"))
}

/// A time in its two largest units.
fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h {minutes} min"),
        (days, hours) => format!("{days} days {hours} h"),
    }
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

    use super::{Mood, ago, disk, memory, read, rows, uptime, verdict};
    use letsbe_base::layout::Layout;

    #[tokio::test]
    async fn a_server_whose_agent_does_not_answer_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let status = read(&Layout::under(folder.path())).await.unwrap();
        let rows = rows(&status, Utc::now());
        let (_, _, agent) = rows.iter().find(|(name, ..)| *name == "agent").unwrap();
        assert!(agent.contains("NODE071") && agent.contains("systemctl status letsbe-agent"), "{agent}");
        let first = verdict(&status, &rows, false);
        assert!(first.ends_with("is troubled: 1 not as it must be"), "{first}");
    }

    #[tokio::test]
    async fn the_first_line_names_the_server_and_says_whether_all_is_well() {
        let folder = tempfile::tempdir().unwrap();
        let mut status = read(&Layout::under(folder.path())).await.unwrap();
        status.domain = Some("acme.example".to_owned());
        let row = |mood| ("x", mood, "…".to_owned());
        for (moods, expected) in [
            (&[Mood::Plain, Mood::Fine][..], "acme.example is fine"),
            (&[Mood::Warning, Mood::Warning], "acme.example is fine, but look at 2"),
            (&[Mood::Warning, Mood::Failed], "acme.example is troubled: 1 not as it must be"),
        ] {
            let rows: Vec<_> = moods.iter().map(|mood| row(*mood)).collect();
            assert_eq!(verdict(&status, &rows, false), expected);
        }
    }

    #[test]
    fn sizes_are_told_beside_what_there_is_and_times_in_units_that_people_use() {
        assert_eq!(
            memory(900, 2000, 20),
            ("memory", Mood::Plain, "900 of 2000 MiB used, agent 20 MiB".to_owned())
        );
        assert_eq!(memory(1900, 2000, 20).1, Mood::Warning);
        assert_eq!((disk(50).1, disk(93).1, disk(99).1), (Mood::Plain, Mood::Warning, Mood::Failed));
        for (seconds, expected) in [(59, "0 min"), (3_660, "1 h 1 min"), (200_000, "2 days 7 h")] {
            assert_eq!(uptime(seconds), expected);
        }
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
