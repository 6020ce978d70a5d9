//! The secrets by name, and one secret's value to the person who asks for it.

use chrono::{DateTime, Utc};
use letsbe_types::Problem;
use letsbe_vault::{Entry, Origin, Vault, VaultError};
use serde::Serialize;

use super::open;
use letsbe_base::{audit, layout::Layout};

/// One secret without its values.
#[derive(Debug, PartialEq, Serialize)]
struct Line {
    name: String,
    origin: &'static str,
    /// Where it was seen.
    variable: Option<String>,
    changed_at: DateTime<Utc>,
    age_days: i64,
    /// Whether a rotation has a value for it that is not in force yet.
    pending: bool,
    /// Whether it is easy to guess: taken in all the same, since it is in force.
    weak: bool,
    /// How many earlier values are still taken out of what leaves.
    retired: usize,
}

pub(super) fn list(layout: &Layout, json: bool, now: DateTime<Utc>) -> Result<(), Problem> {
    let vault = open(layout)?;
    let lines = lines(&vault, now);
    if json {
        println!("{}", serde_json::json!({ "version": vault.version(), "secrets": lines }));
        return Ok(());
    }
    for line in lines {
        let from = line.variable.map_or_else(|| line.origin.to_owned(), |it| format!("{} {it}", line.origin));
        let pending = if line.pending { "  rotation pending" } else { "" };
        let weak = if line.weak { "  weak: replace it" } else { "" };
        println!("{:<44} {:>5} days  {from}{pending}{weak}", line.name, line.age_days);
    }
    Ok(())
}

fn lines(vault: &Vault, now: DateTime<Utc>) -> Vec<Line> {
    let line = |(tool, key, entry): (&str, &str, &Entry)| {
        let (origin, variable) = match &entry.origin {
            Origin::Made => ("made", None),
            Origin::Observed { variable } => ("observed", Some(variable.clone())),
            Origin::Given => ("given", None),
        };
        Line {
            name: format!("{tool}/{key}"),
            origin,
            variable,
            changed_at: entry.changed_at,
            age_days: (now - entry.changed_at).num_days(),
            pending: entry.pending.is_some(),
            weak: letsbe_vault::is_weak(&entry.present),
            retired: entry.retired.len(),
        }
    };
    vault.entries().map(line).collect()
}

pub(super) fn get(layout: &Layout, name: &str, now: DateTime<Utc>) -> Result<(), Problem> {
    let vault = open(layout)?;
    let unknown = || VaultError::Unknown(name.chars().take(200).collect());
    let (tool, key) = name.split_once('/').ok_or_else(unknown)?;
    let entry = vault.entry(tool, key).ok_or_else(unknown)?;
    audit::write_down(layout, "vault get", ("secret", name), now)?;
    println!("{}", entry.present.expose());
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use letsbe_vault::{Origin, Vault, VaultFiles};

    use super::{get, lines};
    use letsbe_base::{files, layout::Layout, vault::random};

    #[test]
    fn a_value_is_shown_only_after_it_was_written_down_and_the_list_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        assert_eq!(get(&layout, "ghost/a", now).unwrap_err().code, "VAULT007");
        Vault::update(&VaultFiles::under(folder.path()), &mut random(), |vault| {
            let origin = Origin::Observed { variable: ".env A".to_owned() };
            vault.put("ghost", "a", "canary-1".into(), origin, now - TimeDelta::days(3));
            vault.write_ahead("ghost", "a", "canary-2".into(), now)
        })
        .unwrap();
        for unknown in ["ghost/b", "ghost", "/", "odoo/a"] {
            assert_eq!(get(&layout, unknown, now).unwrap_err().code, "VAULT004", "{unknown}");
        }
        assert_eq!(
            get(&layout, "ghost/a", now).unwrap_err().code,
            "NODE005",
            "there is no folder for the log"
        );
        files::make_folder(layout.audit_log().parent().unwrap()).unwrap();
        get(&layout, "ghost/a", now).unwrap();
        let log = std::fs::read_to_string(layout.audit_log()).unwrap();
        assert!(log.contains(r#""secret":"ghost/a""#) && log.contains(r#""did":"vault get""#), "{log}");
        let vault = Vault::open(&VaultFiles::under(folder.path())).unwrap().unwrap();
        let lines = lines(&vault, now);
        assert!(lines[0].weak, "a hand edit is shown as what it is");
        assert!(lines[0].pending && lines[0].age_days == 3 && lines[0].variable.as_deref() == Some(".env A"));
        assert!(!(serde_json::to_string(&lines).unwrap() + &log).contains("canary"));
    }
}
