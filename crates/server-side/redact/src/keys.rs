//! Names of JSON keys whose values are secrets.

use crate::references;

const NAME_BYTES_MAX: usize = 64;
const VALUE_LETTERS_MIN: usize = 6;

/// What such a name ends with, in lower case and without `-`, `_` and `.`.
const ENDINGS: [&str; 19] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "secret",
    "secretkey",
    "token",
    "apikey",
    "authorization",
    "privatekey",
    "clientsecret",
    "credential",
    "credentials",
    "accesskey",
    "accesskeyid",
    "authkey",
    "encryptionkey",
    "signingkey",
    "connectionstring",
];
const WHOLE: [&str; 4] = ["pwd", "pass", "psk", "cookie"];
/// Marks of places in lists, not secrets.
const PLACES: [&str; 4] = ["pagetoken", "continuationtoken", "nexttoken", "synctoken"];

/// Whether a value under this name is a secret, whatever it is.
pub(crate) fn names_a_secret(key: &str) -> bool {
    // Longer names are text.
    if key.len() > NAME_BYTES_MAX || key.len() < 3 {
        return false;
    }
    let mut name = [0; NAME_BYTES_MAX];
    let mut len = 0;
    for byte in key.bytes().filter(|byte| !b"-_. ".contains(byte)) {
        name[len] = byte.to_ascii_lowercase();
        len += 1;
    }
    let name = &name[..len];
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending.as_bytes()));
    WHOLE.iter().any(|whole| name == whole.as_bytes()) || ends(&ENDINGS) && !ends(&PLACES)
}

/// Whether such a value has something to hide: it is not a placeholder, a variable or a row of stars already.
pub(crate) fn hides_something(value: &str) -> bool {
    let mut rest = value.trim().to_owned();
    for name in references(value) {
        rest = rest.replace(&crate::placeholder(name), "");
    }
    let scheme = ["Bearer", "Basic", "Token"].iter().find_map(|scheme| rest.strip_prefix(scheme));
    let rest = scheme.unwrap_or(&rest).trim();
    let is_variable = rest.starts_with("${") && rest.find('}') == Some(rest.len() - 1);
    rest.chars().count() >= VALUE_LETTERS_MIN && !is_variable && rest.chars().any(char::is_alphanumeric)
}

/// The name as it stands in a placeholder.
pub(crate) fn in_placeholder(key: &str) -> String {
    let letters = key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' });
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}
