//! Passwords of staff: argon2id, away from the threads that answer requests, two at a time.

use std::sync::OnceLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use letsbe_types::Secret;
use thiserror::Error;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Each check takes 19 MiB and a core for some tens of milliseconds: a flood must not take all.
static TURNS: Semaphore = Semaphore::const_new(2);

/// Why a password could not be hashed or checked. Carries nothing of the password.
#[derive(Debug, Error)]
#[error("the password could not be {0}; try again, and look at the machine's memory if it stays so")]
pub struct PasswordError(&'static str);

/// Argon2id in PHC form, with a random salt.
///
/// # Errors
/// When the machine has no memory for it.
pub fn hash(password: &Secret<String>) -> Result<String, PasswordError> {
    let salt = rand::random::<[u8; 16]>();
    let hashed = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), &salt);
    hashed.map(|hash| hash.to_string()).map_err(|_| PasswordError("hashed"))
}

/// The same, away from the threads that answer requests.
///
/// # Errors
/// When the machine has no memory for it.
pub async fn hash_password(password: Secret<String>) -> Result<String, PasswordError> {
    spawn_blocking(move || hash(&password)).await.map_err(|_| PasswordError("hashed"))?
}

/// Whether the password is the one behind `hash`. Without a hash (no such person) it takes as long and is wrong.
///
/// # Errors
/// When the check could not be made.
pub async fn verify(password: Secret<String>, hash: Option<String>) -> Result<bool, PasswordError> {
    let _turn = TURNS.acquire().await.map_err(|_| PasswordError("checked"))?;
    let checked = spawn_blocking(move || {
        let nobody = nobody()?;
        let parsed =
            PasswordHash::new(hash.as_deref().unwrap_or(nobody)).map_err(|_| PasswordError("read"))?;
        let fits = Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok();
        Ok(fits && hash.is_some())
    });
    checked.await.map_err(|_| PasswordError("checked"))?
}

/// The hash of a password that nobody has.
fn nobody() -> Result<&'static str, PasswordError> {
    static NOBODY: OnceLock<String> = OnceLock::new();
    if let Some(known) = NOBODY.get() {
        return Ok(known);
    }
    let made = hash(&Secret::new(super::keys::generate()))?;
    Ok(NOBODY.get_or_init(|| made))
}

#[cfg(test)]
mod tests {
    use super::{hash, verify};
    use letsbe_types::Secret;

    #[tokio::test]
    async fn the_right_password_of_a_known_person_only() {
        let stored = hash(&Secret::from("correct horse")).expect("hashed");
        assert!(stored.starts_with("$argon2id$"), "{stored}");
        assert!(verify(Secret::from("correct horse"), Some(stored.clone())).await.expect("checked"));
        assert!(!verify(Secret::from("wrong"), Some(stored)).await.expect("checked"));
        assert!(!verify(Secret::from("correct horse"), None).await.expect("checked"));
        assert!(verify(Secret::from("x"), Some("no hash".into())).await.is_err());
    }
}
