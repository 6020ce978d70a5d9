//! What a run tells in `backup-status.json`. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use letsbe_types::{
    Problem,
    backup::{BackupStatus, Ending, RemoteSync, ToolBackup},
};

use super::{journal::Begun, making::Made, parts::Part, run::Outcome};
use letsbe_base::output;

/// All that a status is made of.
pub(super) struct Told<'a> {
    pub(super) outcome: &'a Outcome,
    /// Everything that this server should have sets of.
    pub(super) parts: &'a [Part],
    /// The run before, if it was killed.
    pub(super) killed: Option<&'a Begun>,
    pub(super) began: DateTime<Utc>,
    pub(super) ended: DateTime<Utc>,
}

/// The status after a run. A tool that the run left out stands as it stood: also with its problem.
pub(super) fn status(former: Option<BackupStatus>, told: &Told<'_>) -> BackupStatus {
    let Told { outcome, parts, killed, began, ended } = told;
    let former_tools = former.as_ref().map(|status| status.tools.clone()).unwrap_or_default();
    let tools: BTreeMap<String, ToolBackup> = parts
        .iter()
        .map(|part| {
            let before = former_tools.get(&part.name).cloned().unwrap_or_default();
            let mut tool = tool(before, outcome.sets.get(&part.name));
            match &outcome.place {
                None => tool.outside = None,
                Some(place) if tool.set.is_some() && matches!(outcome.remote, Some(Ok(_))) => {
                    tool.found_outside(place, *ended);
                }
                Some(_) => {}
            }
            (part.name.clone(), tool)
        })
        .collect();
    let made = |part: &&Part| matches!(outcome.sets.get(&part.name), Some(Ok(_)));
    let databases: usize = parts.iter().filter(made).map(Part::database_count).sum();
    let remote_problem = outcome.remote.as_ref().and_then(|remote| remote.as_ref().err());
    let standing = tools.iter().filter_map(|(name, tool)| Some((name, tool.problem.as_ref()?)));
    let mut errors: Vec<String> = killed.iter().map(|killed| killed.was_killed()).collect();
    errors.extend(outcome.problems.iter().map(ToString::to_string));
    errors.extend(standing.map(|(name, problem)| format!("{name}: {problem}")));
    errors.extend(remote_problem.map(|problem| format!("copy outside: {problem}")));
    let remote_at = match &outcome.remote {
        Some(Ok(at)) => Some(*at),
        _ => former.as_ref().and_then(|status| status.remote_at),
    };
    let bytes: u64 = tools.values().map(|tool| tool.bytes).sum();
    BackupStatus {
        timestamp: *ended,
        status: ending(outcome, &tools),
        duration_seconds: (*ended - *began).num_seconds().try_into().unwrap_or(0),
        databases_backed_up: u32::try_from(databases).unwrap_or(u32::MAX),
        files_backed_up: !outcome.sets.is_empty() && tools.values().all(|tool| tool.problem.is_none()),
        remote_sync: match &outcome.remote {
            None => RemoteSync::NotConfigured,
            Some(Ok(_)) => RemoteSync::Success,
            Some(Err(_)) => RemoteSync::Failed,
        },
        total_size_gb: gigabytes(bytes),
        errors,
        notes: tools.iter().filter_map(|(name, tool)| left_out(name, &tool.left_out)).collect(),
        added_bytes: outcome.sets.values().flatten().map(|made| made.added_bytes).sum(),
        repository_bytes: outcome
            .repository_bytes
            .or(former.as_ref().map(|status| status.repository_bytes))
            .unwrap_or_default(),
        remote_at,
        remote_check: outcome
            .remote_check
            .clone()
            .or_else(|| former.as_ref().and_then(|status| status.remote_check.clone())),
        protection: outcome.protection,
        tools,
        check: former.and_then(|status| status.check),
    }
}

fn ending(outcome: &Outcome, tools: &BTreeMap<String, ToolBackup>) -> Ending {
    let any_made = outcome.sets.values().any(Result::is_ok);
    let remote_failed = matches!(outcome.remote, Some(Err(_)));
    let well =
        outcome.problems.is_empty() && !remote_failed && tools.values().all(|tool| tool.problem.is_none());
    match (any_made, well) {
        (false, _) => Ending::Failed,
        (true, true) => Ending::Success,
        (true, false) => Ending::Partial,
    }
}

fn tool(before: ToolBackup, now: Option<&Result<Made, Problem>>) -> ToolBackup {
    match now {
        None => before,
        Some(Err(problem)) => ToolBackup { problem: Some(problem.clone()), ..before },
        Some(Ok(Made { manifest, .. })) => ToolBackup {
            set: Some(manifest.set),
            taken_at: Some(manifest.taken_at),
            bytes: manifest.bytes(),
            rows: manifest.rows(),
            files: manifest.files(),
            problem: None,
            left_out: manifest.left_out(&before.left_out),
            ..before
        },
    }
}

/// Said every night until the database is gone or the catalog knows it. What is in a set is whole all the same.
fn left_out(tool: &str, databases: &[String]) -> Option<String> {
    (!databases.is_empty()).then(|| {
        format!(
            "{tool}: its database server also holds {}: in no set, because the catalog does not know it. Dump it by hand, \
             or keep it elsewhere",
            output::names(databases)
        )
    })
}

/// 10^9 bytes, to three decimals.
fn gigabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "three decimals are shown")]
    let thousandths = (bytes / 1_000_000) as f64;
    thousandths / 1000.0
}

#[cfg(test)]
mod tests {
    use letsbe_backup::ItemFacts;
    use letsbe_types::backup::ToolBackup;
    use serde_json::json;

    use super::{Made, left_out, tool};
    use crate::restore::stage::guard::tests::set;

    #[test]
    fn databases_that_no_set_has_are_told_until_they_are_gone_and_in_one_line() {
        let after = |before: ToolBackup, others: Option<&[&str]>| {
            let (_, mut manifest) = set();
            let mut facts = json!({ "engine": "postgresql", "bytes": 1, "sha256": "", "tables": {} });
            if let Some(others) = others {
                facts["others"] = json!(others);
            }
            let facts = ItemFacts::Database(serde_json::from_value(facts).unwrap());
            manifest.items.insert("database:shop".to_owned(), facts);
            tool(before, Some(&Ok(Made { manifest, added_bytes: 0, superfluous: Vec::new() })))
        };
        let told = after(ToolBackup::default(), Some(&["crm", "a\nb"]));
        let line = left_out("shop", &told.left_out).unwrap();
        assert!(line.starts_with("shop: its database server also holds a\\nb, crm: in no set"), "{line}");
        assert_eq!(tool(told.clone(), None).left_out, told.left_out, "a run that left the tool out");
        assert_eq!(after(told.clone(), None).left_out, told.left_out, "a server that did not say");
        assert_eq!(left_out("shop", &after(told, Some(&[])).left_out), None);
    }
}
