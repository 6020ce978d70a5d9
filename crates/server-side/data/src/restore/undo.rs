//! `restore undo`: what a restore has put aside takes its place again. What the tool has now is put aside instead.

use chrono::{DateTime, Utc};
use letsbe_catalog::Tool;
use letsbe_types::Problem;
use letsbe_vault::Vault;

use super::{
    RestoredTool,
    exchange::{self, Pair, Side},
    journal::{Former, RestoreJournal},
    preview::words_of,
    refused,
    stage::record::{Holding, StageRecord},
    tool,
    work::Work,
};
use letsbe_base::{audit::write_down, output, server::TenantServer};

/// What can be brought back.
struct Aside {
    record: StageRecord,
    switched_at: DateTime<Utc>,
    until: DateTime<Utc>,
    pairs: Vec<Pair>,
    /// Which data the tool has after an undo.
    wanted: Side,
}

/// The newest that a restore (or an undo) of this tool has put aside, if it is still what the tool's data was exchanged
/// with.
fn find(server: &TenantServer, name: &str) -> Result<Aside, Problem> {
    let tool = tool(server, name)?;
    let nothing =
        || refused(format!("nothing of {name} is put aside"), "It is kept for 7 days after a restore.");
    let mut aside = None;
    for record in StageRecord::all(&server.layout)?.into_iter().filter(|record| record.tool == name) {
        if let Holding::Former { until, switched_at, pairs } = record.holding.clone()
            && aside.as_ref().is_none_or(|(.., at, _): &(_, _, DateTime<Utc>, _)| *at < switched_at)
        {
            aside = Some((record, until, switched_at, pairs));
        }
    }
    let (record, until, switched_at, pairs) = aside.ok_or_else(nothing)?;
    let side = exchange::side(&pairs)?.ok_or_else(|| {
        refused(
            format!("the folders of {name} are not the ones that its restore has exchanged"),
            "Somebody moved or made them anew; see docs/errors/RES009.md.",
        )
    })?;
    if let Some(key) = changed_since(tool, &server.vault()?, switched_at) {
        return Err(refused(
            format!("{name}/{key} was changed after that; the data that is put aside knows the old one only"),
            "Restore the safety set instead: it takes today's secrets.",
        ));
    }
    Ok(Aside { record, switched_at, until, pairs, wanted: side.other() })
}

/// A database's password that was changed since: a database that was put aside knows the old one only.
fn changed_since(tool: &Tool, vault: &Vault, since: DateTime<Utc>) -> Option<String> {
    let keys = tool
        .databases
        .iter()
        .flat_map(|database| std::iter::once(&database.password).chain(&database.root_password));
    let is_newer =
        |key: &&String| vault.entry(tool.name.as_str(), key).is_some_and(|entry| entry.changed_at > since);
    keys.into_iter().find(is_newer).cloned()
}

/// Prints what would be done; nothing is.
pub(super) fn print_plan(server: &TenantServer, name: &str, json: bool) -> Result<(), Problem> {
    let aside = find(server, name)?;
    let value = serde_json::json!({
        "tool": name, "stage": aside.record.id, "switched_at": aside.switched_at, "until": aside.until,
    });
    output::print(json, &value, || {
        let ago = words_of(Utc::now() - aside.switched_at);
        vec![
            format!("{name}: gets back what it had until {} ({ago} ago)", output::moment(aside.switched_at)),
            "  put aside   what it has now, for 7 days; undo again brings it back".to_owned(),
            format!("  still       {name}, while it is stopped, exchanged and started"),
            format!("  possible    until {}", output::moment(aside.until)),
        ]
    })
}

/// Brings it back.
pub(super) async fn undo(server: &TenantServer, name: &str) -> Result<RestoredTool, Problem> {
    let Aside { record, pairs, wanted, .. } = find(server, name)?;
    write_down(&server.layout, "restore undo", ("tool", name), Utc::now())?;
    let journal = RestoreJournal::of_restore(name, Former::Kept, (record.set, record.taken_at), Utc::now());
    let journal = journal.of_undo(pairs, wanted, record.id);
    let undone = Work { server, origin: None }.drive(journal).await?;
    undone.say();
    Ok(undone)
}

/// Prints what became of it.
///
/// # Errors
/// Why the tool has what it had, if it has.
pub(super) fn tell(undone: &RestoredTool, json: bool) -> Result<(), Problem> {
    output::print(json, undone, || {
        let seconds = std::time::Duration::from_millis(undone.milliseconds).as_secs_f64();
        let how = if undone.problem.is_none() { "is undone" } else { "could not be undone" };
        let of = output::moment(undone.taken_at);
        vec![format!("{}: the restore of its set of {of} {how}, after {seconds:.1} s", undone.tool)]
    })?;
    undone.problem.clone().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use letsbe_vault::{Origin, Vault};

    use super::changed_since;
    use crate::restore::stage::compose::tests::catalog;

    #[test]
    fn a_database_that_was_put_aside_does_not_know_a_later_password() {
        let catalog = catalog();
        let ghost = catalog.tools().find(|tool| tool.name.as_str() == "ghost").unwrap();
        let at = |hours| DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::hours(hours);
        let mut vault = Vault::default();
        for key in ["database_password", "database_root_password", "admin_password"] {
            vault.put("ghost", key, "a".into(), Origin::Made, at(0));
        }
        assert_eq!(changed_since(ghost, &vault, at(1)), None);
        vault.put("ghost", "admin_password", "b".into(), Origin::Made, at(2));
        assert_eq!(changed_since(ghost, &vault, at(1)), None, "the tool keeps that one in its rows");
        vault.put("ghost", "database_root_password", "b".into(), Origin::Made, at(2));
        assert_eq!(changed_since(ghost, &vault, at(1)).as_deref(), Some("database_root_password"));
        assert_eq!(changed_since(ghost, &vault, at(3)), None);
    }
}
