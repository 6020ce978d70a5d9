//! `backup run --plan`: what a run would do, without doing it.

use letsbe_backup::Source;
use letsbe_host::Machine;
use letsbe_types::{Problem, backup::Destination};
use serde_json::{Value, json};

use super::{
    destination, hold,
    parts::{self, Part},
    space, status,
};
use crate::proof;
use letsbe_base::output::{self, size};
use letsbe_base::server::TenantServer;

/// Prints what would be stored, who would stand still, and where it would go.
///
/// # Errors
/// When nothing of this name is backed up, or what a run needs cannot be read.
pub(super) async fn print(
    server: &TenantServer,
    machine: &dyn Machine,
    tool: Option<&str>,
    json: bool,
) -> Result<(), Problem> {
    let parts = parts::selected(server, tool)?;
    let destination = destination::read(server)?;
    let status = status::read(&server.layout)?;
    let added = status.as_ref().map_or(0, |status| status.added_bytes);
    let place = destination.as_ref().map(Destination::place);
    let proofs =
        place.as_ref().map(|place| proof::plan_outside(server, status.as_ref(), place)).transpose()?;
    let home = server.layout.home();
    let disk = space::disk(machine, &home).await?;
    let mut plans = Vec::new();
    for part in &parts {
        let states = if part.depends() { hold::states(machine, &part.writers).await? } else { Vec::new() };
        let held = part.writers.iter().zip(states).filter(|(_, state)| *state == hold::State::Running);
        plans.push((part, held.map(|(container, _)| container.as_str()).collect::<Vec<_>>()));
    }
    let needed = space::needed(added, disk);
    let value = json!({
        "parts": plans.iter().map(|(part, held)| told(part, held)).collect::<Vec<_>>(),
        "destination": &place,
        "proofs_from_outside_at_night": &proofs,
        "free_bytes": disk.free,
        "needed_bytes": needed,
    });
    output::print(json, &value, || {
        let mut lines: Vec<String> = plans.iter().flat_map(|(part, held)| lines(part, held)).collect();
        lines.push(match &place {
            Some(place) => format!("then copied to {place}"),
            None => "not copied anywhere: no destination is set".to_owned(),
        });
        lines.extend(proofs.as_ref().map(proven_outside));
        lines.push(format!("{} of disk are free, {} are needed", size(disk.free), size(needed)));
        lines
    })
}

fn proven_outside(plan: &proof::OutsidePlan) -> String {
    let limit = size(plan.limit_bytes);
    if plan.tools.is_empty() {
        return "a night would prove nothing from there yet".to_owned();
    }
    format!(
        "a night would prove from there: {} ({} read at most; {limit} a night, or one tool that holds more)",
        plan.tools.join(", "),
        size(plan.bytes)
    )
}

fn told(part: &Part, held: &[&str]) -> Value {
    json!({
        "tool": part.name,
        "items": part.sources.iter().map(|source| json!({
            "item": source.item().to_string(), "from": from(source),
        })).collect::<Vec<_>>(),
        "stand_still": held,
        "missing": part.missing(),
    })
}

fn lines(part: &Part, held: &[&str]) -> Vec<String> {
    let mut lines = vec![part.name.clone()];
    lines.extend(part.sources.iter().map(|source| format!("  {} from {}", source.item(), from(source))));
    if !held.is_empty() {
        let longest = hold::LONGEST.as_secs();
        lines.push(format!("  {} stands still for at most {longest} s", held.join(", ")));
    }
    lines.extend(part.missing().iter().map(|path| format!("  MISSING: {}", path.display())));
    lines
}

fn from(source: &Source) -> String {
    match source {
        Source::Database(database) => format!("{:?} in {}", database.engine, database.container),
        Source::Files(files) => files.path.display().to_string(),
        Source::Sqlite(sqlite) => {
            let files: Vec<String> = sqlite.files.iter().map(|file| file.display().to_string()).collect();
            format!("{} in {}", files.join(", "), sqlite.path.display())
        }
    }
}
