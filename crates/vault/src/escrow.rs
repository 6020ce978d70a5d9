//! The two keys without which nothing can be restored, sealed for people outside the server (age, X25519).
//!
//! The only way for them to leave the server. age takes its own randomness from the operating system.

use std::io::Write as _;

use age::{
    Encryptor, Recipient,
    armor::{ArmoredWriter, Format},
    x25519,
};
use letsbe_types::Secret;
use zeroize::Zeroizing;

use crate::{Vault, VaultError};

/// Tool and key of the secret that the backup's repository is encrypted with.
pub const BACKUP_KEY: (&str, &str) = ("backup", "repository_key");
/// More of an address is not repeated to whoever gave it.
const QUOTED_MAX: usize = 80;

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
    let plain = Zeroizing::new(format!(
        "registry_key={}\nbackup_repository_key={}\n",
        registry_key.expose().trim_end(),
        backup.present.expose()
    ));
    let not_sealed =
        |error: &dyn std::fmt::Display| VaultError::Refused(format!("the escrow was not sealed: {error}"));
    let encryptor = Encryptor::with_recipients(known.iter().map(|it| it as &dyn Recipient))
        .map_err(|error| not_sealed(&error))?;
    let write = || {
        let armour = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut sealed = encryptor.wrap_output(armour)?;
        sealed.write_all(plain.as_bytes())?;
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

    use super::{BACKUP_KEY, escrow};
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
}
