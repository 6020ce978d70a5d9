//! What a character is to a reader: a letter or digit of ASCII that it stands for or looks like, itself, or nothing.
//!
//! Upper and lower case, letters of other alphabets and styles that look alike, marks above and below, and what nobody
//! sees are no difference here. `0` and `o`, and `1`, `i` and `l`, are one letter each: their look-alikes are.

use std::sync::OnceLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// What a character folds to.
pub(crate) enum Letter {
    Nothing,
    Ascii(u8),
    Other(char),
    Several(String),
}

/// For every byte of ASCII its letter; 0 for what separates.
pub(crate) static ASCII: [u8; 128] = ascii();

const fn ascii() -> [u8; 128] {
    let mut table = [0; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = match byte.to_ascii_lowercase() {
            b'0' => b'o',
            b'1' | b'i' => b'l',
            letter @ (b'2'..=b'9' | b'a'..=b'z') => letter,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// The same for every byte: what is not ASCII has none.
pub(crate) static BYTES: [u8; 256] = {
    let (ascii, mut table) = (ascii(), [0; 256]);
    let mut byte = 0;
    while byte < ascii.len() {
        table[byte] = ascii[byte];
        byte += 1;
    }
    table
};

const PAGE: usize = 256;
/// Up to the end of the planes that have letters.
const PAGES: usize = 0x200;
const ITSELF: u8 = 1;
const SEVERAL: u8 = 2;

/// Letters by page of 256 characters, each worked out when one of it is first seen.
static TABLE: [OnceLock<[u8; PAGE]>; PAGES] = [const { OnceLock::new() }; PAGES];

/// What this character is to a reader.
pub(crate) fn letter(character: char) -> Letter {
    let code = character as usize;
    let Some(page) = TABLE.get(code / PAGE) else { return worked_out(character) };
    let page = page.get_or_init(|| page_of(code / PAGE));
    match page[code % PAGE] {
        0 => Letter::Nothing,
        ITSELF => Letter::Other(character),
        SEVERAL => worked_out(character),
        byte => Letter::Ascii(byte),
    }
}

fn page_of(page: usize) -> [u8; PAGE] {
    std::array::from_fn(|at| {
        let Some(character) = char::from_u32((page * PAGE + at) as u32) else { return 0 };
        match worked_out(character) {
            Letter::Nothing => 0,
            Letter::Ascii(byte) => byte,
            Letter::Other(other) if other == character => ITSELF,
            Letter::Other(_) | Letter::Several(_) => SEVERAL,
        }
    })
}

fn worked_out(character: char) -> Letter {
    let mut text = String::new();
    match plain(character) {
        Some(byte) => push_ascii(char::from(byte), &mut text),
        None if matches!(character, 'ß' | 'ẞ') => text.push_str("ss"),
        None if FILLERS.contains(&character) => {}
        None => [character].into_iter().nfkd().for_each(|part| read(part, &mut text)),
    }
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (None, _) => Letter::Nothing,
        (Some(one), None) if one.is_ascii() => Letter::Ascii(one as u8),
        (Some(one), None) => Letter::Other(one),
        _ => Letter::Several(text),
    }
}

/// One part of a character that was taken apart.
fn read(part: char, text: &mut String) {
    if is_combining_mark(part) || !part.is_alphanumeric() {
        return;
    }
    if part.is_ascii() {
        return push_ascii(part, text);
    }
    if let Some(byte) = plain(part) {
        return push_ascii(char::from(byte), text);
    }
    // A capital letter of another alphabet may look like one of ours where the small one does not.
    let lower = || part.to_lowercase().next().unwrap_or(part);
    let like = looks_like(part).or_else(|| looks_like(lower()));
    match like {
        Some(like) => like.chars().for_each(|letter| push_ascii(letter, text)),
        None => text.push(lower()),
    }
}

/// The letters and digits of ASCII that a character looks like (Unicode TR39).
fn looks_like(letter: char) -> Option<String> {
    let mut buffer = [0; 4];
    let like = unicode_security::skeleton(letter.encode_utf8(&mut buffer)).nfkd();
    let like: String = like.filter(|part| !is_combining_mark(*part)).collect();
    let is_plain = !like.is_empty() && like.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then_some(like)
}

fn push_ascii(letter: char, text: &mut String) {
    let folded = ASCII.get(letter as usize).copied().unwrap_or(0);
    if folded != 0 {
        text.push(char::from(folded));
    }
}

/// Letters that nobody sees.
const FILLERS: [char; 7] =
    ['\u{115F}', '\u{1160}', '\u{3164}', '\u{FFA0}', '\u{17B4}', '\u{17B5}', '\u{2800}'];
/// Small capitals, which have no other spelling.
const SMALL_CAPITALS: [char; 24] = [
    'ᴀ', 'ʙ', 'ᴄ', 'ᴅ', 'ᴇ', 'ꜰ', 'ɢ', 'ʜ', 'ɪ', 'ᴊ', 'ᴋ', 'ʟ', 'ᴍ', 'ɴ', 'ᴏ', 'ᴘ', 'ǫ', 'ʀ', 'ꜱ', 'ᴛ', 'ᴜ',
    'ᴠ', 'ᴡ', 'ʏ',
];
/// The digit 0 of alphabets that have digits of their own.
const ZEROS: [u32; 28] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620,
];

/// Signs that are an ASCII character by their place in a row, or by name.
fn plain(character: char) -> Option<u8> {
    let code = u32::from(character);
    let in_row = |first: u32, base: u8| base + (code - first) as u8;
    match code {
        // Tags: ASCII that nobody sees.
        0xE0020..=0xE007E => Some(in_row(0xE0000, 0)),
        // Flags are spelled with these.
        0x1F1E6..=0x1F1FF => Some(in_row(0x1F1E6, b'a')),
        0x1F150..=0x1F169 => Some(in_row(0x1F150, b'a')),
        0x1F170..=0x1F189 => Some(in_row(0x1F170, b'a')),
        _ => {
            let small = SMALL_CAPITALS.iter().position(|small| *small == character);
            let digit = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code));
            small.map(|at| b"abcdefghijklmnopqrstuvwy"[at]).or_else(|| digit.map(|zero| in_row(*zero, b'0')))
        }
    }
}
