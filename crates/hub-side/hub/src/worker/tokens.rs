//! Random tokens.

use letsbe_types::Secret;
use rand::Rng as _;

/// 32 random bytes in hex.
#[must_use]
pub fn random_token() -> Secret<String> {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    Secret::new(hex::encode(bytes))
}
