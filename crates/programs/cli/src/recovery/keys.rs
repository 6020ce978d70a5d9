//! The keys from the escrow: opened here, sealed for the new server here.

use std::path::Path;

use anyhow::{Context as _, bail};
use letsbe_types::{
    Code, Problem, Secret,
    backup::Destination,
    ids::OrderId,
    recovery::{GiveKeys, RecoveryEntry, recipient_fingerprint},
    tenants::SealedKeys,
};
use letsbe_vault::{
    EscrowKeys, VaultError,
    escrow::{open_escrow, seal_keys},
};

use super::Opener;
use crate::{
    hub::Hub,
    style::{self, Level, bold, harmless, say},
};

/// An identity file holds a few lines; anything larger is another file.
const IDENTITY_BYTES_MAX: u64 = 64 * 1024;
const ESCROW_BYTES_MAX: u64 = 1024 * 1024;

/// What opens the escrow, read before anything is asked for.
pub(super) struct Keys {
    identity: Secret<String>,
    /// Escrow that the operator kept.
    escrow: Option<String>,
    /// The only one of the Hub's to open.
    number: Option<u64>,
    /// The only fingerprint to seal for.
    fingerprint: Option<String>,
}

fn text_of(path: &Path, most: u64) -> anyhow::Result<String> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut text = String::new();
    let read = file.take(most + 1).read_to_string(&mut text);
    read.with_context(|| format!("{} cannot be read as text", path.display()))?;
    if text.len() as u64 > most {
        bail!("{} is larger than such a file is", path.display());
    }
    Ok(text)
}

/// A destination as a file holds it; what is wrong with it is said without quoting it.
pub(super) fn destination(path: &Path) -> anyhow::Result<Destination> {
    let text = Secret::new(text_of(path, ESCROW_BYTES_MAX)?);
    serde_json::from_str(text.expose()).map_err(|error| {
        let message =
            format!("{} is no destination: line {}, column {}", path.display(), error.line(), error.column());
        let hint = "It looks like {\"kind\": \"s3\", …}; docs/operating.md has an example.";
        Problem::permanent(Code::RCV003, message, hint).into()
    })
}

fn same_fingerprint(one: &str, other: &str) -> bool {
    let bare = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    bare(one).eq_ignore_ascii_case(&bare(other))
}

impl Keys {
    pub(super) fn read(opener: &Opener) -> anyhow::Result<Self> {
        let identity = Secret::new(text_of(&opener.identity, IDENTITY_BYTES_MAX)?);
        let escrow = opener.rest.escrow.as_deref().map(|path| text_of(path, ESCROW_BYTES_MAX)).transpose()?;
        Ok(Self {
            identity,
            escrow,
            number: opener.rest.number,
            fingerprint: opener.rest.fingerprint.clone(),
        })
    }

    /// Opens the escrow, seals the keys for `recipient`, and gives them to the Hub.
    pub(super) async fn give(
        &self,
        hub: &Hub,
        id: OrderId,
        recipient: &str,
        json: bool,
    ) -> anyhow::Result<RecoveryEntry> {
        let fingerprint = recipient_fingerprint(recipient);
        if let Some(expected) = &self.fingerprint
            && !same_fingerprint(expected, &fingerprint)
        {
            return Err(Problem::permanent(
                Code::RCV004,
                format!("The keys are asked for by {fingerprint}, not by the server that you named."),
                "Nothing was sealed. Compare with the new server itself; if it differs there, somebody is in between.",
            )
            .into());
        }
        if !json {
            let shown = bold(&harmless(&fingerprint));
            say(&format!("{} the new server asks for its keys: {shown}", Level::Running.mark()));
        }
        let keys = self.opened(hub, id).await?;
        let sealed = seal_keys(&keys, recipient).map_err(Problem::from)?;
        drop(keys);
        let body = GiveKeys { recipient: recipient.to_owned(), sealed };
        let path = format!("/api/v1/admin/tenants/{id}/recovery/keys");
        let entry = hub.post(&path, &serde_json::to_value(&body)?).await?;
        if !json {
            style::say(&format!("{} the keys are sealed for it, and for nobody else", Level::Fine.mark()));
        }
        Ok(entry)
    }

    /// The newest escrow that the identity opens, or the one that was named.
    async fn opened(&self, hub: &Hub, id: OrderId) -> anyhow::Result<EscrowKeys> {
        if let Some(escrow) = &self.escrow {
            return Ok(open_escrow(escrow, &self.identity).map_err(Problem::from)?);
        }
        let mut sealed = hub.sealed_keys(id).await?;
        sealed.retain(|keys| self.number.is_none_or(|number| keys.entry.number == number));
        if sealed.is_empty() && self.number.is_some() {
            bail!("no such number: `letsbe tenants escrow --list` shows those that are kept");
        }
        let (opened, notes) = chosen(&sealed, &self.identity);
        notes.iter().for_each(|note| say(&format!("{} {}", Level::Warning.mark(), harmless(note))));
        match opened {
            Some(Ok(keys)) => Ok(keys),
            Some(Err(error)) => Err(Problem::from(error).into()),
            None => {
                bail!("this server has not sealed its keys away; give a copy of the escrow with --escrow")
            }
        }
    }
}

/// The newest of these that the identity opens, and that holds what it was said to hold; with what a person has to know.
fn chosen(
    sealed: &[SealedKeys],
    identity: &Secret<String>,
) -> (Option<Result<EscrowKeys, VaultError>>, Vec<String>) {
    let (mut refused, mut notes) = (None, Vec::new());
    for SealedKeys { entry, sealed: text } in sealed {
        let opened = match open_escrow(text, identity) {
            Ok(opened) => opened,
            Err(error) => {
                notes.push(format!("number {} of {} is not for this identity", entry.number, entry.at));
                refused = refused.or(Some(error));
                continue;
            }
        };
        if entry.fingerprint.as_ref().is_some_and(|said| *said != opened.fingerprint()) {
            notes.push(format!("number {} of {} holds other keys than it says", entry.number, entry.at));
            refused = refused.or(Some(VaultError::Escrow("it holds other keys than it says")));
            continue;
        }
        let others: Vec<String> = sealed
            .iter()
            .filter(|other| {
                other.entry.number != entry.number && other.entry.fingerprint != entry.fingerprint
            })
            .map(|other| other.entry.number.to_string())
            .collect();
        if !others.is_empty() {
            notes.push(format!(
                "number {} is taken; other keys are in {}: if the new server cannot open its data, choose one with \
                 --number",
                entry.number,
                others.join(", ")
            ));
        }
        return (Some(Ok(opened)), notes);
    }
    (refused.map(Err), notes)
}

#[cfg(test)]
mod tests {
    use letsbe_types::tenants::{EscrowEntry, SealedKeys};
    use letsbe_vault::{
        EscrowKeys,
        escrow::{new_identity, recipient_of, seal_keys},
    };

    use super::{chosen, destination, same_fingerprint};

    #[test]
    fn of_many_escrows_the_newest_that_holds_what_it_says_is_opened_and_the_others_are_named() {
        let person = new_identity();
        let to = recipient_of(&person).unwrap();
        let keys = |backup: &str| EscrowKeys {
            registry_key: "ab".repeat(32).as_str().into(),
            backup_key: backup.into(),
        };
        let entry = |number: u64, backup: &str, said: Option<String>, to: &str| SealedKeys {
            entry: EscrowEntry {
                number,
                at: chrono::DateTime::UNIX_EPOCH,
                recipients: vec![to.to_owned()],
                fingerprint: said,
            },
            sealed: seal_keys(&keys(backup), to).unwrap(),
        };
        let good = || entry(1, "real", Some(keys("real").fingerprint()), &to);
        let stranger = recipient_of(&new_identity()).unwrap();
        let lie = entry(7, "garbage", Some(keys("real").fingerprint()), &to);
        let (opened, notes) = chosen(&[entry(8, "x", None, &stranger), lie, good()], &person);
        assert_eq!(opened.unwrap().unwrap().backup_key, "real".into());
        assert!(notes[0].contains("number 8") && notes[1].contains("number 7"), "{notes:?}");
        // Whoever says another fingerprint is believed, and the older ones are named.
        let new = entry(9, "garbage", Some(keys("garbage").fingerprint()), &to);
        let (opened, notes) = chosen(&[new, good()], &person);
        assert_eq!(opened.unwrap().unwrap().backup_key, "garbage".into());
        assert!(notes[0].contains("other keys are in 1") && notes[0].contains("--number"), "{notes:?}");
        assert!(chosen(&[], &person).0.is_none());
        assert!(chosen(&[good()], &new_identity()).0.unwrap().is_err());
    }

    #[test]
    fn fingerprints_are_compared_without_their_gaps() {
        assert!(same_fingerprint("abcd efgh", "ABCDEFGH"));
        assert!(!same_fingerprint("abcd efgh", "abcd efgi"));
        assert!(!same_fingerprint("", "abcd"));
    }

    #[test]
    fn a_damaged_destination_is_refused_without_quoting_it() {
        let path = std::env::temp_dir().join(format!("letsbe-destination-{}", std::process::id()));
        std::fs::write(&path, "{\"kind\": \"s3\", \"secret_access_key\": \"canary\", }").unwrap();
        let error = destination(&path).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains("line 1") && !error.contains("canary"), "{error}");
    }
}
