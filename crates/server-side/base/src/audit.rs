//! Who was shown what, and when: one line of JSON each, on the disk before anything is shown.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _};

use chrono::{DateTime, Utc};
use letsbe_types::Problem;

use crate::{files, layout::Layout};

/// Appends a line: who `did` what to which `subject` (`tool`, `secret`, …).
pub fn write_down(
    layout: &Layout,
    did: &str,
    (subject, name): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let path = layout.audit_log();
    let mut line = serde_json::json!({ "at": now, "who": asker(), "did": did });
    line[subject] = name.into();
    let line = format!("{line}\n");
    let append = || {
        let mut log = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        log.write_all(line.as_bytes())?;
        log.sync_all()
    };
    append().map_err(|error| files::unusable(&path, error))
}

/// Who asks: the user behind sudo, or who logged in.
fn asker() -> String {
    let name = ["SUDO_USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name = name.unwrap_or_else(|| "root".to_owned());
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(64).collect()
}
