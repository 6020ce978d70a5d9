//! The tools' data, each built up beside its tool and switched, and the AI runtime's state.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use letsbe_backup::{Item, Source as State, platform_sources, selection::choose};
use letsbe_host::{Command, LocalMachine};
use letsbe_stacks::{
    await_healthy,
    backups::{OPENCLAW, RecoveryRecord},
};
use letsbe_types::{
    Code, Problem,
    clock::milliseconds,
    crash,
    job::{DesiredServer, RestoreFrom, RestoredTool},
};
use letsbe_vault::BACKUP_KEY;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{
    bring_folder, day, manifest, points, read_record,
    source::{Source, remove},
    unusable, wish, write_record,
};
use crate::run::keys;
use letsbe_base::{bundle, files, layout::Layout, server::TenantServer};
use letsbe_data::restore::{self, AllOptions, sandbox::docker::must};

/// What `restore` calls a tool that has no set that is meant.
const NO_SET: Code = Code::BAK010;
/// The AI runtime comes up within this time.
const PATIENCE: Duration = Duration::from_secs(600);

/// Brings back what is still outstanding.
pub(super) async fn bring_back(
    layout: &Layout,
    desired: DesiredServer,
    restore: &RestoreFrom,
) -> Result<(), Problem> {
    keys::forget(layout)?;
    let mut record = read_record(layout)?.ok_or_else(|| {
        Problem::transient(
            Code::NODE085,
            "The vault was not brought back yet",
            "Run the provisioning again; it goes on where it was.",
        )
    })?;
    let catalog = Arc::new(bundle::catalog(&layout.bundle())?);
    let server = TenantServer { layout: layout.clone(), catalog, desired };
    let vault = server.vault()?;
    let key = vault.entry(BACKUP_KEY.0, BACKUP_KEY.1).map(|entry| entry.present.clone());
    let key = key.ok_or_else(|| {
        let hint = "Bring an older moment back (`at`): that vault was not whole.";
        Problem::permanent(Code::NODE086, "The vault that came back has no key of the backups", hint)
    })?;
    let source = Source::open(layout, restore, &key).await?;

    let mut failed = Vec::new();
    let at = restore.at;
    let without = record.back.iter().map(|back| back.tool.clone()).chain(record.without_data.keys().cloned());
    let options = AllOptions { from: source.repository.clone(), at, without: without.collect() };
    restore::all(&server, options, |ended| {
        note(&mut record, &mut failed, ended);
        write_record(layout, &record)?;
        crash::point(&points::TOOL_BACK);
        Ok(())
    })
    .await?;
    if !record.outstanding([OPENCLAW].into_iter()).is_empty() {
        match openclaw_back(&server, &source, restore).await {
            Ok(back) => record.back.push(back),
            Err(problem) if problem.code == NO_SET => {
                record.without_data.insert(OPENCLAW.to_owned(), problem.message);
            }
            Err(problem) => failed.push((OPENCLAW.to_owned(), problem)),
        }
        write_record(layout, &record)?;
    }
    failures(failed)
}

/// What became of a tool, in the record; one that failed is tried again by the next attempt.
fn note(record: &mut RecoveryRecord, failed: &mut Vec<(String, Problem)>, ended: &restore::RestoredTool) {
    let tool = ended.tool.clone();
    match &ended.problem {
        None => record.back.push(RestoredTool {
            tool,
            set: ended.set,
            taken_at: ended.taken_at,
            rows: ended.rows,
            files: ended.files,
            milliseconds: ended.milliseconds,
        }),
        Some(problem) if problem.code == NO_SET => {
            record.without_data.insert(tool, problem.message.clone());
        }
        Some(problem) => failed.push((tool, problem.clone())),
    }
}

/// One problem for all that did not come back; it can be tried again if any of them can.
fn failures(failed: Vec<(String, Problem)>) -> Result<(), Problem> {
    let Some((_, first)) = failed.first() else { return Ok(()) };
    let hint = first.hint.clone();
    let retryable = failed.iter().any(|(_, problem)| problem.retryable);
    let words: Vec<String> = failed.iter().map(|(tool, problem)| format!("{tool}: {problem}")).collect();
    let message = format!("not brought back: {}", words.join("; "));
    Err(Problem { retryable, ..Problem::transient(Code::NODE085, message, hint) })
}

/// Puts the AI runtime's state into its volume: beside it first, then exchanged while the container is stopped.
async fn openclaw_back(
    server: &TenantServer,
    source: &Source,
    restore: &RestoreFrom,
) -> Result<RestoredTool, Problem> {
    let began = Instant::now();
    let set = choose(&source.sets, OPENCLAW, wish(restore), day)?;
    let known = manifest(&source.repository, set).await?;
    let layout = &server.layout;
    let (name, live) = volume(layout).ok_or_else(|| unusable(set, "its volume is not known"))?;
    let beside = live.with_file_name("_data.recovered");
    bring_folder(source, (set, &known), &Item::Files(name), &beside).await?;
    let stack = layout.stack(OPENCLAW);
    let compose = |words: &str| {
        must(Command::words(&format!("docker compose {words}")).in_folder(&stack).within(PATIENCE))
    };
    compose("stop").await?;
    crash::point(&points::OPENCLAW_STOPPED);
    renameat_with(CWD, &live, CWD, &beside, RenameFlags::EXCHANGE)
        .map_err(|error| files::unusable(&live, error))?;
    compose("up --detach").await?;
    await_healthy(&LocalMachine, &containers(server), PATIENCE).await?;
    // What the new container had begun with.
    remove(&beside)?;
    Ok(RestoredTool {
        tool: OPENCLAW.to_owned(),
        set: set.id,
        taken_at: set.taken_at,
        rows: known.rows(),
        files: known.files(),
        milliseconds: milliseconds(began.elapsed()),
    })
}

fn containers(server: &TenantServer) -> Vec<String> {
    let openclaw = server.catalog.platform().find(|entry| entry.name.as_str() == OPENCLAW);
    let services = openclaw.iter().flat_map(|entry| &entry.services);
    services.map(|service| service.container.clone()).collect()
}

/// The state's name in a set, and its folder on this server.
fn volume(layout: &Layout) -> Option<(String, PathBuf)> {
    let (_, parts) = platform_sources(&layout.root()).into_iter().find(|(part, _)| part == OPENCLAW)?;
    parts.into_iter().find_map(|part| match part {
        State::Files(files) if files.path.ends_with("_data") => Some((files.name, files.path)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use letsbe_stacks::backups::RecoveryRecord;
    use letsbe_types::{Code, Problem, ids::SetId};

    use super::{failures, note};
    use letsbe_data::restore::RestoredTool;

    fn ended(tool: &str, problem: Option<Problem>) -> RestoredTool {
        let (set, taken_at) = (SetId::generate(), DateTime::UNIX_EPOCH);
        RestoredTool { tool: tool.to_owned(), set, taken_at, rows: 7, files: 2, milliseconds: 5, problem }
    }

    #[test]
    fn what_came_back_is_kept_what_has_no_set_is_told_and_what_failed_is_tried_again() {
        let mut record =
            RecoveryRecord { began_at: DateTime::UNIX_EPOCH, back: Vec::new(), without_data: [].into() };
        let mut failed = Vec::new();
        note(&mut record, &mut failed, &ended("ghost", None));
        assert!(failures(failed.clone()).is_ok());
        let no_set = Problem::permanent(Code::BAK010, "There is no complete backup of odoo at all", "");
        note(&mut record, &mut failed, &ended("odoo", Some(no_set)));
        let full = Problem::transient(Code::RES003, "no room", "Free some.");
        note(&mut record, &mut failed, &ended("nocodb", Some(full)));
        assert_eq!((record.back[0].tool.as_str(), record.back[0].rows), ("ghost", 7));
        assert!(record.without_data["odoo"].contains("no complete backup"));
        assert_eq!(record.outstanding(["ghost", "odoo", "nocodb"].into_iter()), ["nocodb"]);
        let problem = failures(failed).unwrap_err();
        assert!(
            problem.code == "NODE085" && problem.retryable && problem.message.contains("nocodb: "),
            "{problem}"
        );
    }
}
