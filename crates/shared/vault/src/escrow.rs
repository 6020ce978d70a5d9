//! The two keys without which nothing can be restored, sealed for people outside the server (age, X25519).
//!
//! The only way for them to leave the server, and the only way back: opened by a person of the escrow, and sealed at
//! once to the server that is being brought back. age takes its own randomness from the operating system.

use std::io::{Read as _, Write as _};

use age::{
    Decryptor, Encryptor, Identity, Recipient,
    armor::{ArmoredReader, ArmoredWriter, Format},
    secrecy::ExposeSecret as _,
    x25519,
};
use letsbe_types::Secret;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{Vault, VaultError, seal::is_key};

/// Tool and key of the secret that the backup's repository is encrypted with.
pub const BACKUP_KEY: (&str, &str) = ("backup", "repository_key");
/// The largest sealed text that is opened: a hundred recipients and more.
pub const SEALED_TEXT_MAX: usize = 64 << 10;
/// More of an address is not repeated to whoever gave it.
const QUOTED_MAX: usize = 80;
/// Two keys of 64 digits and their names.
const PLAIN_MAX: u64 = 4 << 10;
const REGISTRY_LINE: &str = "registry_key=";
const BACKUP_LINE: &str = "backup_repository_key=";
/// How an identity (the secret half of a recipient) begins.
const IDENTITY_START: &str = "AGE-SECRET-KEY-1";

/// What is in the escrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowKeys {
    /// Opens the vault.
    pub registry_key: Secret<String>,
    /// Opens the backups' repository.
    pub backup_key: Secret<String>,
}

impl EscrowKeys {
    fn to_text(&self) -> Zeroizing<String> {
        let (registry, backup) = (self.registry_key.expose().trim_end(), self.backup_key.expose());
        Zeroizing::new(format!("{REGISTRY_LINE}{registry}\n{BACKUP_LINE}{backup}\n"))
    }

    /// SHA-256 of the two keys in hex. Both are random, so it tells nothing about them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let both = Sha256::new()
            .chain_update(self.registry_key.expose().trim_end())
            .chain_update("\n")
            .chain_update(self.backup_key.expose());
        hex::encode(both.finalize())
    }

    fn from_text(text: &str) -> Result<Self, VaultError> {
        let value = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).map(str::trim);
        let (registry, backup) = (value(REGISTRY_LINE), value(BACKUP_LINE));
        match (registry.filter(|key| is_key(key)), backup.filter(|key| !key.is_empty())) {
            (Some(registry), Some(backup)) => {
                Ok(Self { registry_key: registry.into(), backup_key: backup.into() })
            }
            (None, _) => Err(VaultError::Escrow("it holds no registry key")),
            (_, None) => Err(VaultError::Escrow("it holds no backup key")),
        }
    }
}

/// The registry key and the backup key as an armoured age file that any of `recipients` opens.
///
/// # Errors
/// When there is no recipient or one is none, or the vault has no backup key yet.
pub fn escrow(
    vault: &Vault,
    registry_key: &Secret<String>,
    recipients: &[String],
) -> Result<String, VaultError> {
    let known = recipients.iter().map(|text| recipient(text)).collect::<Result<Vec<_>, _>>()?;
    let (tool, key) = BACKUP_KEY;
    let backup = vault.entry(tool, key).ok_or_else(|| VaultError::Unknown(format!("{tool}/{key}")))?;
    let keys = EscrowKeys { registry_key: registry_key.clone(), backup_key: backup.present.clone() };
    sealed(&keys, &known)
}

/// What [`escrow`] or [`seal_keys`] sealed. `identity` is the text of an age identity file: comments, and one or
/// more lines `AGE-SECRET-KEY-1…`; any of them may open it.
///
/// # Errors
/// When the text is no sealed escrow, or none of the identities opens it. Never quotes an identity.
pub fn open_escrow(sealed: &str, identity: &Secret<String>) -> Result<EscrowKeys, VaultError> {
    if sealed.len() > SEALED_TEXT_MAX {
        return Err(VaultError::Escrow("it is larger than any escrow"));
    }
    let known = identities(identity)?;
    let decryptor = Decryptor::new(ArmoredReader::new(sealed.trim_start().as_bytes()))
        .map_err(|_| VaultError::Escrow("it is no age file, or a damaged one"))?;
    let reader = decryptor
        .decrypt(known.iter().map(|it| it as &dyn Identity))
        .map_err(|_| VaultError::Escrow("the identity is none of its recipients"))?;
    let mut plain = Zeroizing::new(String::new());
    reader
        .take(PLAIN_MAX)
        .read_to_string(&mut plain)
        .map_err(|_| VaultError::Escrow("its content is damaged"))?;
    EscrowKeys::from_text(&plain)
}

/// The keys for one recipient only: the server that is being brought back.
///
/// # Errors
/// When the recipient is none.
pub fn seal_keys(keys: &EscrowKeys, recipient_text: &str) -> Result<String, VaultError> {
    sealed(keys, &[recipient(recipient_text)?])
}

/// A new identity, for a server that waits for its keys.
#[must_use]
pub fn new_identity() -> Secret<String> {
    x25519::Identity::generate().to_string().expose_secret().into()
}

/// The recipient that an identity opens for.
///
/// # Errors
/// When the text holds no identity.
pub fn recipient_of(identity: &Secret<String>) -> Result<String, VaultError> {
    let first = identities(identity)?.into_iter().next();
    first.map(|it| it.to_public().to_string()).ok_or(NO_IDENTITY)
}

const NO_IDENTITY: VaultError = VaultError::Escrow("what was given to open it holds no age identity");

fn identities(text: &Secret<String>) -> Result<Vec<x25519::Identity>, VaultError> {
    let lines = text.expose().lines().map(str::trim).filter(|line| line.starts_with(IDENTITY_START));
    // The error of a line could quote it.
    let known: Vec<_> = lines.map(|line| line.parse().map_err(|_| NO_IDENTITY)).collect::<Result<_, _>>()?;
    if known.is_empty() { Err(NO_IDENTITY) } else { Ok(known) }
}

fn sealed(keys: &EscrowKeys, recipients: &[x25519::Recipient]) -> Result<String, VaultError> {
    let not_sealed =
        |error: &dyn std::fmt::Display| VaultError::Refused(format!("the escrow was not sealed: {error}"));
    let encryptor = Encryptor::with_recipients(recipients.iter().map(|it| it as &dyn Recipient))
        .map_err(|error| not_sealed(&error))?;
    let write = || {
        let armour = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut sealed = encryptor.wrap_output(armour)?;
        sealed.write_all(keys.to_text().as_bytes())?;
        sealed.finish()?.finish()
    };
    let sealed: Vec<u8> = write().map_err(|error: std::io::Error| not_sealed(&error))?;
    String::from_utf8(sealed).map_err(|error| not_sealed(&error))
}

fn recipient(text: &str) -> Result<x25519::Recipient, VaultError> {
    text.parse().map_err(|_| {
        // Somebody may have given the secret half; that is not repeated.
        let public = text.starts_with("age1");
        let quoted =
            if public { text.chars().take(QUOTED_MAX).collect() } else { "what was given".to_owned() };
        VaultError::Recipient(quoted)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use age::secrecy::ExposeSecret as _;
    use letsbe_types::Secret;

    use super::{BACKUP_KEY, EscrowKeys, escrow, new_identity, open_escrow, recipient_of, seal_keys};
    use crate::{Origin, Vault, vault::tests::noon};

    fn opened(sealed: &str, identity: &age::x25519::Identity) -> Option<String> {
        let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(sealed.as_bytes())).ok()?;
        let mut reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).ok()?;
        let mut text = String::new();
        reader.read_to_string(&mut text).ok()?;
        Some(text)
    }

    #[test]
    fn each_recipient_of_the_escrow_opens_it_and_nobody_else() {
        let mut vault = Vault::default();
        let people = [age::x25519::Identity::generate(), age::x25519::Identity::generate()];
        let recipients: Vec<String> = people.iter().map(|it| it.to_public().to_string()).collect();
        let registry_key = "ab".repeat(32).as_str().into();
        assert!(escrow(&vault, &registry_key, &recipients).is_err(), "there is no backup key yet");
        vault.put(BACKUP_KEY.0, BACKUP_KEY.1, "canary-backup".into(), Origin::Made, noon());
        let sealed = escrow(&vault, &registry_key, &recipients).expect("seals");
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n") && !sealed.contains("canary"));
        for identity in &people {
            let expected = format!("registry_key={}\nbackup_repository_key=canary-backup\n", "ab".repeat(32));
            assert_eq!(opened(&sealed, identity), Some(expected));
        }
        assert_eq!(opened(&sealed, &age::x25519::Identity::generate()), None);
    }

    #[test]
    fn a_bad_recipient_is_refused_by_name_and_a_secret_one_without_it() {
        let mut vault = Vault::default();
        vault.put(BACKUP_KEY.0, BACKUP_KEY.1, "canary".into(), Origin::Made, noon());
        let key = "ab".repeat(32).as_str().into();
        let identity = age::x25519::Identity::generate();
        let good = identity.to_public().to_string();
        let refused =
            |bad: &str| escrow(&vault, &key, &[good.clone(), bad.to_owned()]).expect_err(bad).to_string();
        assert!(refused("age1nonsense").contains("age1nonsense"));
        let secret = identity.to_string().expose_secret().to_owned();
        assert!(!refused(&secret).contains(&secret[20..30]));
        assert!(refused("ssh-ed25519 AAAA").contains("age recipient"));
        assert!(escrow(&vault, &key, &[]).is_err(), "nobody could open it");
    }

    fn keys() -> EscrowKeys {
        EscrowKeys { registry_key: "ab".repeat(32).as_str().into(), backup_key: "canary-backup".into() }
    }

    #[test]
    fn the_escrow_comes_back_to_one_server_only() {
        let person = age::x25519::Identity::generate();
        let mut vault = Vault::default();
        vault.put(BACKUP_KEY.0, BACKUP_KEY.1, "canary-backup".into(), Origin::Made, noon());
        let line = format!("{}\n", "ab".repeat(32)).as_str().into();
        let first = escrow(&vault, &line, &[person.to_public().to_string()]).expect("seals");
        let secret = person.to_string().expose_secret().to_owned();
        // As `age-keygen` writes it, with another person's identity beside it.
        let file = format!("# created: 2026\n# public key: age1…\n{}\n{secret}\n", new_identity().expose());
        let opened = open_escrow(&first, &file.as_str().into()).expect("opens");
        assert_eq!(opened, keys());

        let server = new_identity();
        let handed = seal_keys(&opened, &recipient_of(&server).expect("an identity")).expect("seals");
        assert!(!handed.contains("canary"));
        assert_eq!(open_escrow(&handed, &server).expect("opens"), keys());
        assert!(open_escrow(&handed, &file.as_str().into()).is_err(), "the person sealed it away");
    }

    #[test]
    fn what_is_no_escrow_is_refused_without_quoting_an_identity() {
        let server = new_identity();
        let recipient = recipient_of(&server).expect("an identity");
        let good = seal_keys(&keys(), &recipient).expect("seals");
        let short = EscrowKeys { registry_key: "ab".into(), ..keys() };
        let short = seal_keys(&short, &recipient).expect("seals");
        let broken = Secret::new(format!("{}Q", server.expose()));
        for (sealed, identity, why) in [
            ("", &server, "no age file"),
            (
                "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n",
                &server,
                "no age file",
            ),
            (good.as_str(), &new_identity(), "none of its recipients"),
            (good.as_str(), &broken, "no age identity"),
            (good.as_str(), &"# nothing".into(), "no age identity"),
            (short.as_str(), &server, "no registry key"),
            (&"x".repeat(70_000), &server, "larger"),
        ] {
            let error = open_escrow(sealed, identity).expect_err(why).to_string();
            assert!(error.contains(why) && !error.contains("AGE-SECRET"), "{error}");
        }
        assert!(seal_keys(&keys(), "age1nonsense").is_err());
    }
}
