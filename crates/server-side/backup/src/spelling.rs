//! Names that are no text, spelt as restic spells them in JSON.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

/// A name as text: each byte that belongs to no character becomes U+FFFD, as Go's JSON has it. (Rust's own way makes one of
/// several such bytes.)
#[must_use]
pub fn spelled(name: impl AsRef<OsStr>) -> String {
    let mut text = String::new();
    for chunk in name.as_ref().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    use super::spelled;

    #[test]
    fn every_byte_that_is_no_character_is_one_sign() {
        for (bytes, text) in [
            (&b"a\xc3\xa4"[..], "a\u{e4}"),
            (b"Angebot \xe2\x80.pdf", "Angebot \u{fffd}\u{fffd}.pdf"),
            (b"\xf0\x9f\x98", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
            ("\u{fffd}".as_bytes(), "\u{fffd}"),
        ] {
            assert_eq!(spelled(OsStr::from_bytes(bytes)), text);
        }
    }
}
