//! `backup list` and `backup browse`: what there is, looked at only.

use chrono::{DateTime, NaiveDate, Utc};
use letsbe_backup::{
    BackupSet, Item, Listed, Repository,
    selection::{Wish, choose},
    sets,
};
use letsbe_types::{Problem, backup::BackupStatus};
use serde_json::{Value, json};

use super::{parts, repositories::Repositories, status};
use letsbe_base::{
    output::{self, day, moment, parse_moment, size},
    server::TenantServer,
};

/// Which set is meant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Which {
    /// The newest set of this day (2026-02-25), in the server's time zone.
    #[arg(long, conflicts_with = "at")]
    date: Option<NaiveDate>,
    /// The newest set not after this moment (`2026-02-25 14:05`, server's time zone, or RFC 3339).
    #[arg(long, value_parser = parse_moment)]
    at: Option<DateTime<Utc>>,
}

impl Which {
    /// As the choice understands it.
    pub(crate) fn wish(&self) -> Wish {
        match (self.date, self.at) {
            (Some(date), _) => Wish::Date(date),
            (None, Some(at)) => Wish::At(at),
            (None, None) => Wish::Newest,
        }
    }
}

/// What is listed.
#[derive(clap::Args)]
pub struct ListArguments {
    /// One tool only.
    #[arg(long)]
    tool: Option<String>,
    /// The copies outside.
    #[arg(long)]
    remote: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What is looked into.
#[derive(clap::Args)]
pub struct BrowseArguments {
    /// The tool.
    #[arg(long)]
    tool: String,
    #[command(flatten)]
    which: Which,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the sets, newest last.
pub(super) async fn list(server: &TenantServer, arguments: &ListArguments) -> Result<(), Problem> {
    let repositories = Repositories::unasked(server)?;
    let repository = asked(&repositories, arguments.remote).await?;
    let mut all = sets(&repository.snapshots().await?);
    if let Some(tool) = &arguments.tool {
        // A tool that is not on this server any more may still have sets.
        if !all.iter().any(|set| set.tool == *tool) {
            parts::selected(server, Some(tool))?;
        }
        all.retain(|set| set.tool == *tool);
    }
    let status = status::read(&server.layout)?;
    let value: Vec<Value> = all.iter().map(|set| told(set, status.as_ref())).collect();
    output::print(arguments.json, &json!({ "sets": value }), || lines(&all, status.as_ref()))
}

/// The repository that a person asks for, opened. The local one is not in the way of the one outside.
///
/// # Errors
/// BAK006 when no destination is set; when the local one cannot be opened.
pub(super) async fn asked(repositories: &Repositories, is_outside: bool) -> Result<&Repository, Problem> {
    if is_outside { far(repositories) } else { repositories.opened().await }
}

fn far(repositories: &Repositories) -> Result<&Repository, Problem> {
    repositories.remote.as_ref().ok_or_else(no_copies)
}

/// There is nothing outside.
pub(crate) fn no_copies() -> Problem {
    Problem::permanent(
        "BAK006",
        "No destination is set: there are no copies outside this server",
        "Set one in the Hub, or with `letsbe-node backup destination set`.",
    )
}

fn is_proven(set: &BackupSet, status: Option<&BackupStatus>) -> bool {
    let tool = status.and_then(|status| status.tools.get(&set.tool));
    tool.is_some_and(|tool| tool.proven_set == Some(set.id))
}

fn is_proven_outside(set: &BackupSet, status: Option<&BackupStatus>) -> bool {
    let tool = status.and_then(|status| status.tools.get(&set.tool));
    tool.and_then(|tool| tool.outside.as_ref()).is_some_and(|outside| outside.proven_set == Some(set.id))
}

fn told(set: &BackupSet, status: Option<&BackupStatus>) -> Value {
    json!({
        "set": set.id,
        "tool": set.tool,
        "taken_at": set.taken_at,
        "kind": set.kind,
        "complete": set.is_complete(),
        "proven": is_proven(set, status),
        "proven_outside": is_proven_outside(set, status),
        "items": set.items.iter().map(|(item, id)| (item.to_string(), json!(id))).collect::<serde_json::Map<_, _>>(),
    })
}

fn lines(all: &[BackupSet], status: Option<&BackupStatus>) -> Vec<String> {
    if all.is_empty() {
        return vec!["no backups yet".to_owned()];
    }
    let line = |set: &BackupSet| {
        let kind = format!("{:?}", set.kind).to_lowercase();
        let word = match (set.is_complete(), is_proven(set, status)) {
            (false, _) => "  INCOMPLETE",
            (true, true) => "  proven",
            (true, false) => "",
        };
        let outside = if is_proven_outside(set, status) { "  proven from outside" } else { "" };
        let items = set.items.keys().filter(|item| **item != Item::Manifest).count();
        format!(
            "{}  {:<16} {kind:<8} {items} items  {}{word}{outside}",
            moment(set.taken_at),
            set.tool,
            set.id
        )
    };
    all.iter().map(line).collect()
}

/// Prints everything that a set holds.
pub(super) async fn browse(server: &TenantServer, arguments: &BrowseArguments) -> Result<(), Problem> {
    let repositories = Repositories::open(server).await?;
    let all = sets(&repositories.local.snapshots().await?);
    let set = meant(server, &all, &arguments.tool, &arguments.which)?;
    let mut items: Vec<(&Item, Vec<Listed>)> = Vec::new();
    for (item, snapshot) in &set.items {
        items.push((item, repositories.local.list(snapshot).await?));
    }
    let value: serde_json::Map<String, Value> = items
        .iter()
        .map(|(item, entries)| (item.to_string(), entries.iter().map(entry).collect::<Vec<_>>().into()))
        .collect();
    let value = json!({ "set": set.id, "tool": set.tool, "taken_at": set.taken_at, "items": value });
    output::print(arguments.json, &value, || {
        let mut lines = vec![format!("{} of {}, set {}", set.tool, moment(set.taken_at), set.id)];
        for (item, entries) in &items {
            lines.push(item.to_string());
            lines.extend(entries.iter().filter(|one| one.kind != "dir").map(|one| {
                let link = one.link.as_ref().map(|to| format!(" -> {to}")).unwrap_or_default();
                format!("  {:>10}  {}{link}", size(one.size), one.path)
            }));
        }
        lines
    })
}

fn entry(one: &Listed) -> Value {
    json!({
        "path": one.path,
        "kind": one.kind,
        "bytes": one.size,
        "mode": format!("{:04o}", one.mode & 0o7777),
        "modified_at": one.modified_at,
        "link": one.link,
    })
}

/// The set that a person means.
///
/// # Errors
/// BAK003 for what was never on this server, BAK010 where there is no set of that time.
pub(crate) fn meant<'a>(
    server: &TenantServer,
    all: &'a [BackupSet],
    tool: &str,
    which: &Which,
) -> Result<&'a BackupSet, Problem> {
    if !all.iter().any(|set| set.tool == tool) {
        parts::selected(server, Some(tool))?;
    }
    choose(all, tool, which.wish(), day)
}
