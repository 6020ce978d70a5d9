//! The vault as text: sealed with XChaCha20-Poly1305.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    Key, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use letsbe_types::Secret;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{Entry, Vault, VaultError};

/// How this file is made; another number is another program's.
const FORMAT: u32 = 1;
/// The largest vault that is read or written.
pub(crate) const SEALED_BYTES_MAX: u64 = 4 << 20;

/// What stands in the file. Its text is compared byte by byte with what we would write: there is one way to write it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    format: u32,
    version: u64,
    nonce: String,
    sealed: String,
}

impl Sealed {
    fn to_text(&self) -> String {
        json!({ "format": self.format, "version": self.version, "nonce": self.nonce, "sealed": self.sealed })
            .to_string()
            + "\n"
    }
}

const fn unopenable(why: &'static str) -> VaultError {
    VaultError::Unopenable { why }
}

/// The cipher for a key in 64 hexadecimal digits.
fn cipher(key: &str) -> Option<XChaCha20Poly1305> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    hex::decode_to_slice(key.trim_end_matches('\n'), bytes.as_mut_slice()).ok()?;
    Some(XChaCha20Poly1305::new(&Key::from(*bytes)))
}

/// Whether this is a key.
pub(crate) fn is_key(key: &str) -> bool {
    cipher(key).is_some()
}

/// A new key: 64 hexadecimal digits.
pub(crate) fn new_key(random: &mut impl CryptoRng) -> Secret<String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    random.fill_bytes(bytes.as_mut_slice());
    Secret::new(hex::encode(*bytes))
}

/// What is not sealed is bound to what is.
fn bound(version: u64) -> Vec<u8> {
    format!("letsbe vault {FORMAT} {version}").into_bytes()
}

impl Vault {
    /// The vault as text that only `key` (64 hexadecimal digits) opens.
    ///
    /// # Errors
    /// When `key` is none.
    pub fn seal(&self, key: &str, random: &mut impl CryptoRng) -> Result<String, VaultError> {
        let cipher = cipher(key).ok_or(unopenable("the key is not 64 hexadecimal digits"))?;
        let mut nonce = [0_u8; 24];
        random.fill_bytes(&mut nonce);
        let plain = Zeroizing::new(self.to_json().to_string().into_bytes());
        let payload = Payload { msg: &plain, aad: &bound(self.version) };
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| unopenable("it is larger than can be sealed"))?;
        let (nonce, sealed) = (STANDARD.encode(nonce), STANDARD.encode(sealed));
        Ok(Sealed { format: FORMAT, version: self.version, nonce, sealed }.to_text())
    }

    /// Opens what [`Vault::seal`] wrote.
    ///
    /// # Errors
    /// When it is damaged in any way, or `key` is another one.
    pub fn unseal(sealed: &str, key: &str) -> Result<Self, VaultError> {
        let file: Sealed =
            serde_json::from_str(sealed).map_err(|_| unopenable("its file is damaged (no sealed vault)"))?;
        if file.format != FORMAT {
            return Err(unopenable("its file is of another version of letsbe-node"));
        }
        if file.to_text() != sealed {
            return Err(unopenable("its file is damaged (not as it was written)"));
        }
        let cipher = cipher(key).ok_or(unopenable("the key is not 64 hexadecimal digits"))?;
        let nonce = STANDARD.decode(&file.nonce).ok().and_then(|nonce| <[u8; 24]>::try_from(nonce).ok());
        let nonce = nonce.ok_or(unopenable("its nonce is damaged"))?;
        let content = STANDARD.decode(&file.sealed).map_err(|_| unopenable("its content is damaged"))?;
        let payload = Payload { msg: &content, aad: &bound(file.version) };
        let plain = cipher
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| unopenable("its content was changed, or the key is another one"))?;
        let plain = Zeroizing::new(plain);
        let tools =
            serde_json::from_slice(&plain).map_err(|_| unopenable("its content is not understood"))?;
        Ok(Self { version: file.version, tools })
    }

    fn to_json(&self) -> serde_json::Value {
        let entry = |entry: &Entry| {
            let pending = entry.pending.as_ref();
            let retired = entry.retired.iter();
            json!({
                "present": entry.present.expose(),
                "pending": pending.map(|it| json!({ "value": it.value.expose(), "since": it.since })),
                "retired": retired
                    .map(|it| json!({ "value": it.value.expose(), "since": it.since }))
                    .collect::<Vec<_>>(),
                "origin": entry.origin,
                "changed_at": entry.changed_at,
            })
        };
        let tools = self.tools.iter().map(|(tool, keys)| {
            let keys: serde_json::Map<_, _> =
                keys.iter().map(|(key, value)| (key.clone(), entry(value))).collect();
            (tool.clone(), keys.into())
        });
        serde_json::Value::Object(tools.collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::new_key;
    use crate::{
        Vault,
        vault::tests::{noon, steps, take},
    };

    fn filled(steps: &[(String, String, crate::vault::tests::Step)]) -> Vault {
        let mut vault = Vault { version: 7, ..Vault::default() };
        for (tool, key, step) in steps {
            take(&mut vault, tool, key, step, noon());
        }
        vault
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_sealed_is_opened_again_and_by_its_own_key_only(steps in steps(), seed in any::<u64>()) {
            let mut random = StdRng::seed_from_u64(seed);
            let vault = filled(&steps);
            let (key, other) = (new_key(&mut random), new_key(&mut random));
            let sealed = vault.seal(key.expose(), &mut random).expect("seals");
            prop_assert!(!sealed.contains("value-"));
            prop_assert_eq!(Vault::unseal(&sealed, key.expose()).expect("opens"), vault.clone());
            let refused = Vault::unseal(&sealed, other.expose()).expect_err("another key");
            prop_assert!(!refused.to_string().contains(key.expose().as_str()));
            prop_assert_ne!(vault.seal(key.expose(), &mut random).expect("seals"), sealed);
        }

        #[test]
        fn a_sealed_vault_with_any_flipped_bit_is_refused(steps in steps(), place in any::<prop::sample::Index>()) {
            let mut random = StdRng::seed_from_u64(1);
            let key = new_key(&mut random);
            let sealed = filled(&steps).seal(key.expose(), &mut random).expect("seals");
            let place = place.index(sealed.len());
            for bit in 0..8 {
                let mut bytes = sealed.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let damaged = String::from_utf8_lossy(&bytes).into_owned();
                prop_assert!(Vault::unseal(&damaged, key.expose()).is_err(), "byte {} bit {}", place, bit);
            }
            prop_assert!(Vault::unseal(&sealed[..place], key.expose()).is_err());
            prop_assert!(Vault::unseal(&(sealed + "\n"), key.expose()).is_err());
        }
    }

    #[test]
    fn an_older_vault_with_a_newer_number_is_refused() {
        let mut random = StdRng::seed_from_u64(1);
        let key = new_key(&mut random);
        let sealed = filled(&[]).seal(key.expose(), &mut random).expect("seals");
        assert!(Vault::unseal(&sealed, key.expose()).is_ok());
        let renumbered = sealed.replace("\"version\":7", "\"version\":8");
        assert_ne!(renumbered, sealed);
        assert!(Vault::unseal(&renumbered, key.expose()).is_err());
    }
}
