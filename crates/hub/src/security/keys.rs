//! Bearer keys: 32 random bytes in hex, shown once and stored as a hash.

use axum::http::{HeaderMap, header};
use letsbe_store::token_hash;
use subtle::ConstantTimeEq as _;

/// A new key or session token.
pub(crate) fn generate() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// The key in `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() && key.len() <= 256).then(|| key.trim())
}

/// Whether `key` is the one behind `hash`, in a time that does not depend on how much of it fits.
pub(crate) fn fits(key: &str, hash: &str) -> bool {
    token_hash(key).as_bytes().ct_eq(hash.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::{bearer, fits, generate};
    use axum::http::{HeaderMap, HeaderValue, header};

    #[test]
    fn only_a_bearer_key_is_read() {
        for (given, read) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("Basic abc", None),
            ("Bearer ", None),
            ("abc", None),
        ] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(given))]);
            assert_eq!(bearer(&headers), read, "{given:?}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn a_key_fits_its_own_hash_only() {
        let (one, other) = (generate(), generate());
        assert_eq!(one.len(), 64);
        assert!(fits(&one, &letsbe_store::token_hash(&one)));
        assert!(!fits(&other, &letsbe_store::token_hash(&one)));
        assert!(!fits(&one, ""));
    }
}
