//! The keys from the escrow, on their way to a server that is brought back.
//!
//! The run makes an identity that exists in memory only (tmpfs, for root) and tells its recipient; somebody who can
//! open the escrow seals the keys to it; what comes is opened here and lies in memory until the vault is restored.
//! It must never write an identity or a key to a disk, nor say either.

use std::io::Read as _;

use letsbe_stacks::backups::RECOVERY_KEYS;
use letsbe_types::{Code, Problem, Secret, ids::JobId};
use letsbe_vault::{
    EscrowKeys,
    escrow::{SEALED_TEXT_MAX, new_identity, recipient_of},
    open_escrow,
};
use serde::{Deserialize, Serialize};

use letsbe_base::{files, layout::Layout};

/// Both keys, as they wait in memory.
#[derive(Deserialize)]
struct Waiting {
    registry_key: Secret<String>,
    backup_key: Secret<String>,
}

/// The same, for writing: a secret does not serialise by itself.
#[derive(Serialize)]
struct Exposed<'a> {
    registry_key: &'a str,
    backup_key: &'a str,
}

fn identity_file(layout: &Layout) -> std::path::PathBuf {
    layout.volatile("recovery-identity")
}

fn keys_file(layout: &Layout) -> std::path::PathBuf {
    layout.root().join(RECOVERY_KEYS.trim_start_matches('/'))
}

/// Whom the keys are to be sealed to. A run that was killed finds its identity again.
pub(crate) fn recipient(layout: &Layout) -> Result<String, Problem> {
    let path = identity_file(layout);
    let identity = match files::read(&path)? {
        Some(known) => Secret::new(String::from_utf8_lossy(&known).into_owned()),
        None => {
            let fresh = new_identity();
            files::write(&path, fresh.expose().as_bytes())?;
            fresh
        }
    };
    Ok(recipient_of(&identity)?)
}

/// Whether they have come.
pub(crate) fn have_come(layout: &Layout) -> Result<bool, Problem> {
    Ok(keys_file(layout).exists())
}

/// `letsbe-node run keys`: takes the sealed text from standard input.
pub(crate) fn accept(layout: &Layout, job: JobId) -> Result<(), Problem> {
    let mut sealed = String::new();
    let limit = SEALED_TEXT_MAX as u64 + 1;
    std::io::stdin().lock().take(limit).read_to_string(&mut sealed).map_err(|error| {
        Problem::permanent(Code::NODE081, format!("The sealed keys cannot be read: {error}"), HINT)
    })?;
    take_in(layout, job, &sealed)
}

const HINT: &str = "Seal the keys to the recipient that the run told last: `letsbe backups unseal` does it.";

/// Opens the sealed text and lays the keys down for the run.
fn take_in(layout: &Layout, job: JobId, sealed: &str) -> Result<(), Problem> {
    let identity = files::read(&identity_file(layout))?;
    let identity = identity.filter(|_| layout.request(job).exists()).ok_or_else(|| {
        Problem::permanent(
            Code::NODE081,
            format!("The run {job} on this server does not wait for keys"),
            HINT,
        )
    })?;
    let identity = Secret::new(String::from_utf8_lossy(&identity).into_owned());
    let keys = open_escrow(sealed, &identity).map_err(|error| {
        Problem::permanent(
            Code::NODE081,
            format!("What was sealed for this server is not usable: {error}"),
            HINT,
        )
    })?;
    let exposed = Exposed { registry_key: keys.registry_key.expose(), backup_key: keys.backup_key.expose() };
    files::write_json(&keys_file(layout), &exposed)
}

/// The keys that have come.
pub(crate) fn received(layout: &Layout) -> Result<EscrowKeys, Problem> {
    let waiting: Option<Waiting> = files::read_json(&keys_file(layout))?;
    let Waiting { registry_key, backup_key } = waiting.ok_or_else(|| {
        Problem::transient(
            Code::NODE080,
            "The keys from the escrow have not come",
            "Start the run again; it asks for them.",
        )
    })?;
    Ok(EscrowKeys { registry_key, backup_key })
}

/// Removes keys and identity: the vault has them now.
pub(crate) fn forget(layout: &Layout) -> Result<(), Problem> {
    files::remove(&keys_file(layout))?;
    files::remove(&identity_file(layout))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, time::Duration};

    use letsbe_host::{Journal as _, Question};
    use letsbe_types::{ids::JobId, job::RunEventKind};
    use letsbe_vault::{EscrowKeys, seal_keys};

    use super::{forget, have_come, identity_file, keys_file, received, recipient, take_in};
    use crate::journal;
    use letsbe_base::{files, layout::Layout};

    fn keys() -> EscrowKeys {
        EscrowKeys { registry_key: "ab".repeat(32).as_str().into(), backup_key: "canary-backup".into() }
    }

    #[tokio::test]
    async fn keys_come_to_the_run_that_waits_and_to_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, job) = (Layout::under(folder.path()), JobId::generate());
        files::write(&layout.request(job), b"{}").unwrap();
        assert_eq!(take_in(&layout, job, "x").unwrap_err().code, "NODE081", "nobody waits yet");
        let (journal, _) = journal::FileJournal::open(&layout, job).unwrap();
        let bring = async {
            let recipient = loop {
                let told = journal::read(&layout, job).unwrap();
                if let Some(RunEventKind::KeysNeeded { recipient, .. }) = told.last().map(|last| &last.event)
                {
                    break recipient.clone();
                }
                tokio::task::yield_now().await;
            };
            let foreign = letsbe_vault::escrow::new_identity();
            let other = letsbe_vault::escrow::recipient_of(&foreign).unwrap();
            let not_ours = seal_keys(&keys(), &other).unwrap();
            let refusal = take_in(&layout, job, &not_ours).unwrap_err();
            assert!(refusal.code == "NODE081" && !refusal.message.contains("canary"), "{refusal}");
            let ours = seal_keys(&keys(), &recipient).unwrap();
            assert!(take_in(&layout, JobId::generate(), &ours).is_err(), "another run's");
            assert!(!have_come(&layout).unwrap());
            take_in(&layout, job, &ours).unwrap();
        };
        let wait = journal.ask(&Question::Keys, Duration::from_secs(10));
        let (waited, ()) = tokio::join!(wait, bring);
        waited.unwrap();
        assert_eq!(received(&layout).unwrap(), keys());
        for path in [keys_file(&layout), identity_file(&layout)] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert!(path.starts_with(layout.root().join("run")), "in memory only");
        }
        forget(&layout).unwrap();
        assert!(!keys_file(&layout).exists() && !identity_file(&layout).exists());
        assert_eq!(received(&layout).unwrap_err().code, "NODE080");
    }

    #[tokio::test]
    async fn a_run_that_was_killed_asks_for_the_same_recipient_and_patience_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, job) = (Layout::under(folder.path()), JobId::generate());
        let (journal, _) = journal::FileJournal::open(&layout, job).unwrap();
        let late = journal.ask(&Question::Keys, Duration::from_millis(60)).await;
        assert_eq!(late.unwrap_err().code, "NODE080");
        let first = recipient(&layout).unwrap();
        let Some(RunEventKind::KeysNeeded { recipient: told, .. }) =
            journal::read(&layout, job).unwrap().pop().map(|last| last.event)
        else {
            panic!("it was told")
        };
        assert_eq!((&told, &recipient(&layout).unwrap()), (&first, &first));
    }
}
