//! What a repository costs to open.
//!
//! restic stretches a password, so that guessing it is slow: half a second and 32 MiB each time a repository is opened,
//! and a night opens it some fifty times. Our key is no password. It is random, and nobody guesses it, stretched or not.
//! So a repository that we make gets the same key once more, stretched little, and restic, opening it by that one,
//! removes the first. The format is restic's own (its design document: "Keys, Encryption and MAC").

use std::{fs, io};

use aes::{
    Aes128, Aes256,
    cipher::{BlockCipherEncrypt as _, KeyInit as _, KeyIvInit as _, StreamCipher as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use chrono::{DateTime, Utc};
use ctr::Ctr128BE;
use letsbe_types::{Code, Problem, Secret};
use poly1305::Poly1305;
use scrypt::Params;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Repository, restic::Call};

/// A key with fewer letters may be a person's password: it stays stretched.
const RANDOM: usize = 43;
/// scrypt's N (as its logarithm), r and p: 1 MiB and some milliseconds.
const LIGHT: (u8, u32, u32) = (10, 8, 1);
const DOING: &str = "making the repository quick to open";

/// A file in `keys/`.
#[derive(Serialize)]
struct KeyFile {
    created: DateTime<Utc>,
    username: &'static str,
    hostname: &'static str,
    kdf: &'static str,
    #[serde(rename = "N")]
    n: u32,
    r: u32,
    p: u32,
    salt: String,
    data: String,
}

/// What no two key files share.
struct Fresh {
    salt: [u8; 64],
    iv: [u8; 16],
    now: DateTime<Utc>,
}

impl Repository {
    /// Makes a repository that was just made cheap to open. It opens without, too, so what goes wrong here is only told.
    pub(super) async fn lighten(&self) {
        if let Err(problem) = self.try_to_lighten().await {
            tracing::warn!("{} opens slowly: {problem}", self.location.name);
        }
    }

    async fn try_to_lighten(&self) -> Result<(), Problem> {
        let password = self.password().map_err(|error| not_lightened(&error.to_string()))?;
        if password.expose().len() < RANDOM {
            return Ok(());
        }
        let names = self.key_names().await?;
        let [first] = names.as_slice() else { return Ok(()) };
        let (_, keys) = self.ask(Call::new(DOING, &["--no-lock", "cat", "masterkey"])).await?;
        let fresh = Fresh { salt: rand::random(), iv: rand::random(), now: Utc::now() };
        let light = sealed(&Zeroizing::new(keys), &password, &fresh)
            .ok_or_else(|| not_lightened("scrypt refuses"))?;
        let name = hex::encode(Sha256::digest(&light));
        self.write_key(&name, &light).await?;
        // restic does not remove the key that it came in by: this fails unless the new one opens.
        let removing = ["--key-hint", &name, "key", "remove", first];
        self.ask(Call::new(DOING, &removing)).await.map(drop)
    }

    fn password(&self) -> io::Result<Secret<String>> {
        let text = Zeroizing::new(fs::read_to_string(&self.key_file)?);
        Ok(Secret::new(text.trim().to_owned()))
    }
}

fn not_lightened(why: &str) -> Problem {
    Problem::permanent(
        Code::REPO010,
        format!("{DOING}: its key could not be written anew: {why}"),
        "Nothing is lost: it opens with the key that restic wrote, in half a second more.",
    )
}

/// A key file with the keys of a repository under a password.
fn sealed(keys: &[u8], password: &Secret<String>, fresh: &Fresh) -> Option<Vec<u8>> {
    let (log_n, r, p) = LIGHT;
    let mut key = Zeroizing::new([0; 64]);
    let parameters = Params::new(log_n, r, p).ok()?;
    scrypt::scrypt(password.expose().as_bytes(), &fresh.salt, &parameters, key.as_mut_slice()).ok()?;
    let file = KeyFile {
        created: fresh.now,
        username: "root",
        hostname: "letsbe",
        kdf: "scrypt",
        n: 1 << log_n,
        r,
        p,
        salt: BASE64.encode(fresh.salt),
        data: BASE64.encode(encrypted(keys, &key, fresh.iv)),
    };
    serde_json::to_vec(&file).ok()
}

/// AES-256-CTR with the key's first half, then Poly1305-AES over it with the second: its one-time key is the last quarter
/// and the encrypted IV.
fn encrypted(text: &[u8], key: &[u8; 64], iv: [u8; 16]) -> Vec<u8> {
    let (mut encrypting, mut masking, mut once) = ([0; 32], [0; 16], [0; 32]);
    encrypting.copy_from_slice(&key[..32]);
    masking.copy_from_slice(&key[32..48]);
    let mut text = text.to_vec();
    Ctr128BE::<Aes256>::new(&encrypting.into(), &iv.into()).apply_keystream(&mut text);
    let mut mask = iv.into();
    Aes128::new(&masking.into()).encrypt_block(&mut mask);
    once[..16].copy_from_slice(&key[48..]);
    once[16..].copy_from_slice(&mask);
    let mac = Poly1305::new(&once.into()).compute_unpadded(&text);
    [iv.as_slice(), &text, &mac].concat()
}
