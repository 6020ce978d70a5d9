//! The record of what was restored, as the program writes it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_host::Machine;
use letsbe_types::{Code, Problem, job::RestoredTool, paths::RECOVERY_RECORD};
use serde::{Deserialize, Serialize};

use crate::read_file;

/// `recovery.json`: what was restored. Written by `letsbe-node run recover`; there once the vault is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryRecord {
    /// When it began: the age of the data is counted from here.
    pub began_at: DateTime<Utc>,
    /// What is back, in the order in which it came: the platform's parts first.
    pub back: Vec<RestoredTool>,
    /// Tools of which there was no set, and which sets there are, in words. They begin anew.
    pub without_data: BTreeMap<String, String>,
}

impl RecoveryRecord {
    /// What of `names` has yet to come back.
    #[must_use]
    pub fn outstanding<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let is_back = |name: &str| self.back.iter().any(|back| back.tool == name);
        names.filter(|name| !is_back(name) && !self.without_data.contains_key(*name)).collect()
    }

    /// What came back, with numbers.
    pub(super) fn words(&self) -> String {
        let one = |back: &RestoredTool| {
            let RestoredTool { tool, taken_at, rows, files, .. } = back;
            let age = age(self.began_at - *taken_at);
            format!("{tool} {rows} rows, {files} files, {age} old ({})", taken_at.format("%F %H:%M UTC"))
        };
        self.back.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}

/// A span of time in words: `2 d 3 h`, `3 h 12 min`, `12 min`.
#[must_use]
pub fn age(span: TimeDelta) -> String {
    let minutes = span.num_minutes().max(0);
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

pub(super) async fn read_record(machine: &dyn Machine) -> Result<Option<RecoveryRecord>, Problem> {
    let Some(file) = read_file(machine, RECOVERY_RECORD).await? else { return Ok(None) };
    serde_json::from_str(&file.content).map(Some).map_err(|error| {
        Problem::permanent(
            Code::NODE084,
            format!("{RECOVERY_RECORD} cannot be read: {error}"),
            "Look at the disk's health. Remove the file to have everything brought back once more.",
        )
    })
}

/// Whether a tool's data is the lost server's.
pub(crate) async fn is_back(machine: &dyn Machine, tool: &str) -> Result<bool, Problem> {
    let record = read_record(machine).await?;
    Ok(record.is_some_and(|record| record.back.iter().any(|back| back.tool == tool)))
}
