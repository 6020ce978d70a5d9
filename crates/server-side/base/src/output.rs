//! How numbers and moments are said to people.

use std::io::{IsTerminal as _, Write as _};

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeZone as _, Utc};
use letsbe_types::Problem;
use serde::Serialize;

use crate::files;

/// To whom progress is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// Nobody: a program reads the result.
    Silent,
    /// A person at a terminal.
    Terminal,
    /// Whoever reads the log.
    Log,
}

impl Voice {
    /// The voice for whoever called this program.
    pub fn of_caller(json: bool) -> Self {
        if json {
            Self::Silent
        } else if std::io::stderr().is_terminal() {
            Self::Terminal
        } else {
            Self::Log
        }
    }

    /// Says it. Nobody has to listen: a terminal that is gone is no reason to stop.
    pub fn say(self, text: &str) {
        match self {
            Self::Silent => {}
            Self::Terminal => drop(writeln!(std::io::stderr().lock(), "{text}")),
            Self::Log => tracing::info!("{text}"),
        }
    }
}

/// Prints a result: JSON for programs, lines for people.
pub fn print(json: bool, value: &impl Serialize, lines: impl FnOnce() -> Vec<String>) -> Result<(), Problem> {
    let unusable = |error: &dyn std::fmt::Display| files::unusable("standard output".as_ref(), error);
    let text = if json {
        serde_json::to_string_pretty(value).map_err(|error| unusable(&error))?
    } else {
        lines().join("\n")
    };
    println!("{text}");
    Ok(())
}

/// Names that somebody chose, in one line.
pub fn names(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| name.escape_debug().to_string()).collect();
    names.join(", ")
}

/// A size for people: `1.5 GB` (10^9 bytes).
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A moment in the server's time zone.
pub fn moment(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// The day of a moment in the server's time zone.
pub fn day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&Local).date_naive()
}

/// A moment as a person writes it: RFC 3339, or `2026-02-23 14:05[:00]` in the server's time zone.
pub fn parse_moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.with_timezone(&Utc));
    }
    let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let naive = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let local = naive.and_then(|naive| Local.from_local_datetime(&naive).earliest());
    local
        .map(|local| local.with_timezone(&Utc))
        .ok_or_else(|| "is no moment: write 2026-02-23 14:05 or 2026-02-23T14:05:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{parse_moment, size};

    #[test]
    fn sizes_are_said_in_units_that_people_use() {
        let table = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_550_000, "1.6 MB"),
            (999_950_000, "1.0 GB"),
            (4_200_000_000, "4.2 GB"),
            (u64::MAX, "18446744.1 TB"),
        ];
        for (bytes, words) in table {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn a_moment_is_taken_as_people_and_programs_write_it() {
        let exact: DateTime<Utc> = "2026-02-23T14:05:00Z".parse().unwrap();
        assert_eq!(parse_moment("2026-02-23T15:05:00+01:00"), Ok(exact));
        assert_eq!(parse_moment("2026-02-23 14:05"), parse_moment("2026-02-23T14:05:00"));
        for bad in ["", "yesterday", "2026-02-30 10:00", "2026-02-23"] {
            assert!(parse_moment(bad).is_err(), "{bad}");
        }
    }
}
