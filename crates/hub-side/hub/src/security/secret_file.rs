//! Secrets that come from files of the Hub's machine: one reader for all of them. A file that others could read or
//! write, that is empty, or that does not look like what it is for, is refused. What is in it is never part of a message.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use letsbe_types::{Secret, steers_terminal};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// Longer is no secret of ours.
const BYTES_MAX: u64 = 64 * 1024;
/// One word is shorter.
const WORD_MAX: usize = 4096;
/// How Stripe's signing secrets begin.
const STRIPE: &str = "whsec_";
/// Shorter could be guessed.
const STRIPE_MIN: usize = 16;
/// What stands in examples: whoever has read them has such a secret too. Compared without case.
const PLACEHOLDERS: [&str; 6] = ["example", "changeme", "replace", "secret", "placeholder", "xxxx"];

/// What a secret looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One word.
    Word,
    /// `whsec_…`
    StripeSecret,
    /// Text of several lines, such as a private key or the settings of another program.
    Text,
    /// JSON.
    Json,
}

/// What the file holds, without the end of its line; why not, in words.
pub(crate) fn read(path: &Path, form: Form) -> Result<Secret<String>, String> {
    let failed = |error: std::io::Error| error.to_string();
    // A pipe without a writer would be waited for, for ever.
    let waits_for_nobody = OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::File::options().read(true).custom_flags(waits_for_nobody).open(path).map_err(failed)?;
    // Of the opened file: another one may lie at the path in a moment.
    let facts = file.metadata().map_err(failed)?;
    if !facts.is_file() {
        return Err("it is no file".to_owned());
    }
    private(&facts)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err("it is larger than such a file is".to_owned());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is no text".to_owned())?;
    // Editors put this mark at the beginning, and nobody sees it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    formed(text, form)?;
    Ok(Secret::from(text))
}

fn private(facts: &fs::Metadata) -> Result<(), String> {
    if facts.permissions().mode() & 0o077 != 0 {
        return Err("others than its owner can read it (chmod 600)".to_owned());
    }
    let me = rustix::process::geteuid().as_raw();
    if facts.uid() != me && facts.uid() != 0 {
        return Err(format!("it belongs to another user (chown it to the Hub's, number {me})"));
    }
    Ok(())
}

fn formed(text: &str, form: Form) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let word = text.len() <= WORD_MAX && !text.contains(|c: char| c.is_whitespace() || steers_terminal(c));
    let fits = match form {
        Form::Word | Form::StripeSecret if !word => {
            return Err("it does not hold one line with one word, without white space".to_owned());
        }
        Form::StripeSecret => text.strip_prefix(STRIPE).is_some_and(is_made_by_stripe),
        Form::Json => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
        Form::Word => true,
        Form::Text => !text.contains('\0'),
    };
    let why = match form {
        Form::StripeSecret => "it does not hold a signing secret of Stripe (whsec_…)",
        _ => "it is damaged",
    };
    if fits { Ok(()) } else { Err(why.to_owned()) }
}

/// Random letters and digits, and nothing that somebody wrote as an example.
fn is_made_by_stripe(rest: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let folded = rest.to_ascii_lowercase();
    let different: std::collections::BTreeSet<char> = folded.chars().collect();
    rest.len() >= STRIPE_MIN
        && rest.chars().all(letter)
        && different.len() > 7
        && !PLACEHOLDERS.iter().any(|word| folded.contains(word))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::{Form, read};

    #[test]
    fn a_secret_that_proves_nothing_is_refused_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let put = |text: &[u8], mode: u32| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        };
        let (stripe, word, text, json) = (Form::StripeSecret, Form::Word, Form::Text, Form::Json);
        assert!(read(&file, word).is_err(), "missing");
        for (bytes, form, kept) in [
            (&b"whsec_canary0123456789"[..], stripe, "whsec_canary0123456789"),
            (b"whsec_canary0123456789\n", stripe, "whsec_canary0123456789"),
            (b"whsec_canary0123456789\r\n", stripe, "whsec_canary0123456789"),
            (b"canary\n", word, "canary"),
            (b"\xef\xbb\xbfcanary\r\n", word, "canary"),
            (b"\xef\xbb\xbfwhsec_canary0123456789\n", stripe, "whsec_canary0123456789"),
            (b"\xef\xbb\xbf{\"a\": 1}", json, "{\"a\": 1}"),
            ("p\u{e4}sswort".as_bytes(), word, "p\u{e4}sswort"),
            (b"line 1\nline 2\n", text, "line 1\nline 2"),
            (b"{\"a\": \"canary\"}\n", json, "{\"a\": \"canary\"}"),
        ] {
            for mode in [0o600, 0o400] {
                put(bytes, mode);
                assert_eq!(read(&file, form).unwrap().expose(), kept);
                fs::remove_file(&file).unwrap();
            }
        }
        let long = "k".repeat(70_000);
        for (bytes, form) in [
            (&b""[..], stripe),
            (b"\n", stripe),
            (b" \t\r\n", word),
            (b"", text),
            (b"\n\n", text),
            (b"", json),
            (b"canary", stripe),
            (b"whsec_", stripe),
            (b"whsec_canary", stripe),
            (b" whsec_canary0123456789", stripe),
            (b"whsec_canary0123456789\n\n", stripe),
            (b"whsec_canary 0123456789", stripe),
            (b"two canaries", word),
            (b"canary\ncanary", word),
            (b"canary\0", word),
            ("canary\u{a0}canary".as_bytes(), word),
            (b"canary\xff", word),
            (b"\xef\xbb\xbf", word),
            (b"\xff\xfec\0a\0n\0a\0r\0", word),
            (b"c\0a\0n\0a\0r\0y\0", word),
            ("canary\u{200b}".as_bytes(), word),
            ("canary\u{feff}canary".as_bytes(), word),
            ("\u{202e}canary".as_bytes(), word),
            (b"canary\x1b[2J", word),
            (b"\0\0\0\0", text),
            (b"whsec_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", stripe),
            (b"whsec_canarycanarycanarycanary", stripe),
            (b"whsec_your_canary_signing_0123456789", stripe),
            (b"whsec_Canary0123456789ChangeMe", stripe),
            (b"whsec_<canary0123456789abc>", stripe),
            (b"'whsec_canary0123456789'", stripe),
            (b"STRIPE=whsec_canary0123456789", stripe),
            (b"{\"a\": \"canary\"", json),
            (long.as_bytes(), text),
        ] {
            put(bytes, 0o600);
            let why = read(&file, form).unwrap_err();
            assert!(!why.contains("canar"), "{why}");
        }
    }

    #[test]
    fn what_is_no_private_file_of_that_size_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (file, word) = (folder.path().join("secret"), Form::Word);
        let put = |mode: u32| {
            fs::write(&file, b"canary").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        };
        for mode in [0o644, 0o640, 0o604, 0o620, 0o602] {
            put(mode);
            assert!(read(&file, word).unwrap_err().contains("chmod 600"), "{mode:o}");
        }
        assert!(read(folder.path(), word).is_err(), "a folder");
        assert!(read("/dev/zero".as_ref(), word).is_err(), "a device");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap();
        assert!(made.success());
        assert_eq!(read(&pipe, word).unwrap_err(), "it is no file", "a pipe that nobody writes to");
        let huge = folder.path().join("huge");
        fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
        fs::set_permissions(&huge, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read(&huge, Form::Text).unwrap_err().contains("larger"));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        put(0o640);
        assert!(
            read(&link, word).unwrap_err().contains("chmod 600"),
            "a link is as open as what it leads to"
        );
        put(0o600);
        assert_eq!(read(&link, word).unwrap().expose(), "canary");
    }
}
