//! `letsbe-node run recover`: what a lost server had comes to this one. The run's operations start it; each part
//! writes into the record what is back, so that one that was killed goes on where it was.
//!
//! It must never replace a vault that the escrow's key does not open, bring back another customer's server, or what
//! was the lost machine's own: its identity and its agent's key.

mod platform;
mod source;
mod tools;

use std::{io::Read as _, path::Path, time::Duration};

use chrono::{DateTime, NaiveDate, Utc};
use clap::ValueEnum;
use letsbe_backup::{BackupSet, Item, ItemFacts, Manifest, Repository, differences, selection::Wish};
use letsbe_stacks::backups::RecoveryRecord;
use letsbe_types::{
    Code, Problem, Secret,
    job::{DesiredServer, RestoreFrom, RunEvent, RunEventKind},
    paths::RECOVERY_RECORD,
};

use self::source::Source;
use crate::journal::FileJournal;
use letsbe_base::{files, layout::Layout};
use letsbe_data::{backup::fingerprint, restore::sandbox::folders};

letsbe_types::crash_points! {
    /// Where `letsbe-node run recover` can be killed, in the order in which it comes to them.
    pub(crate) mod points {
        VAULT_WRITTEN = "recover.vault_written",
        PLATFORM_BACK = "recover.platform_back",
        TOOL_BACK = "recover.tool_back",
        OPENCLAW_STOPPED = "recover.openclaw_stopped",
    }
}

/// More of standard input is not read.
const INPUT_BYTES: u64 = 4 << 20;
/// How often the record is looked at while a run goes on.
const LOOK: Duration = Duration::from_millis(500);

/// What is brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Vault, certificates and the platform's records: before a tool is started.
    Platform,
    /// The tools' data, and the AI runtime's: once all of them are up.
    Tools,
}

/// Brings a part back; what the server shall become is read from standard input.
pub(crate) async fn carry_out(layout: &Layout, part: Part) -> Result<(), Problem> {
    let (desired, restore) = wishes()?;
    match part {
        Part::Platform => platform::bring_back(layout, &desired, &restore, Utc::now()).await,
        Part::Tools => tools::bring_back(layout, desired, &restore).await,
    }
}

fn wishes() -> Result<(DesiredServer, RestoreFrom), Problem> {
    // What serde says of a value quotes it, and one of them opens the far side.
    let unusable = |why: String| {
        Problem::permanent(
            Code::NODE002,
            format!("What the server shall become cannot be read: {why}"),
            "`run recover` is started by a provisioning run, not by hand.",
        )
    };
    let mut text = String::new();
    let input = std::io::stdin().lock();
    input.take(INPUT_BYTES).read_to_string(&mut text).map_err(|error| unusable(error.to_string()))?;
    let text = Secret::new(text);
    let mut desired: DesiredServer = serde_json::from_str(text.expose())
        .map_err(|error| unusable(format!("line {}, column {}", error.line(), error.column())))?;
    let restore =
        desired.restore.take().ok_or_else(|| unusable("nothing is to be brought back".to_owned()))?;
    Ok((desired, restore))
}

/// What has been brought back so far; `None` before the platform is.
fn read_record(layout: &Layout) -> Result<Option<RecoveryRecord>, Problem> {
    files::read_json(&record_file(layout))
}

fn write_record(layout: &Layout, record: &RecoveryRecord) -> Result<(), Problem> {
    files::write_json(&record_file(layout), record)
}

fn record_file(layout: &Layout) -> std::path::PathBuf {
    layout.root().join(RECOVERY_RECORD.trim_start_matches('/'))
}

/// How much of what is back a journal tells already: a run that was interrupted does not tell it again.
pub(crate) fn told(events: &[RunEvent]) -> usize {
    let told = events.iter().rev().find_map(|event| match &event.event {
        RunEventKind::Restored { tools } => Some(tools.len()),
        _ => None,
    });
    told.unwrap_or(0)
}

/// Tells the run's journal what is back, whenever something more is. Ends only with a failure of the journal.
pub(crate) async fn keep_telling(layout: &Layout, journal: &FileJournal, told: &mut usize) -> Problem {
    loop {
        if let Err(problem) = tell(layout, journal, told) {
            return problem;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Tells what is back, if more is than was told.
pub(crate) fn tell(layout: &Layout, journal: &FileJournal, told: &mut usize) -> Result<(), Problem> {
    let tools = read_record(layout)?.map(|record| record.back).unwrap_or_default();
    if tools.len() > *told {
        *told = tools.len();
        journal.append(RunEventKind::Restored { tools })?;
    }
    Ok(())
}

/// Which sets are meant.
fn wish(restore: &RestoreFrom) -> Wish {
    restore.at.map_or(Wish::Newest, Wish::At)
}

/// Days in messages are those of UTC: nobody knows the time zone here for certain.
fn day(at: DateTime<Utc>) -> NaiveDate {
    at.date_naive()
}

/// The manifest of a set.
async fn manifest(repository: &Repository, set: &BackupSet) -> Result<Manifest, Problem> {
    let snapshot = set.items.get(&Item::Manifest).ok_or_else(|| unusable(set, "it has no manifest"))?;
    let bytes = repository.read(snapshot, "/manifest.json").await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| unusable(set, &format!("its manifest is damaged: {error}")))
}

/// Brings the folder that an item of a set holds into a folder of its own, and compares it with the manifest.
async fn bring_folder(
    source: &Source,
    (set, manifest): (&BackupSet, &Manifest),
    item: &Item,
    target: &Path,
) -> Result<(), Problem> {
    let taken = manifest.items.get(&item.to_string());
    let (Some(snapshot), Some(taken @ ItemFacts::Files(facts))) = (set.items.get(item), taken) else {
        return Err(unusable(set, &format!("it does not hold {item}")));
    };
    source::remove(target)?;
    files::make_folder(target)?;
    source.repository.restore(snapshot, &facts.path, target).await?;
    let found = ItemFacts::Files(fingerprint::facts(Path::new(&facts.path), folders::entries(target)?));
    let different = differences(&item.to_string(), taken, &found);
    if different.is_empty() { Ok(()) } else { Err(unusable(set, &different.join("; "))) }
}

fn unusable(set: &BackupSet, why: &str) -> Problem {
    Problem::permanent(
        Code::NODE086,
        format!("The set {} of {} cannot be brought back: {why}", set.id, set.tool),
        "Bring an older moment back (`at`), and look at the repository: `restic check`.",
    )
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use letsbe_stacks::backups::RecoveryRecord;
    use letsbe_types::{
        ids::{JobId, SetId},
        job::{RestoredTool, RunEventKind},
    };

    use super::{tell, told, write_record};
    use crate::journal;
    use letsbe_base::layout::Layout;

    #[test]
    fn the_journal_is_told_whenever_something_more_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, job) = (Layout::under(folder.path()), JobId::generate());
        let (journal, _) = journal::FileJournal::open(&layout, job).unwrap();
        let mut count = 0;
        tell(&layout, &journal, &mut count).unwrap();
        let back = |tool: &str| RestoredTool {
            tool: tool.to_owned(),
            set: SetId::generate(),
            taken_at: DateTime::UNIX_EPOCH,
            rows: 1,
            files: 1,
            milliseconds: 1,
        };
        let mut record =
            RecoveryRecord { began_at: DateTime::UNIX_EPOCH, back: Vec::new(), without_data: [].into() };
        for tool in ["letsbe", "ghost"] {
            record.back.push(back(tool));
            write_record(&layout, &record).unwrap();
            tell(&layout, &journal, &mut count).unwrap();
            // Interrupted, a run knows from its journal what it has told.
            count = told(&journal::read(&layout, job).unwrap());
            tell(&layout, &journal, &mut count).unwrap();
        }
        let events = journal::read(&layout, job).unwrap();
        let counts: Vec<usize> = events
            .iter()
            .map(|event| match &event.event {
                RunEventKind::Restored { tools } => tools.len(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(counts, [1, 2]);
    }
}
