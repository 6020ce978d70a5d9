//! Bearer keys: 32 random bytes in hex, shown once and stored as a hash.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderMap, header},
};
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

/// Hash of the key that a request came with.
#[derive(Clone)]
struct KeyHash(Arc<str>);

/// The hash of the key that a request came with: worked out once, and kept in the request for whoever asks after it.
pub(crate) fn bearer_hash(request: &mut Request) -> Option<Arc<str>> {
    if let Some(KeyHash(hash)) = request.extensions().get() {
        return Some(Arc::clone(hash));
    }
    let hash: Arc<str> = token_hash(bearer(request.headers())?).into();
    request.extensions_mut().insert(KeyHash(Arc::clone(&hash)));
    Some(hash)
}

/// Whether `key` is the one behind `hash`, in a time that does not depend on how much of it fits.
pub(crate) fn fits(key: &str, hash: &str) -> bool {
    token_hash(key).as_bytes().ct_eq(hash.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::{bearer, bearer_hash, fits, generate};
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
    fn the_hash_of_a_requests_key_is_worked_out_once() {
        let request = axum::extract::Request::builder().header(header::AUTHORIZATION, "Bearer abc");
        let mut request = request.body(axum::body::Body::empty()).expect("a request");
        let first = bearer_hash(&mut request).expect("there is a key");
        assert_eq!(*first, *letsbe_store::token_hash("abc"));
        let second = bearer_hash(&mut request).expect("there is a key");
        assert!(std::sync::Arc::ptr_eq(&first, &second));
        assert_eq!(bearer_hash(&mut axum::extract::Request::default()), None);
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
