//! Whether a value is too easy to guess to be a secret.

use letsbe_types::Secret;

/// Sixteen bytes that nobody knows.
const BITS_MIN: f64 = 128.0;

/// Which characters, and how many there are.
type Kind = (fn(char) -> bool, f64);

/// Whether a value has less than 128 bits, whatever made it: its length, by the kinds of characters in it. A character
/// that repeats the one before counts for nothing.
#[must_use]
pub fn is_weak(value: &Secret<String>) -> bool {
    let value = value.expose().trim();
    let is_hex = value.chars().all(|letter| matches!(letter, '0'..='9' | 'a'..='f'));
    let kinds: [Kind; 5] = [
        (|letter| letter.is_ascii_digit(), 10.0),
        (|letter| letter.is_ascii_lowercase(), if is_hex { 6.0 } else { 26.0 }),
        (|letter| letter.is_ascii_uppercase(), 26.0),
        (|letter| letter.is_ascii_punctuation() || letter == ' ', 33.0),
        (|letter| !letter.is_ascii(), 64.0),
    ];
    let alphabet: f64 = kinds.iter().filter(|(is, _)| value.contains(is)).map(|(_, size)| size).sum();
    let letters: Vec<char> = value.chars().collect();
    let repeated = letters.windows(2).filter(|pair| pair[0] == pair[1]).count();
    (letters.len() - repeated) as f64 * alphabet.max(1.0).log2() < BITS_MIN
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::{Credential, CredentialCategory, CredentialMethod as Method};
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::is_weak;
    use crate::{Credentials, Wanted, merge_missing};

    #[test]
    fn words_and_short_values_are_weak_and_sixteen_random_bytes_are_not() {
        for weak in ["", "Sommer$2026!", "correct horse", "0123456789abcdef0123456789abcde", &"a".repeat(99)]
        {
            assert!(is_weak(&weak.into()), "{weak}");
        }
        for strong in ["0123456789abcdef0123456789abcdef", "kT9vQ2xZ7mB4cR8wN1pL6s"] {
            assert!(!is_weak(&strong.into()), "{strong}");
        }
    }

    #[test]
    fn what_is_made_is_never_weak() {
        let mut random = StdRng::seed_from_u64(1);
        for (method, count) in [(Method::Base64, 500), (Method::Hex, 500)] {
            let wanted = |at: usize| Wanted {
                tool: format!("tool-{at}"),
                credential: Credential {
                    key: "a".to_owned(),
                    category: CredentialCategory::AdminPassword,
                    method,
                    login: None,
                    mixed: false,
                    rotation: None,
                },
            };
            let wanted: Vec<_> = (0..count).map(wanted).collect();
            let (made, _) = merge_missing(&Credentials::default(), &wanted, &mut random).expect("makes");
            assert!(made.iter().all(|(_, _, value)| !is_weak(value)));
        }
    }
}
