//! `backup check`: what is damaged, and which sets that touches.

use std::collections::BTreeSet;

use letsbe_backup::{BackupSet, Damage, sets};
use letsbe_types::{Code, Problem};
use serde_json::json;

use super::{lease, list, repositories::Repositories};
use letsbe_base::{
    output::{self, Progress, moment},
    server::TenantServer,
};

/// What is examined.
#[derive(clap::Args)]
pub struct CheckArguments {
    /// Read all data too, not only the structure.
    #[arg(long)]
    data: bool,
    /// The copies outside.
    #[arg(long)]
    remote: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Carries the command out.
///
/// # Errors
/// BAK017 when anything is damaged; what it is has been printed before.
pub(super) async fn carry_out(server: &TenantServer, arguments: &CheckArguments) -> Result<(), Problem> {
    let (damage, all) = lease::with(&server.layout, "a check of the backups", async |_| {
        let repositories = Repositories::unasked(server)?;
        let repository = list::asked(&repositories, arguments.remote).await?;
        repository.unlock().await?;
        Progress::of_caller(arguments.json).print("checking");
        let damage = repository.check(arguments.data.then_some((1, 1))).await?;
        Ok((damage, sets(&repository.snapshots().await?)))
    })
    .await?;
    let value = json!({
        "damage": damage.iter().map(|one| json!({
            "what": one.what,
            "sets": touched(one, &all).iter().map(|set| json!({
                "set": set.id, "tool": set.tool, "taken_at": set.taken_at,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    output::print(arguments.json, &value, || lines(&damage, &all))?;
    if damage.is_empty() {
        return Ok(());
    }
    let sets: BTreeSet<_> = damage.iter().flat_map(|one| touched(one, &all)).map(|set| set.id).collect();
    Err(Problem::permanent(
        Code::BAK017,
        format!("The repository is damaged in {} places; {} sets are touched", damage.len(), sets.len()),
        "Make a new set now (`letsbe-node backup run`); bring damaged ones back from the copies outside.",
    ))
}

/// The sets that cannot be restored whole.
fn touched<'a>(damage: &Damage, all: &'a [BackupSet]) -> Vec<&'a BackupSet> {
    all.iter().filter(|set| set.is_touched_by(damage)).collect()
}

fn lines(damage: &[Damage], all: &[BackupSet]) -> Vec<String> {
    if damage.is_empty() {
        return vec![format!("nothing is damaged; {} sets", all.len())];
    }
    let mut lines = Vec::new();
    for one in damage {
        lines.push(format!("DAMAGED: {}", one.what));
        let sets = touched(one, all);
        lines.extend(sets.iter().map(|set| format!("  touches {} of {}", set.tool, moment(set.taken_at))));
    }
    lines
}
