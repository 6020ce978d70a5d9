//! systemd units, as `systemctl show` lists them.

use std::collections::BTreeMap;

use letsbe_types::Problem;
use serde::Serialize;

use super::ask;
use crate::machine::Machine;

/// One unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Whether there is such a unit at all.
    pub known: bool,
    /// Running (or, for a timer, armed).
    pub active: bool,
    /// `enabled`, `disabled`, `masked`, `static`; empty if unknown.
    pub file_state: String,
    /// When it was last started, in seconds since 1970; 0 if never.
    pub active_since: u64,
}

impl Unit {
    /// Running now and after the next boot.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.active && self.starts_at_boot()
    }

    /// Started at boot, by itself or by something else.
    #[must_use]
    pub fn starts_at_boot(&self) -> bool {
        matches!(self.file_state.as_str(), "enabled" | "static" | "generated" | "alias" | "indirect")
    }
}

/// Units by full name.
pub type Units = BTreeMap<String, Unit>;

/// Parses blocks of `Name=value` lines.
#[must_use]
pub fn parse_units(text: &str) -> Units {
    text.split("\n\n")
        .filter_map(|block| {
            let fields: BTreeMap<&str, &str> =
                block.lines().filter_map(|line| line.trim().split_once('=')).collect();
            let field = |name: &str| fields.get(name).copied().unwrap_or_default();
            let name = field("Id").to_owned();
            let unit = Unit {
                known: !matches!(field("LoadState"), "not-found" | ""),
                active: matches!(field("ActiveState"), "active" | "activating" | "reloading"),
                file_state: field("UnitFileState").to_owned(),
                active_since: field("ActiveEnterTimestamp").trim_start_matches('@').parse().unwrap_or(0),
            };
            (!name.is_empty()).then_some((name, unit))
        })
        .collect()
}

/// Asks systemd about `names`, in one call.
///
/// # Errors
/// When systemd cannot be asked.
pub async fn units(machine: &dyn Machine, names: &[&str]) -> Result<Units, Problem> {
    let fields = "Id,LoadState,ActiveState,UnitFileState,ActiveEnterTimestamp";
    let output =
        ask(machine, &format!("systemctl show --timestamp=unix -p {fields} {}", names.join(" "))).await?;
    let mut units = parse_units(&output.stdout);
    // A unit that is an alias answers under its real name; whoever asked must still find it.
    for name in names {
        units.entry((*name).to_owned()).or_default();
    }
    Ok(units)
}
