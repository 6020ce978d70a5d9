//! How far rotations have come, on the disk: `rotation.json`, one entry for each tool. Holds no secret.

use std::collections::{BTreeMap, BTreeSet};

use letsbe_types::Problem;
use letsbe_vault::{Vault, rotation::RotationJournal};

use letsbe_base::{files, layout::Layout};

type Journals = BTreeMap<String, RotationJournal>;

fn all(layout: &Layout) -> Result<Journals, Problem> {
    Ok(files::read_json(&layout.state("rotation.json"))?.unwrap_or_default())
}

/// Tools whose rotation has begun and not ended. A vault with pending values and no journal counts: it came from a
/// backup, or the journal was lost.
pub(super) fn interrupted(layout: &Layout, vault: &Vault) -> Result<BTreeSet<String>, Problem> {
    Ok(all(layout)?.into_keys().chain(vault.rotating()).collect())
}

/// The journal of a tool's rotation; without one, it is as if it had just begun.
pub(super) fn of(layout: &Layout, tool: &str, vault: &Vault) -> Result<RotationJournal, Problem> {
    let pending = vault.entries().filter(|(name, _, entry)| *name == tool && entry.pending.is_some());
    let keys = pending.map(|(_, key, _)| key.to_owned());
    Ok(all(layout)?.remove(tool).unwrap_or_else(|| RotationJournal::of(keys)))
}

/// Keeps a tool's journal, durably.
pub(super) fn keep(layout: &Layout, tool: &str, journal: &RotationJournal) -> Result<(), Problem> {
    let mut journals = all(layout)?;
    journals.insert(tool.to_owned(), journal.clone());
    files::write_json(&layout.state("rotation.json"), &journals)
}

/// A tool's rotation has ended.
pub(super) fn remove(layout: &Layout, tool: &str) -> Result<(), Problem> {
    let mut journals = all(layout)?;
    journals.remove(tool);
    let path = layout.state("rotation.json");
    if journals.is_empty() { files::remove(&path) } else { files::write_json(&path, &journals) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use letsbe_types::{Code, Problem};
    use letsbe_vault::{
        Origin, Vault,
        rotation::{Action, RotationJournal},
    };

    use super::{interrupted, keep, of, remove};
    use letsbe_base::layout::Layout;

    #[test]
    fn the_journals_of_the_former_version_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let former = concat!(
            r#"{"ghost":{"keys":["a","b"],"done":"change_database","back":null},"#,
            r#""odoo":{"keys":["c"],"done":null,"#,
            r#""back":{"code":"WORK001","message":"why","hint":"hint","retryable":true}}}"#,
        );
        letsbe_base::files::write(&layout.state("rotation.json"), former.as_bytes()).unwrap();
        let vault = Vault::default();
        let next = |tool| of(&layout, tool, &vault).unwrap().next();
        assert_eq!((next("ghost"), next("odoo")), (Some(Action::Recreate), Some(Action::RestoreDatabase)));
        keep(&layout, "ghost", &of(&layout, "ghost", &vault).unwrap()).unwrap();
        let kept = std::fs::read_to_string(layout.state("rotation.json")).unwrap();
        assert_eq!(kept, former, "and written alike");
    }

    #[test]
    fn what_was_begun_is_found_again_also_by_the_vault_alone() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let mut vault = Vault::default();
        assert!(interrupted(&layout, &vault).unwrap().is_empty());
        vault.put("odoo", "a", "old".into(), Origin::Made, now);
        vault.write_ahead("odoo", "a", "new".into(), now).unwrap();
        assert_eq!(of(&layout, "odoo", &vault).unwrap(), RotationJournal::of(["a".to_owned()]));
        let mut journal = RotationJournal::of(["b".to_owned()]);
        journal.turn_back(Problem::transient(Code::WORK001, "why", "hint"));
        journal.record(Action::RestoreDatabase);
        keep(&layout, "ghost", &journal).unwrap();
        keep(&layout, "odoo", &RotationJournal::of([])).unwrap();
        assert_eq!(of(&layout, "ghost", &vault).unwrap(), journal);
        remove(&layout, "odoo").unwrap();
        let tools: Vec<String> = interrupted(&layout, &vault).unwrap().into_iter().collect();
        assert_eq!(tools, ["ghost", "odoo"]);
        remove(&layout, "ghost").unwrap();
        assert!(!layout.state("rotation.json").exists());
    }
}
