//! The forms of one text.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::json;
use unicode_normalization::UnicodeNormalization as _;

use super::{GROUPS, HEX, PERSONS, SHORT, VALUE};

pub(super) type Text = (&'static str, &'static str, fn(&str) -> String);

pub(super) fn each(value: &str, write: impl Fn(char) -> String) -> Vec<String> {
    value.chars().map(write).collect()
}

pub(super) fn bytes(value: &str, write: impl Fn(u8) -> String) -> Vec<String> {
    value.bytes().map(write).collect()
}

pub(super) fn after_each(value: &str, between: &str) -> String {
    each(value, |letter| letter.to_string()).join(between)
}

pub(in super::super) fn every(value: &str, count: usize, between: &str) -> String {
    let letters: Vec<char> = value.chars().collect();
    letters.chunks(count).map(String::from_iter).collect::<Vec<_>>().join(between)
}

pub(super) fn moved(value: &str, by: impl Fn(char) -> u32) -> String {
    value.chars().map(|letter| char::from_u32(by(letter)).expect("a letter")).collect()
}

pub(super) fn bold(letter: char) -> u32 {
    match letter {
        'A'..='Z' => 0x1D400 + u32::from(letter) - 0x41,
        'a'..='z' => 0x1D41A + u32::from(letter) - 0x61,
        _ => 0x1D7CE + u32::from(letter) - 0x30,
    }
}

pub(super) fn look_alike(value: &str) -> String {
    let like = |letter| "cсpрoоxхyуaаeеsѕTТBВMМZΖNΝHНUՍ".chars().skip_while(move |at| *at != letter).nth(1);
    value.chars().map(|letter| like(letter).filter(|like| !like.is_ascii()).unwrap_or(letter)).collect()
}

pub(super) fn utf16(value: &str, bytes: fn(u16) -> [u8; 2]) -> String {
    STANDARD.encode(value.encode_utf16().flat_map(bytes).collect::<Vec<_>>())
}

pub(super) fn gzip(value: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(format!("DB_PASSWORD={value}\n").repeat(3).as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

pub(super) fn deflated(value: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(format!("DB_PASSWORD={value}\n").repeat(3).as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

pub(super) fn zlib(value: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(format!("DB_PASSWORD={value}\n").repeat(3).as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// An archive of one file; what comes after its content is not needed to read it.
pub(super) fn zip(value: &str) -> Vec<u8> {
    let mut header = b"PK\x03\x04\x14\0\0\0\x08\0".to_vec();
    header.extend([0; 16]);
    header.extend([1, 0, 0, 0, b'a']);
    [header, deflated(value)].concat()
}

pub(super) fn data(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", STANDARD.encode(bytes))
}

pub(super) fn base85(value: &str, alphabet: &[u8]) -> String {
    let groups = value.as_bytes().chunks(4).map(|group| {
        let number = u32::from_be_bytes(group.try_into().expect("whole groups"));
        (0..5).rev().map(|at| char::from(alphabet[(number / 85_u32.pow(at) % 85) as usize])).collect()
    });
    groups.collect::<Vec<String>>().concat()
}

pub(super) const WRITTEN: &[Text] = &[
    ("as it is", VALUE, str::to_owned),
    ("in the midst of a word", VALUE, |value| format!("xx{value}yy")),
    ("its first half", VALUE, |value| value[..16].to_owned()),
    ("all but its first letter", VALUE, |value| value[1..].to_owned()),
    ("ten letters of it", VALUE, |value| value[9..19].to_owned()),
    ("hex value in capital letters", HEX, str::to_uppercase),
    ("in small letters", VALUE, str::to_lowercase),
    ("in capital letters", PERSONS, str::to_uppercase),
    ("accents apart (NFD)", PERSONS, |value| value.nfd().collect()),
    ("value in groups, written together", GROUPS, |value| value.replace(' ', "")),
    ("value of 7 letters and digits", SHORT, str::to_owned),
    ("value of 7, base64", SHORT, |value| STANDARD.encode(value)),
    ("value of 7, hex", SHORT, |value| hex::encode(value)),
    ("with a dollar sign", "Sommer$2026!", str::to_owned),
    ("a space between letters", VALUE, |value| after_each(value, " ")),
    ("groups of four", VALUE, |value| every(value, 4, " ")),
    ("dashes", VALUE, |value| after_each(value, "-")),
    ("dots", VALUE, |value| after_each(value, ".")),
    ("slashes", VALUE, |value| every(value, 2, "/")),
    ("underscores", VALUE, |value| every(value, 3, "_")),
    ("lines", VALUE, |value| after_each(value, "\n")),
    ("quoted and listed", VALUE, |value| each(value, |letter| format!("'{letter}'")).join(", ")),
    ("emoji between", VALUE, |value| after_each(value, "🙂")),
    ("zero-width spaces", VALUE, |value| after_each(value, "\u{200b}")),
    ("soft hyphens", VALUE, |value| after_each(value, "\u{ad}")),
    ("control characters", VALUE, |value| after_each(value, "\u{1}")),
    ("Hangul fillers", VALUE, |value| after_each(value, "\u{3164}")),
    ("variation selectors", VALUE, |value| after_each(value, "\u{e0101}")),
    ("combining marks", VALUE, |value| after_each(value, "\u{336}")),
    ("tag characters", VALUE, |value| moved(value, |letter| 0xE0000 + u32::from(letter))),
    ("full-width letters", VALUE, |value| moved(value, |letter| 0xFEE0 + u32::from(letter))),
    ("mathematical letters", VALUE, |value| moved(value, bold)),
    ("look-alikes of other alphabets", VALUE, look_alike),
    ("Arabic digits", VALUE, |value| {
        moved(value, |letter| letter.to_digit(10).map_or(u32::from(letter), |digit| 0x660 + digit))
    }),
    ("decimal numbers", VALUE, |value| bytes(value, |byte| byte.to_string()).join(" ")),
    ("JSON array in a text", VALUE, |value| format!("{:?}", value.as_bytes())),
    ("Buffer of Node in a text", VALUE, |value| {
        json!({ "type": "Buffer", "data": value.as_bytes() }).to_string()
    }),
    ("code that makes letters", VALUE, |value| bytes(value, |byte| format!("chr({byte})")).join("+")),
    ("octal escapes", VALUE, |value| bytes(value, |byte| format!("\\{byte:03o}")).concat()),
    ("octal dump (od -b)", VALUE, |value| {
        let lines = value.as_bytes().chunks(16).enumerate().map(|(at, line)| {
            let numbers: Vec<_> = line.iter().map(|byte| format!("{byte:03o}")).collect();
            format!("{:07o} {}\n", at * 16, numbers.join(" "))
        });
        lines.collect()
    }),
    ("binary", VALUE, |value| bytes(value, |byte| format!("{byte:08b}")).join(" ")),
    ("binary without spaces", VALUE, |value| bytes(value, |byte| format!("{byte:08b}")).concat()),
    ("hex", VALUE, |value| hex::encode(value)),
    ("HEX", VALUE, |value| hex::encode_upper(value)),
    ("hex, spaces", VALUE, |value| every(&hex::encode(value), 2, " ")),
    ("hex, colons", VALUE, |value| every(&hex::encode_upper(value), 2, ":")),
    ("hex, underscores", VALUE, |value| every(&hex::encode(value), 2, "_")),
    ("hex, dots", VALUE, |value| every(&hex::encode(value), 2, ".")),
    ("hex, 0x", VALUE, |value| bytes(value, |byte| format!("0x{byte:02x}")).join(", ")),
    ("hex dump (xxd)", VALUE, |value| {
        let lines = value.as_bytes().chunks(16).enumerate().map(|(at, line)| {
            let letters = String::from_utf8_lossy(line);
            format!("{:08x}: {}  {letters}\n", at * 16, every(&hex::encode(line), 4, " "))
        });
        lines.collect()
    }),
    ("hex of hex", VALUE, |value| hex::encode(hex::encode(value))),
    ("hex of base64", VALUE, |value| hex::encode(STANDARD.encode(value))),
    ("base64", VALUE, |value| STANDARD.encode(value)),
    ("base64 for addresses", PERSONS, |value| URL_SAFE_NO_PAD.encode(value)),
    ("base64 of more", VALUE, |value| STANDARD.encode(format!("user:{value}\n"))),
    ("base64, lines of 12", VALUE, |value| every(&STANDARD.encode(value), 12, "\n")),
    ("base64, spaces", VALUE, |value| after_each(&STANDARD.encode(value), " ")),
    ("base64 of hex", VALUE, |value| STANDARD.encode(hex::encode(value))),
    ("base64 of UTF-16", VALUE, |value| utf16(value, u16::to_le_bytes)),
    ("base64 of UTF-16, other order", VALUE, |value| utf16(value, u16::to_be_bytes)),
    ("base64 twice", VALUE, |value| STANDARD.encode(STANDARD.encode(value))),
    ("base64 three times", VALUE, |value| STANDARD.encode(STANDARD.encode(STANDARD.encode(value)))),
    ("base64 of reversed", VALUE, |value| STANDARD.encode(value.chars().rev().collect::<String>())),
    ("base32", VALUE, |value| data_encoding::BASE32.encode(value.as_bytes())),
    ("base58", VALUE, |value| bs58::encode(value).into_string()),
    ("Ascii85", VALUE, |value| {
        let alphabet: Vec<u8> = (b'!'..=b'u').collect();
        base85(value, &alphabet)
    }),
    ("base85 of Git and Python", VALUE, |value| {
        base85(
            value,
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
        )
    }),
    ("reversed", VALUE, |value| value.chars().rev().collect()),
    ("ROT13", VALUE, |value| {
        moved(value, |letter| match letter {
            'a'..='m' | 'A'..='M' => u32::from(letter) + 13,
            'n'..='z' | 'N'..='Z' => u32::from(letter) - 13,
            _ => u32::from(letter),
        })
    }),
    ("ROT47", VALUE, |value| moved(value, |letter| (u32::from(letter) - 33 + 47) % 94 + 33)),
    ("percent", VALUE, |value| bytes(value, |byte| format!("%{byte:02x}")).concat()),
    ("percent twice", VALUE, |value| bytes(value, |byte| format!("%25{byte:02X}")).concat()),
    ("entities", VALUE, |value| bytes(value, |byte| format!("&#{byte};")).concat()),
    ("entities, hex, many zeros", VALUE, |value| bytes(value, |byte| format!("&#x{byte:020X};")).concat()),
    ("entities without their ends", VALUE, |value| bytes(value, |byte| format!("&#{byte:04}")).concat()),
    ("entities twice", VALUE, |value| bytes(value, |byte| format!("&amp;#{byte};")).concat()),
    ("named entities", "a<b>c&d\"e#f$g%h", |value| {
        let names = [
            ("&", "&amp;"),
            ("<", "&lt;"),
            (">", "&gt;"),
            ("\"", "&quot;"),
            ("#", "&num;"),
            ("$", "&dollar;"),
            ("%", "&percnt;"),
        ];
        names.iter().fold(value.to_owned(), |text, (sign, name)| match *sign {
            "&" => text.replace('&', "&amp;"),
            "#" => text.replace('#', name),
            sign => text.replace(sign, name),
        })
    }),
    ("escapes \\x", VALUE, |value| bytes(value, |byte| format!("\\x{byte:02x}")).concat()),
    ("escapes \\u", VALUE, |value| bytes(value, |byte| format!("\\u{byte:04x}")).concat()),
    ("escapes \\u{}", VALUE, |value| bytes(value, |byte| format!("\\u{{{byte:x}}}")).concat()),
    ("escapes of full-width letters", VALUE, |value| {
        bytes(value, |byte| format!("\\u{:04x}", 0xFEE0 + u32::from(byte))).concat()
    }),
    ("JSON in JSON in JSON", PERSONS, |value| json!(json!([value]).to_string()).to_string()),
    ("gzip, base64", VALUE, |value| STANDARD.encode(gzip(value))),
    ("gzip, address with data", VALUE, |value| data("application/gzip", &gzip(value))),
    ("zlib, address with data", VALUE, |value| data("application/zlib", &zlib(value))),
    ("deflate, address with data", VALUE, |value| data("application/octet-stream", &deflated(value))),
    ("ZIP, address with data", VALUE, |value| data("application/zip", &zip(value))),
    ("every letter moved by one", VALUE, |value| moved(value, |letter| u32::from(letter) + 1)),
    ("every second letter", VALUE, |value| value.chars().step_by(2).collect()),
    ("letters between words", VALUE, |value| each(value, |letter| format!("{letter} and then")).join(" ")),
    ("one large number", VALUE, |value| {
        let mut digits = vec![0_u32];
        for byte in value.bytes() {
            let mut carry = u32::from(byte);
            for digit in &mut digits {
                (*digit, carry) = ((*digit * 256 + carry) % 10, (*digit * 256 + carry) / 10);
            }
            while carry > 0 {
                digits.push(carry % 10);
                carry /= 10;
            }
        }
        digits.iter().rev().map(u32::to_string).collect()
    }),
];
