//! Which set of a tool a person means.

use chrono::{DateTime, NaiveDate, Utc};
use letsbe_backup::{
    BackupSet,
    selection::{Wish, choose},
};
use letsbe_types::Problem;

use super::components;
use letsbe_base::{
    output::{day, parse_moment},
    server::TenantServer,
};

/// Which set is meant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SetSelector {
    /// The newest set of this day (2026-02-25), in the server's time zone.
    #[arg(long, conflicts_with = "at")]
    date: Option<NaiveDate>,
    /// The newest set not after this moment (`2026-02-25 14:05`, server's time zone, or RFC 3339).
    #[arg(long, value_parser = parse_moment)]
    at: Option<DateTime<Utc>>,
}

impl SetSelector {
    /// As the choice understands it.
    pub(crate) fn wish(&self) -> Wish {
        match (self.date, self.at) {
            (Some(date), _) => Wish::Date(date),
            (None, Some(at)) => Wish::At(at),
            (None, None) => Wish::Newest,
        }
    }
}

/// The set that a person means.
///
/// # Errors
/// BAK003 for what was never on this server, BAK010 where there is no set of that time.
pub(crate) fn meant<'a>(
    server: &TenantServer,
    all: &'a [BackupSet],
    tool: &str,
    which: &SetSelector,
) -> Result<&'a BackupSet, Problem> {
    if !all.iter().any(|set| set.tool == tool) {
        components::selected(server, Some(tool))?;
    }
    choose(all, tool, which.wish(), day)
}
