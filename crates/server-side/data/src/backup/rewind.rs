//! `backup rewind`: the copies outside as they were at a moment, brought into a folder: after somebody deleted there
//! what he could. Nothing is ever changed outside.

use std::{io::Read as _, path::PathBuf};

use chrono::{DateTime, Utc};
use letsbe_backup::{Location, bring_back, sets};
use letsbe_types::{Code, Problem, Secret, backup::Destination};
use serde_json::json;

use super::{destination, repositories::OpenKey};
use letsbe_base::{
    output::{self, Progress, moment, parse_moment},
    server::TenantServer,
};

/// More of standard input is not read.
const INPUT_BYTES: u64 = 1 << 20;

/// What is brought back.
#[derive(clap::Args)]
pub struct RewindArguments {
    /// The moment (`2026-02-25 14:05`, server's time zone, or RFC 3339).
    #[arg(long, value_parser = parse_moment)]
    at: DateTime<Utc>,
    /// Where to; there must be nothing yet.
    #[arg(long)]
    to: Option<PathBuf>,
    /// Read a destination as JSON from standard input: with credentials that may read versions.
    #[arg(long)]
    from_stdin: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Carries the command out.
pub(super) async fn carry_out(server: &TenantServer, arguments: &RewindArguments) -> Result<(), Problem> {
    let destination = if arguments.from_stdin { given()? } else { configured(server)? };
    let name = format!("rewound-{}", arguments.at.format("%Y%m%dT%H%M%SZ"));
    let folder = arguments.to.clone().unwrap_or_else(|| super::folder(&server.layout).join(name));
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        return Err(refused(&format!("there is something in {} already", folder.display())));
    }
    let progress = Progress::of_caller(arguments.json);
    progress.print(&format!("bringing back {} as of {}", destination.place(), moment(arguments.at)));
    let key = OpenKey::open(server)?;
    bring_back(&destination, arguments.at, &key.programs, &key.folder("rewind")?, &folder).await?;
    let repository = key.repository(Location::folder(&folder));
    let damage = repository.check(None).await?;
    let found = sets(&repository.snapshots().await?);
    let complete: Vec<_> = found.iter().filter(|set| set.is_complete()).collect();
    let value = json!({
        "folder": folder,
        "sets": complete.iter().map(|set| json!({
            "set": set.id, "tool": set.tool, "taken_at": set.taken_at, "kind": set.kind,
        })).collect::<Vec<_>>(),
        "damage": damage.iter().map(|damage| damage.what.clone()).collect::<Vec<_>>(),
    });
    output::print(arguments.json, &value, || {
        let mut lines: Vec<String> = complete
            .iter()
            .map(|set| format!("{}  {:<16} {}", moment(set.taken_at), set.tool, set.id))
            .collect();
        lines.push(format!("{} complete sets in {}", complete.len(), folder.display()));
        lines.extend(damage.iter().map(|damage| format!("DAMAGED: {}", damage.what)));
        lines
    })?;
    match damage.first() {
        None => Ok(()),
        Some(damage) => Err(refused(&format!("what was brought back is damaged: {}", damage.what))),
    }
}

fn configured(server: &TenantServer) -> Result<Destination, Problem> {
    destination::read(server)?.ok_or_else(|| refused("no destination is set"))
}

fn given() -> Result<Destination, Problem> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(INPUT_BYTES).read_to_string(&mut text);
    read.map_err(|error| refused(&error.to_string()))?;
    let text = Secret::new(text);
    serde_json::from_str(text.expose()).map_err(|error| {
        refused(&format!("line {}, column {} is no destination", error.line(), error.column()))
    })
}

fn refused(why: &str) -> Problem {
    Problem::permanent(
        Code::BAK016,
        format!("The copies outside could not be brought back: {why}"),
        "Nothing was changed outside. Try another moment or folder; `--from-stdin` takes other credentials.",
    )
}
