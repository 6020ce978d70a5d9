use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::{DATABASE, HEX, QUOTED, SHORT, known, redactor, redactor_for, value};

/// Written independently of the redactor's own forms.
fn written(value: &str) -> Vec<(&'static str, String)> {
    let bytes = value.as_bytes();
    let each = |write: fn(u8) -> String| bytes.iter().map(|byte| write(*byte)).collect::<String>();
    let units = |write: fn(u16) -> String| value.encode_utf16().map(write).collect::<String>();
    let json = |text: &str| serde_json::to_string(text).expect("JSON").trim_matches('"').to_owned();
    let unreserved = |upper: bool| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    write!(text, "{}", char::from(*byte))
                }
                byte if upper => write!(text, "%{byte:02X}"),
                byte => write!(text, "%{byte:02x}"),
            };
            text
        })
    };
    let inner = serde_json::to_string(value).expect("JSON");
    let inner = &inner[1..inner.len() - 1];
    vec![
        ("plain", value.to_owned()),
        ("base64", STANDARD.encode(value)),
        ("base64 without padding", STANDARD_NO_PAD.encode(value)),
        ("base64 for addresses", URL_SAFE.encode(value)),
        ("base64 for addresses without padding", URL_SAFE_NO_PAD.encode(value)),
        ("hex", hex::encode(value)),
        ("HEX", hex::encode_upper(value)),
        ("URL", unreserved(true)),
        ("url", unreserved(false)),
        ("every byte URL-encoded", each(|byte| format!("%{byte:02X}"))),
        ("JSON", inner.to_owned()),
        ("JSON with escaped slashes", inner.replace('/', "\\/")),
        ("Unicode escapes", units(|unit| format!("\\u{unit:04x}"))),
        ("UNICODE ESCAPES", units(|unit| format!("\\u{unit:04X}"))),
        ("JSON in JSON", json(inner)),
        ("Unicode escapes in JSON", units(|unit| format!("\\\\u{unit:04x}"))),
        ("shell quotes", value.replace('\'', r"'\''")),
    ]
}

#[test]
fn escapes_of_other_languages_are_read_too() {
    let each = |write: fn(u32) -> String| DATABASE.chars().map(|c| write(u32::from(c))).collect::<String>();
    for text in [
        each(|c| format!("\\u{{{c:x}}}")),
        each(|c| format!("\\x{{{c:04X}}}")),
        each(|c| format!("\\\\u{{{c:06x}}}")),
        each(|c| format!("\\U{c:08x}")),
    ] {
        let said = redactor().text(&format!("a {text} z"));
        assert!(said.starts_with("a SECRET_REF(") && said.ends_with(") z"), "{text}: {said}");
    }
}

#[test]
fn bytes_that_are_written_one_by_one_are_read() {
    let each = |write: fn(u8) -> String| DATABASE.bytes().map(write).collect::<Vec<_>>();
    for (text, gone) in [
        (each(|byte| format!("{byte:02x}")).join(" "), "62 "),
        (each(|byte| format!("{byte:02X}")).join(":"), ":"),
        (each(|byte| format!("0x{byte:02x}")).join(", "), "0x"),
        (format!("00000000: {}  plain", each(|byte| format!("{byte:02x}")).join(" ")), "plain"),
    ] {
        let said = redactor().text(&format!("before\n{text}\nafter"));
        assert!(said.starts_with("before\nSECRET_REF(") && said.ends_with(")\nafter"), "{text}: {said}");
        assert!(!said.contains(gone), "{said}");
    }
    for text in [
        "2026-11-22 10:11:12, 192.0.2.1 - - 00:1a:2b:3c:4d:5e",
        "a bad face, dead beef: 1 2 3 4 5 6 7 8 9 10 11",
    ] {
        assert_eq!(redactor().text(text), text);
    }
}

#[test]
fn every_form_of_every_known_value_is_found() {
    let redactor = redactor();
    for (name, value) in known() {
        for (form, text) in written(value) {
            let expected = format!("a SECRET_REF({name}) z");
            assert_eq!(redactor.text(&format!("a {text} z")), expected, "{form}: {text}");
        }
    }
}

#[test]
fn base64_of_a_larger_text_is_found_at_all_three_positions() {
    let redactor = redactor();
    for value in [DATABASE, HEX, SHORT] {
        for before in ["", "x", "xy", "PASSWORD=", "password: "] {
            for after in ["", "\n", "\nUSER=root\n"] {
                let encoded = STANDARD.encode(format!("{before}{value}{after}"));
                let text = redactor.text(&encoded);
                assert!(text.contains("SECRET_REF("), "{before}{value}: {text}");
                let (left, rest) = text.split_once("SECRET_REF(").expect("it does");
                let right = rest.split_once(')').expect("its end").1;
                assert!(left.len() <= before.len() * 4 / 3 + 2, "{left}");
                assert!(right.len() <= after.len() * 4 / 3 + 6, "{right}");
            }
        }
    }
}

#[test]
fn a_value_in_halves_or_pieces_is_found() {
    let redactor = redactor();
    for (name, value) in [("ghost/database", DATABASE), ("n8n/key", HEX)] {
        for start in 0..value.len() - 20 {
            for end in start + 20..=value.len() {
                let text = redactor.text(&format!("the part ({}) of it", &value[start..end]));
                assert_eq!(text, format!("the part (SECRET_REF({name})) of it"), "{start}..{end}");
            }
        }
    }
}

#[test]
fn an_encoded_piece_of_a_value_is_found() {
    let redactor = redactor();
    for start in 0..DATABASE.len() - 15 {
        let piece = &DATABASE[start..start + 15];
        let redacted = redactor.text(&format!("piece {} of it", STANDARD.encode(piece)));
        assert_eq!(redacted, "piece SECRET_REF(ghost/database) of it", "{start}");
        let redacted = redactor.text(&format!("piece {} of it", hex::encode(piece)));
        assert!(
            redacted.contains("SECRET_REF(ghost/database)") && redacted.len() < 45,
            "{start}: {redacted}"
        );
    }
}

#[test]
fn overlapping_values_leave_nothing() {
    let redactor = redactor_for([("a", "abcdefgh1234"), ("b", "1234-ijklmnop"), ("c", "efgh1234-ij")]);
    assert_eq!(redactor.text("x abcdefgh1234-ijklmnop y"), "x SECRET_REF(a)SECRET_REF(c)SECRET_REF(b) y");
    assert_eq!(redactor.text("abcdefgh1234abcdefgh1234"), "SECRET_REF(a)SECRET_REF(a)");
}

#[test]
fn of_values_that_begin_alike_the_longest_is_found() {
    let redactor =
        redactor_for([("a", "abcdefgh"), ("b", "abcdefgh-Z"), ("c", "abcdefgh-Z-Z"), ("d", "abcdefgh-A")]);
    for (text, expected) in [
        ("abcdefghbb", "SECRET_REF(a)bb"),
        ("abcdefgh-Y", "SECRET_REF(a)-Y"),
        ("abcdefgh-Z", "SECRET_REF(b)"),
        // All but the first and the last of one, too.
        ("abcdefgh-Z-", "SECRET_REF(b)SECRET_REF(c)"),
        ("abcdefgh-Z-Z", "SECRET_REF(c)"),
        ("abcdefgh-Z-a", "SECRET_REF(b)SECRET_REF(c)a"),
        ("abcdefg", "abcdefg"),
    ] {
        assert_eq!(redactor.text(text), expected);
    }
}

#[test]
fn placeholders_stay_and_what_only_looks_like_one_does_not() {
    let redactor = redactor_for([("ghost/database", "database"), ("long", HEX)]);
    assert_eq!(redactor.text("SECRET_REF(ghost/database)"), "SECRET_REF(ghost/database)");
    assert_eq!(redactor.text("my database"), "my SECRET_REF(ghost/database)");
    assert_eq!(redactor.text(&format!("SECRET_REF({HEX})")), "SECRET_REF(SECRET_REF(long))");
    let random = "SECRET_REF(q8ZrT5vWx2LmN7pKs4DfG6hJ9yBc3EaU0iOtRwQ1)";
    assert!(!redactor.text(random).contains("q8ZrT5"), "{}", redactor.text(random));
}

#[test]
fn tricks_of_unicode_escapes_and_wrapped_lines_are_read() {
    let redactor = redactor();
    let zero_width: String = DATABASE.chars().flat_map(|letter| [letter, '\u{200b}']).collect();
    let hyphens: String = HEX.chars().flat_map(|letter| ['\u{ad}', letter]).collect();
    let wide: String =
        HEX.chars().map(|letter| char::from_u32(u32::from(letter) + 0xFEE0).expect("a letter")).collect();
    let mixed: String = DATABASE
        .chars()
        .enumerate()
        .map(|(at, letter)| match at % 5 {
            0 => format!("\\u{:04x}", u32::from(letter)),
            1 => format!("\\\\\\u{:04X}", u32::from(letter)),
            2 => format!("\\x{:02x}", u32::from(letter)),
            3 => format!("&#{};", u32::from(letter)),
            _ => format!("%{:02x}", u32::from(letter)),
        })
        .collect();
    for text in [zero_width, hyphens, wide, mixed] {
        let redacted = redactor.text(&format!("see {text} here"));
        assert!(redacted.contains("SECRET_REF("), "{redacted}");
        assert!(redacted.chars().count() < 50, "{redacted}");
    }
    let file = STANDARD.encode(format!("APP_NAME=ghost\nDATABASE_PASSWORD={DATABASE}\nMAIL=none\n"));
    for line_end in ["\n", "\r\n", "\n    "] {
        let wrapped: Vec<_> = file.as_bytes().chunks(36).map(String::from_utf8_lossy).collect();
        let redacted = redactor.text(&wrapped.join(line_end));
        assert!(redacted.contains("SECRET_REF(ghost/database)"), "{redacted}");
    }
}

proptest! {
    #[test]
    fn a_known_value_is_found_in_every_form_and_place(
        value in value(), before in "[ -~\n]{0,40}", after in "[ -~\n]{0,40}", form in any::<prop::sample::Index>(),
    ) {
        let value = value.trim();
        let forms = written(value);
        let (name, text) = form.get(&forms);
        let redactor = redactor_for([("tool/key", value)]);
        let redacted = redactor.text(&format!("{before}{text}{after}"));
        prop_assert!(redacted.contains("SECRET_REF(tool/key)"), "{name}: {redacted}");
        prop_assert!(!redacted.contains(text.as_str()), "{name}: {redacted}");
    }
}

#[test]
fn of_a_thousand_secrets_each_is_found() {
    use sha2::{Digest as _, Sha256};
    let value = |at: usize| hex::encode(Sha256::digest(at.to_le_bytes()))[..20 + at % 40].to_owned();
    let values: Vec<String> = (0..1_000).map(value).collect();
    let redactor = redactor_for(values.iter().map(|value| (value.as_str(), value.as_str())));
    let text = redactor.text(&values.join(" "));
    assert!(crate::references(&text).eq(values.iter().map(String::as_str)), "{text}");
}

#[test]
fn quotes_of_every_kind_are_found() {
    let redactor = redactor();
    for text in [
        r#"'it'\''s "so" $ecret & ünsafe\/<tag>'"#,
        r#""it's \"so\" \$ecret & ünsafe\\/<tag>""#,
        "it%27s+%22so%22+%24ecret+%26+%C3%BCnsafe%5C%2F%3Ctag%3E",
        "it&#39;s &quot;so&quot; $ecret &amp; ünsafe\\/&lt;tag&gt;",
        "it's \\\"so\\\" $ecret \\u0026 ünsafe\\\\/\\u003ctag\\u003e",
        "it's \\\"so\\\" $ecret & \\u00fcnsafe\\\\/<tag>",
        r#"it\'s\ \"so\"\ \$ecret\ \&\ ünsafe\\/\<tag\>"#,
    ] {
        assert!(redactor.text(text).contains("SECRET_REF(odd/quoted)"), "{text}: {}", redactor.text(text));
    }
    assert_eq!(QUOTED.len(), 33);
}
