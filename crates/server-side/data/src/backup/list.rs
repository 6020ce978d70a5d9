//! `letsbe-node backup list`: the sets in a repository. Reads only.

use letsbe_backup::{BackupSet, Item, Repository, sets};
use letsbe_types::{Code, Problem, backup::BackupStatus};
use serde_json::{Value, json};

use super::{components, repositories::Repositories, status};
use letsbe_base::{
    output::{self, moment},
    server::TenantServer,
};

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

/// Prints the sets, newest last.
pub(super) async fn list(server: &TenantServer, arguments: &ListArguments) -> Result<(), Problem> {
    let repositories = Repositories::unasked(server)?;
    let repository = asked(&repositories, arguments.remote).await?;
    let mut all = sets(&repository.snapshots().await?);
    if let Some(tool) = &arguments.tool {
        // A tool that is not on this server any more may still have sets.
        if !all.iter().any(|set| set.tool == *tool) {
            components::selected(server, Some(tool))?;
        }
        all.retain(|set| set.tool == *tool);
    }
    let status = status::read(&server.layout)?;
    let value: Vec<Value> = all.iter().map(|set| to_json(set, status.as_ref())).collect();
    output::print(arguments.json, &json!({ "sets": value }), || lines(&all, status.as_ref()))
}

/// The repository that a person asks for, opened. The local one is not in the way of the one outside.
///
/// # Errors
/// BAK019 when no destination is set; when the local one cannot be opened.
pub(super) async fn asked(repositories: &Repositories, is_outside: bool) -> Result<&Repository, Problem> {
    if is_outside { far(repositories) } else { repositories.opened().await }
}

fn far(repositories: &Repositories) -> Result<&Repository, Problem> {
    repositories.remote.as_ref().ok_or_else(no_copies)
}

/// There is nothing outside.
pub(crate) fn no_copies() -> Problem {
    Problem::permanent(
        Code::BAK019,
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

fn to_json(set: &BackupSet, status: Option<&BackupStatus>) -> Value {
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
