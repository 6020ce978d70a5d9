//! The run that is under way, in `run.json`: apart from the status, which tells of runs that have ended. One that was
//! killed is told by whoever comes next.

use chrono::{DateTime, Utc};
use letsbe_types::{Problem, backup::Ending, process::Process};
use serde::{Deserialize, Serialize};

use super::status;
use letsbe_base::{files, layout::Layout, output};

/// A run that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Who, in words.
    pub(super) owner: String,
    /// When.
    pub(super) at: DateTime<Utc>,
    /// Its process.
    process: Process,
}

impl Begun {
    /// That it was killed, in words.
    pub(super) fn was_killed(&self) -> String {
        format!("{}, begun {}, was killed before its end", self.owner, output::moment(self.at))
    }
}

fn path(layout: &Layout) -> std::path::PathBuf {
    super::folder(layout).join("run.json")
}

/// The run of a process that is gone, which nobody has told of yet.
fn killed(layout: &Layout) -> Result<Option<Begun>, Problem> {
    let begun: Option<Begun> = files::read_json(&path(layout))?;
    let Some(begun) = begun.filter(|begun| !begun.process.lives()) else { return Ok(None) };
    // It may have been killed after it had told.
    let told = status::read(layout).ok().flatten().is_some_and(|status| status.timestamp >= begun.at);
    Ok((!told).then_some(begun))
}

/// Writes down that a run has begun; answers the one before it if that was killed.
///
/// # Errors
/// When it cannot be written.
pub(super) fn begin(layout: &Layout, owner: &str, at: DateTime<Utc>) -> Result<Option<Begun>, Problem> {
    let former = killed(layout)?;
    files::write_json(&path(layout), &Begun { owner: owner.to_owned(), at, process: Process::own() })?;
    Ok(former)
}

/// The run has ended, and its status is written.
///
/// # Errors
/// When the file cannot be removed.
pub(super) fn end(layout: &Layout) -> Result<(), Problem> {
    files::remove(&path(layout))
}

/// Tells in the status of a run that was killed; the sets that are there are as they were.
///
/// # Errors
/// When the files cannot be read or written.
pub(super) fn report_killed(layout: &Layout, now: DateTime<Utc>) -> Result<(), Problem> {
    let Some(begun) = killed(layout)? else { return Ok(()) };
    status::replace(layout, |former| {
        let mut status = former?;
        status.timestamp = now;
        status.status = Ending::Failed;
        status.duration_seconds = (now - begun.at).num_seconds().try_into().unwrap_or(0);
        status.databases_backed_up = 0;
        status.files_backed_up = false;
        status.added_bytes = 0;
        status.errors = vec![begun.was_killed()];
        Some(status)
    })?;
    if status::read(layout)?.is_some() { end(layout) } else { Ok(()) }
}
