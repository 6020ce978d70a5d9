//! Keys that come from files of the Hub's machine. What is in them is never part of a message.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use letsbe_types::Secret;

/// Longer is no key.
const BYTES_MAX: u64 = 4096;

/// One line with one key, from a file that nobody else can read; why not, in words.
pub(crate) fn read(path: &Path) -> Result<Secret<String>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let facts = fs::metadata(path).map_err(failed)?;
    if facts.permissions().mode() & 0o077 != 0 {
        return Err("others than its owner can read it (chmod 600)".to_owned());
    }
    let whole =
        if facts.len() <= BYTES_MAX { fs::read_to_string(path).map_err(failed)? } else { String::new() };
    let whole = Secret::new(whole);
    let key = whole.expose().trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err("it does not hold one line with one key".to_owned());
    }
    Ok(Secret::from(key))
}
