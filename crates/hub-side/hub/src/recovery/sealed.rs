//! Whether a text is what it must be before the Hub keeps it: keys that were sealed by age, and nothing beside. Pure.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Two keys for one recipient are far smaller.
const BYTES_MAX: usize = 8 * 1024;
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
/// What every age file begins with, and the only kind of recipient that a run asks for.
const HEADER: &[u8] = b"age-encryption.org/v1\n-> X25519 ";

/// What is wrong with it; `None` for a sealed file.
pub(crate) fn wrong(text: &str) -> Option<&'static str> {
    let sealed = "send the keys sealed by age, armoured; `letsbe backups unseal` does it";
    if text.len() > BYTES_MAX {
        return Some("it is larger than sealed keys are");
    }
    let inside = text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
    let Some(inside) = inside else { return Some(sealed) };
    let encoded: String = inside.split_ascii_whitespace().collect();
    match STANDARD.decode(encoded) {
        Ok(bytes) if bytes.starts_with(HEADER) => None,
        _ => Some(sealed),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::{BEGIN, END, wrong};

    #[test]
    fn only_what_age_sealed_is_taken() {
        let armoured = |inside: &[u8]| format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(inside));
        assert_eq!(wrong(&armoured(b"age-encryption.org/v1\n-> X25519 abc\nbody\n--- mac\n\x01\x02")), None);
        let plain = "registry_key=abab\nbackup_repository_key=canary\n";
        for bad in [
            String::new(),
            plain.to_owned(),
            armoured(plain.as_bytes()),
            armoured(b"age-encryption.org/v1\n-> scrypt salt 18\n"),
            format!("{}{plain}", armoured(b"age-encryption.org/v1\n-> X25519 abc\n")),
            format!("{BEGIN}\n{plain}{END}"),
            armoured(&vec![b'a'; 10_000]),
        ] {
            assert!(wrong(&bad).is_some(), "{bad}");
        }
    }
}
