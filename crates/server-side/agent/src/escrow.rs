//! The registry key and the backup key on their way to the escrow: sealed here, told once per change.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use letsbe_types::{Problem, tenant::TenantEventKind};
use letsbe_vault::{BACKUP_KEY, EscrowKeys, Vault, VaultFiles};
use serde::{Deserialize, Serialize};

use crate::guardian::Outbox;
use letsbe_base::{files, layout::Layout};

/// What was sealed last, and for whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    recipients: Vec<String>,
    /// SHA-256 of the two keys: both are random, so it tells nothing about them.
    keys: String,
}

/// Keeps the escrow up to date.
pub(crate) struct Escrow {
    files: VaultFiles,
    path: PathBuf,
    outbox: Arc<dyn Outbox>,
    last: Mutex<Sealed>,
}

impl Escrow {
    /// Reads what was sealed last.
    pub(crate) fn open(layout: &Layout, outbox: Arc<dyn Outbox>) -> Result<Self, Problem> {
        let path = layout.state("escrow.json");
        let last = files::read_json(&path)?.unwrap_or_default();
        let files = VaultFiles::under(&layout.root());
        Ok(Self { files, path, outbox, last: Mutex::new(last) })
    }

    /// Who can open what was sealed last.
    pub(crate) fn recipients(&self) -> Vec<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).recipients.clone()
    }

    /// Seals and tells, if keys or recipients are others than last time. Nothing is sealed before the Hub has named
    /// recipients, and before both keys are there.
    pub(crate) fn look(&self, recipients: &[String]) -> Result<(), Problem> {
        if recipients.is_empty() {
            return Ok(());
        }
        let Some(vault) = Vault::open(&self.files)? else { return Ok(()) };
        let Some(backup) = vault.entry(BACKUP_KEY.0, BACKUP_KEY.1) else { return Ok(()) };
        let registry = self.files.read_key()?;
        let keys = EscrowKeys { registry_key: registry.clone(), backup_key: backup.present.clone() };
        let new = Sealed { recipients: recipients.to_vec(), keys: keys.fingerprint() };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == new {
            return Ok(());
        }
        let sealed = letsbe_vault::escrow(&vault, &registry, recipients)?;
        let fingerprint = Some(new.keys.clone());
        self.outbox.tell(TenantEventKind::Escrowed {
            sealed,
            recipients: recipients.to_vec(),
            fingerprint,
        })?;
        files::write_json(&self.path, &new)?;
        tracing::info!(recipients = recipients.len(), "the keys were sealed for the escrow");
        *last = new;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::Utc;
    use letsbe_vault::{BACKUP_KEY, EscrowKeys, Origin, Vault, VaultFiles};

    use super::Escrow;
    use crate::guardian::{Outbox, tests::Told};
    use letsbe_base::layout::Layout;

    #[test]
    fn keys_are_sealed_once_per_change_of_keys_or_recipients() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let put = |value: &str| {
            Vault::update(&VaultFiles::under(folder.path()), &mut rand::rng(), |vault| {
                vault.put(BACKUP_KEY.0, BACKUP_KEY.1, value.into(), Origin::Made, Utc::now());
                Ok(())
            })
            .unwrap();
        };
        let first = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p".to_owned()];
        let both =
            [first[0].clone(), "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg".to_owned()];
        let told = Arc::new(Told::default());
        let escrow = Escrow::open(&layout, Arc::clone(&told) as Arc<dyn Outbox>).unwrap();
        let count = || told.0.lock().unwrap().len();
        escrow.look(&first).unwrap();
        put("canary-backup-1");
        escrow.look(&[]).unwrap();
        assert_eq!(count(), 0, "without recipients, or keys, nothing leaves");
        for (recipients, expected) in [(&first[..], 1), (&first[..], 1), (&both[..], 2)] {
            escrow.look(recipients).unwrap();
            assert_eq!(count(), expected);
        }
        put("canary-backup-2");
        let again = Escrow::open(&layout, Arc::clone(&told) as Arc<dyn Outbox>).unwrap();
        for _ in 0..2 {
            again.look(&both).unwrap();
            assert_eq!(count(), 3, "also after a restart");
        }
        let said = serde_json::to_string(&*told.0.lock().unwrap()).unwrap();
        assert!(said.contains("BEGIN AGE ENCRYPTED FILE") && !said.contains("canary"), "{said}");
        let fingerprints = |text: &str| said.matches(text).count();
        let registry = VaultFiles::under(folder.path()).read_key().unwrap();
        for (backup, times) in [("canary-backup-1", 2), ("canary-backup-2", 1)] {
            let keys = EscrowKeys { registry_key: registry.clone(), backup_key: backup.into() };
            assert_eq!(fingerprints(&keys.fingerprint()), times, "it says which keys they are");
        }
    }
}
