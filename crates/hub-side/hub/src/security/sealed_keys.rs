//! Whether a text is an age file, armoured, for so many recipients and nobody else. Whom an X25519 recipient is, its
//! file does not say; how many there are, it does. Pure.

use std::io::Read as _;

use age::{Decryptor, armor::ArmoredReader};

/// Two keys for sixteen recipients are far smaller.
const BYTES_MAX: usize = 8 * 1024;
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const VERSION: &str = "age-encryption.org/v1";
/// A nonce, and the tag of an empty last piece.
const BODY_MIN: usize = 16 + 16;
/// Characters of 32 bytes in base64 without padding.
const SHARE: usize = 43;

/// What is wrong with it; `None` for keys that were sealed for `recipients` recipients.
pub(crate) fn wrong(text: &str, recipients: usize) -> Option<&'static str> {
    if text.len() > BYTES_MAX {
        return Some("it is larger than sealed keys are");
    }
    match read(text) {
        None => Some("send the keys sealed by age, armoured"),
        Some(_) if recipients == 0 => Some("name who can open it"),
        Some(found) if found != recipients => {
            Some("it is not sealed for exactly the recipients that are named")
        }
        Some(_) => None,
    }
}

/// How many recipients an armoured file has.
fn read(text: &str) -> Option<usize> {
    let text = text.trim();
    if !text.starts_with(BEGIN) || !text.ends_with(END) || text.matches(BEGIN).count() != 1 {
        return None;
    }
    let mut file = Vec::new();
    ArmoredReader::new(text.as_bytes()).read_to_end(&mut file).ok()?;
    // The library's own reader knows the whole grammar of the header.
    Decryptor::new(file.as_slice()).ok()?;
    let mark = b"\n--- ";
    let end = file.windows(mark.len()).position(|window| window == mark)?;
    let header = std::str::from_utf8(&file[..end]).ok()?;
    let mac = file[end + mark.len()..].iter().position(|byte| *byte == b'\n')?;
    let body = file.len() - (end + mark.len() + mac + 1);
    let mut lines = header.lines();
    (lines.next() == Some(VERSION) && body > BODY_MIN).then_some(())?;
    let mut found = 0;
    for line in lines.filter_map(|line| line.strip_prefix("-> ")) {
        match line.split_once(' ') {
            Some(("X25519", share)) if share.len() == SHARE => found += 1,
            // The library adds such a line, so that readers learn to skip what they do not know.
            _ if line.split(' ').next().is_some_and(|kind| kind.ends_with("-grease")) => {}
            _ => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use age::{
        Encryptor, Recipient,
        armor::{ArmoredWriter, Format},
        x25519::Identity,
    };
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::{BEGIN, BYTES_MAX, END, wrong};

    fn sealed(recipients: usize, armour: Format) -> Vec<u8> {
        let known: Vec<_> = (0..recipients).map(|_| Identity::generate().to_public()).collect();
        let encryptor = Encryptor::with_recipients(known.iter().map(|it| it as &dyn Recipient)).unwrap();
        let mut writer =
            encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), armour).unwrap()).unwrap();
        writer.write_all(b"registry_key=ab\nbackup_repository_key=cd\n").unwrap();
        writer.finish().unwrap().finish().unwrap()
    }

    fn armoured(recipients: usize) -> String {
        String::from_utf8(sealed(recipients, Format::AsciiArmor)).unwrap()
    }

    #[test]
    fn only_an_armoured_age_file_for_exactly_so_many_recipients_is_taken() {
        for recipients in [1, 2, 16] {
            // What the library adds at random is skipped each time.
            for _ in 0..20 {
                assert_eq!(wrong(&armoured(recipients), recipients), None);
            }
        }
        assert_eq!(wrong(&format!("\n{}\n", armoured(1)), 1), None);
        let one = armoured(1);
        let encoded = |bytes: &[u8]| format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(bytes));
        let binary = sealed(1, Format::Binary);
        let text_of = |change: &dyn Fn(&str) -> String| {
            let whole: String = binary.iter().map(|byte| char::from(*byte)).collect();
            let changed: Vec<u8> =
                change(&whole).chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            encoded(&changed)
        };
        for (what, text) in [
            ("nothing", String::new()),
            ("garbage", "garbage 1".to_owned()),
            ("armoured garbage", encoded(b"garbage")),
            (
                "a header without a body",
                text_of(&|text| text.split_inclusive("\n--- ").next().unwrap().into()),
            ),
            ("a cut file", encoded(&binary[..binary.len() / 3])),
            ("two files", format!("{one}{one}")),
            ("text before", format!("registry_key=abab\n{one}")),
            ("text after", format!("{one}registry_key=abab\n")),
            (
                "a passphrase",
                encoded(b"age-encryption.org/v1\n-> scrypt bm9uY2Vub25jZW5vbmNlMQ 18\nYWJj\n--- YWJj\n"),
            ),
            ("another version", text_of(&|text| text.replacen("/v1", "/v2", 1))),
            ("another kind", text_of(&|text| text.replacen("X25519", "p256", 1))),
            ("terminal codes", format!("\u{1b}]0;owned\u{7}{one}")),
        ] {
            assert!(wrong(&text, 1).is_some(), "{what}");
        }
        assert!(wrong(&String::from_utf8_lossy(&binary), 1).is_some(), "not armoured");
        for (found, named) in [(1, 2), (2, 1), (1, 0)] {
            assert!(wrong(&armoured(found), named).is_some(), "{found} {named}");
        }
        let large = one.replacen(BEGIN, &format!("{BEGIN}\n{}", "A".repeat(BYTES_MAX)), 1);
        assert!(wrong(&large, 1).unwrap().contains("larger"));
    }
}
