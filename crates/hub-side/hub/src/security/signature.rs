//! Stripe's signature: `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>…]` over `<t>.<body>`.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use letsbe_types::Secret;
use sha2::Sha256;
use thiserror::Error;

/// How far the signature's time may be from ours, as in Stripe's own libraries.
const TOLERANCE: TimeDelta = TimeDelta::seconds(300);

/// Why a signature was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SignatureError {
    /// The header is missing, or not of Stripe's form.
    #[error("the Stripe-Signature header is missing or malformed")]
    Malformed,
    /// No signature in it fits.
    #[error("the signature does not fit the body; check the endpoint's signing secret")]
    Wrong,
    /// It was made too long ago (a replay), or in the future.
    #[error("the signature's time is more than 300 seconds away from the Hub's clock")]
    Expired,
}

/// Checks the signature of a webhook.
///
/// # Errors
/// When it is malformed, wrong or too old. Nothing of the body may be looked at then.
pub fn verify(
    header: &str,
    body: &[u8],
    secret: &Secret<String>,
    now: DateTime<Utc>,
) -> Result<(), SignatureError> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',').take(20) {
        match part.trim().split_once('=') {
            Some(("t", value)) => time = Some(value),
            Some(("v1", value)) => signatures.extend(hex::decode(value).ok()),
            // Other schemes may come; they prove nothing to us.
            _ => {}
        }
    }
    let time = time.ok_or(SignatureError::Malformed)?;
    let seconds: i64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    let signed_at = DateTime::from_timestamp(seconds, 0).ok_or(SignatureError::Malformed)?;
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return Err(SignatureError::Wrong);
    };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    // `verify_slice` takes the same time wherever the difference is.
    if !signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok()) {
        return Err(SignatureError::Wrong);
    }
    if (now - signed_at).abs() > TOLERANCE { Err(SignatureError::Expired) } else { Ok(()) }
}

/// A header as Stripe makes it; for tests and for the lab's signer.
#[must_use]
pub fn sign(body: &[u8], secret: &Secret<String>, at: DateTime<Utc>) -> String {
    let time = at.timestamp().to_string();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return String::new();
    };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{SignatureError, sign, verify};
    use chrono::{DateTime, TimeDelta};
    use letsbe_types::Secret;

    #[test]
    fn only_a_fresh_signature_of_this_body_counts() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).expect("a moment");
        let secret = Secret::<String>::from("whsec_test");
        let good = sign(b"{}", &secret, now);
        let other = sign(b"{}", &Secret::from("whsec_other"), now);
        let rolled = format!("{other},{}", good.split_once(',').expect("two parts").1);
        let check = |header: &str, body: &[u8], seconds| {
            verify(header, body, &secret, now + TimeDelta::seconds(seconds))
        };
        assert_eq!(check(&good, b"{}", 0), Ok(()));
        assert_eq!(check(&rolled, b"{}", 0), Ok(()), "several v1: one that fits is enough");
        assert_eq!(check(&good, b"{}", 300), Ok(()));
        assert_eq!(check(&good, b"{}", 301), Err(SignatureError::Expired));
        assert_eq!(check(&good, b"{}", -301), Err(SignatureError::Expired));
        assert_eq!(check(&good, b"{ }", 0), Err(SignatureError::Wrong));
        assert_eq!(check(&other, b"{}", 0), Err(SignatureError::Wrong));
        assert_eq!(check(&good.replace("v1=", "v0="), b"{}", 0), Err(SignatureError::Wrong));
        for bad in ["", "t=", "t=x,v1=00", "v1=00", "t=99999999999999999999,v1=00", "nonsense"] {
            assert_eq!(check(bad, b"{}", 0), Err(SignatureError::Malformed), "{bad:?}");
        }
        // The published vector form: HMAC-SHA256 of "t.body", checked against an independent tool.
        assert_eq!(
            sign(b"{\"id\":\"evt_1\"}", &Secret::from("whsec_test"), now),
            "t=1790000000,v1=e32657f3e678d33b41ec084c16ac0e125d25480a06cb3902286dc5942c6fd259"
        );
    }
}
