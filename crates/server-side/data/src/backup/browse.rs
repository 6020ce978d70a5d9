//! `letsbe-node backup browse`: everything that a set holds. Reads only.

use letsbe_backup::{Item, Listed, sets};
use letsbe_types::Problem;
use serde_json::{Value, json};

use super::{
    repositories::Repositories,
    selector::{SetSelector, meant},
};
use letsbe_base::{
    output::{self, moment, size},
    server::TenantServer,
};

/// What is looked into.
#[derive(clap::Args)]
pub struct BrowseArguments {
    /// The tool.
    #[arg(long)]
    tool: String,
    #[command(flatten)]
    which: SetSelector,
    /// As JSON.
    #[arg(long)]
    json: bool,
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
