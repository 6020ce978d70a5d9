//! Recoveries on a terminal.

use chrono::{DateTime, Local, Utc};
use letsbe_types::{
    Problem,
    recovery::{RecoveryEntry, RecoveryPlan, RecoveryState, WaitsFor, recipient_fingerprint},
};

use crate::{
    plan::{self, WouldStop},
    style::{self, Level, bold, faint, harmless, say},
};

fn time(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string()
}

/// `47 s`, `12 min`, `3 h 05 min`, `2 d 4 h`
pub(super) fn lasting(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..172_800 => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

fn state(entry: &RecoveryEntry) -> (Level, &'static str) {
    match entry.state {
        RecoveryState::Running if entry.waits_for == WaitsFor::Operator => (Level::Failed, "needs you"),
        RecoveryState::Running => (Level::Running, "running"),
        RecoveryState::Finished => (Level::Fine, "finished"),
        RecoveryState::Cancelled => (Level::Warning, "cancelled"),
        RecoveryState::Superseded => (Level::Warning, "begun again"),
    }
}

/// What it waits for, in words.
pub(super) fn waiting(entry: &RecoveryEntry) -> String {
    let words = match entry.waits_for {
        WaitsFor::Server => "waiting for a server from the pool",
        WaitsFor::System => "the new server's system is being installed",
        WaitsFor::Run => "the run on the new server goes on",
        WaitsFor::Keys => "the keys from the escrow are needed",
        WaitsFor::Dns => "waiting for the customer's DNS records",
        WaitsFor::Retry => "something failed; it is tried again by itself",
        WaitsFor::Operator => "something failed, and you have to decide",
        WaitsFor::Release => "what was claimed is taken out of use",
        WaitsFor::Nothing => match entry.state {
            RecoveryState::Finished => "the customer is live again",
            RecoveryState::Cancelled => "it was taken back",
            _ => "it has ended",
        },
    };
    words.to_owned()
}

/// What a person can do about what is waited for.
pub(super) fn needed(entry: &RecoveryEntry) {
    match (entry.waits_for, &entry.keys) {
        (WaitsFor::Keys, Some(asked)) => {
            say(&format!("  asked for by {}", bold(&harmless(&recipient_fingerprint(&asked.recipient)))));
            say(&faint(&format!("  {}", harmless(&asked.recipient))));
            say(&format!(
                "  until {}: letsbe backups unseal {} --identity FILE",
                time(asked.deadline),
                entry.domain
            ));
        }
        _ => {
            if let Some(problem) = &entry.problem {
                say(&format!("  {}", harmless(&problem.to_string())));
                say(&format!("  {}", harmless(&problem.hint)));
            }
        }
    }
}

/// The steps, and what would stop the first of them.
pub(super) fn plan(plan: &RecoveryPlan, stop: Option<&Problem>, json: bool) -> anyhow::Result<()> {
    if json {
        let mut value = serde_json::to_value(plan)?;
        value["problem"] = serde_json::to_value(stop)?;
        style::say_json(&value)?;
        return if stop.is_some() { Err(WouldStop.into()) } else { Ok(()) };
    }
    for (number, step) in (1..).zip(&plan.steps) {
        say(&format!("{number}. {}", harmless(step)));
    }
    for warning in &plan.warnings {
        say(&format!("{} {}", Level::Warning.mark(), harmless(warning)));
    }
    stop.iter().for_each(|problem| plan::stop(problem));
    say("nothing was done");
    if stop.is_some() { Err(WouldStop.into()) } else { Ok(()) }
}

/// What taking a recovery back means.
pub(super) fn taken_back(entry: &RecoveryEntry) -> Vec<String> {
    let server = |server: &Option<letsbe_types::ids::ServerId>| {
        server.as_ref().map_or_else(|| "its server".to_owned(), |server| harmless(&server.0))
    };
    let mut lines = vec![format!(
        "{} stays the server of {}, and its agent's key counts again.",
        server(&entry.lost.server),
        entry.domain
    )];
    if entry.server.is_some() {
        lines.push(format!("{}, which was to take its place, is taken out of use.", server(&entry.server)));
    }
    lines
}

pub(super) fn begun(entry: &RecoveryEntry) -> anyhow::Result<()> {
    let lost =
        entry.lost.server.as_ref().map_or_else(|| "its server".to_owned(), |server| harmless(&server.0));
    say(&format!(
        "{} {}: {lost} is lost; the time is counted",
        Level::Running.mark(),
        bold(entry.domain.as_str())
    ));
    say(&format!("  {}", waiting(entry)));
    Ok(())
}

/// How it ended, tool by tool.
pub(super) fn end(entry: &RecoveryEntry) -> anyhow::Result<()> {
    let (level, words) = state(entry);
    say(&format!("{} {}: {words}, {}", level.mark(), bold(entry.domain.as_str()), waiting(entry)));
    let gap = entry.rpo_seconds.map_or_else(|| "not known".to_owned(), lasting);
    say(&format!("  without a server for {}; data lost: {gap}", bold(&lasting(entry.rto_seconds))));
    if let Some(server) = &entry.server {
        let address = entry.address.map_or_else(String::new, |address| format!(" at {address}"));
        say(&format!("  now on {}{address}", harmless(&server.0)));
    }
    tools(entry);
    account(entry);
    Ok(())
}

fn tools(entry: &RecoveryEntry) {
    if entry.restored.is_empty() {
        return;
    }
    let mut table = style::table();
    table.set_header(["TOOL", "DATA OF", "ROWS", "FILES", "TOOK"]);
    for tool in &entry.restored {
        table.add_row([
            harmless(&tool.tool),
            time(tool.taken_at),
            tool.rows.to_string(),
            tool.files.to_string(),
            lasting(tool.milliseconds.div_ceil(1000)),
        ]);
    }
    say(&table.to_string());
}

/// A lost server that nobody has accounted for.
fn account(entry: &RecoveryEntry) {
    if let (true, Some(server)) = (entry.lost_server_is_open(), &entry.lost.server) {
        let server = harmless(&server.0);
        say(&format!(
            "{} {server} was lost: find out, then wipe or cancel it, and write it down:",
            Level::Warning.mark()
        ));
        say(&format!(
            "  letsbe backups settle-lost {} --server {server} --became wiped|cancelled --evidence TEXT",
            entry.domain
        ));
    }
}

pub(super) fn list(recoveries: &[RecoveryEntry]) -> anyhow::Result<()> {
    if recoveries.is_empty() {
        say("no server was ever lost");
        return Ok(());
    }
    let mut table = style::table();
    table.set_header(["", "DOMAIN", "STATE", "LOST", "NOW ON", "ASKED FOR", "WITHOUT A SERVER", "DATA LOST"]);
    for entry in recoveries {
        let (level, words) = state(entry);
        let words = if entry.state == RecoveryState::Running { waiting(entry) } else { words.to_owned() };
        let name = |server: &Option<letsbe_types::ids::ServerId>| {
            server.as_ref().map_or_else(|| "none".to_owned(), |server| harmless(&server.0))
        };
        table.add_row([
            level.mark(),
            entry.domain.to_string(),
            words,
            name(&entry.lost.server),
            name(&entry.server),
            time(entry.requested_at),
            lasting(entry.rto_seconds),
            entry.rpo_seconds.map_or_else(|| "not known".to_owned(), lasting),
        ]);
    }
    say(&table.to_string());
    for entry in recoveries {
        if entry.waits_for == WaitsFor::Keys || entry.waits_for == WaitsFor::Dns {
            needed(entry);
        }
        account(entry);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::lasting;

    #[test]
    fn durations_are_in_peoples_units() {
        let cases = [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_900, "1 h 05 min"), (187_200, "2 d 4 h")];
        for (seconds, text) in cases {
            assert_eq!(lasting(seconds), text);
        }
    }
}
