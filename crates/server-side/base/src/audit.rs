//! Who was shown what, and when: one line of JSON each, on the disk before anything is shown.

use chrono::{DateTime, Utc};
use letsbe_types::Problem;

use crate::{jsonl, layout::Layout};

/// Appends a line: who `did` what to which `subject` (`tool`, `secret`, …).
pub fn write_down(
    layout: &Layout,
    did: &str,
    (subject, name): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let mut line = serde_json::json!({ "at": now, "who": asker(), "did": did });
    line[subject] = name.into();
    jsonl::append_shared(&layout.audit_log(), &line)
}

/// Who asks: the user behind sudo, or who logged in.
fn asker() -> String {
    let name = ["SUDO_USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name = name.unwrap_or_else(|| "root".to_owned());
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(64).collect()
}
