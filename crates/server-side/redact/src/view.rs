//! A text as a reader takes it: invisible characters gone, full-width letters, escapes and entities read, wrapped lines
//! of encoded text joined.

use std::ops::Range;

/// The text that is read, and where it comes from.
#[derive(Debug)]
pub(crate) struct View {
    bytes: Vec<u8>,
    stretches: Vec<Stretch>,
}

/// From `view` on, the view is the text from `written` on; or the bytes to the next stretch stand for `stands_for` bytes
/// there, if it is not 0. There may be one for every two bytes: it is small.
#[derive(Debug)]
struct Stretch {
    view: u32,
    written: u32,
    stands_for: u32,
}

impl Stretch {
    const fn new(view: usize, written: usize, stands_for: usize) -> Self {
        Self { view: view as u32, written: written as u32, stands_for: stands_for as u32 }
    }
}

/// A stretch that reads as something else than it is written.
struct Read {
    len: usize,
    as_what: As,
}

/// What a stretch reads as.
enum As {
    Nothing,
    Byte(u8),
    Character(char),
}

impl View {
    /// None if the text reads as it is written.
    pub(crate) fn of(written: &[u8]) -> Option<Self> {
        let (first, _) = tricks(written, 0).next()?;
        let mut view = Self { bytes: Vec::with_capacity(written.len()), stretches: Vec::new() };
        let mut position = 0;
        for (at, read) in tricks(written, first) {
            view.copy(written, position..at);
            position = at + read.len;
            let stretch = Stretch::new(view.bytes.len(), at, read.len);
            match read.as_what {
                As::Nothing => continue,
                As::Byte(byte) => view.bytes.push(byte),
                As::Character(letter) => {
                    view.bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
            view.stretches.push(stretch);
        }
        view.copy(written, position..written.len());
        Some(view)
    }

    fn copy(&mut self, written: &[u8], range: Range<usize>) {
        if !range.is_empty() {
            self.stretches.push(Stretch::new(self.bytes.len(), range.start, 0));
            self.bytes.extend_from_slice(&written[range]);
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a stretch of the view, which is not empty, stands in the text.
    pub(crate) fn written(&self, range: Range<usize>) -> Range<usize> {
        self.byte(range.start).start..self.byte(range.end - 1).end
    }

    fn byte(&self, at: usize) -> Range<usize> {
        let after = self.stretches.partition_point(|stretch| stretch.view as usize <= at);
        let Some(stretch) = self.stretches[..after].last() else { return at..at + 1 };
        let written = stretch.written as usize;
        match stretch.stands_for as usize {
            0 => {
                let start = written + (at - stretch.view as usize);
                start..start + 1
            }
            len => written..written + len,
        }
    }
}

/// So many bytes are looked at together.
const SELDOM: usize = 32;

/// Every stretch that reads as something else.
fn tricks(bytes: &[u8], from: usize) -> impl Iterator<Item = (usize, Read)> {
    let mut position = from;
    std::iter::from_fn(move || {
        while position < bytes.len() {
            // Most text has nothing of it: a look at many bytes at once.
            if bytes[position..].first_chunk().is_some_and(has_no_beginning) {
                position += SELDOM;
                continue;
            }
            let end = bytes.len().min(position + SELDOM);
            let read = |at: usize| BEGINNINGS[bytes[at] as usize].then(|| read_at(bytes, at)).flatten();
            if let Some((at, read)) = (position..end).find_map(|at| Some((at, read(at)?))) {
                position = at + read.len;
                return Some((at, read));
            }
            position = end;
        }
        None
    })
}

/// First at a glance: of most text this is enough.
fn has_no_beginning(block: &[u8; SELDOM]) -> bool {
    let any = |test: fn(u8) -> bool| block.iter().fold(false, |any, byte| any | test(*byte));
    !any(may_begin_at_a_glance) || !any(may_begin)
}

/// Also true of a few other bytes.
const fn may_begin_at_a_glance(byte: u8) -> bool {
    byte <= b'\r' || byte >= 0x80 || byte == b'\\' || matches!(byte, b'%' | b'&')
}

/// For every byte whether it [may begin](may_begin) such a stretch.
static BEGINNINGS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = may_begin(byte as u8);
        byte += 1;
    }
    table
};

const fn may_begin(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b'%' | b'&' | b'\\' | 0xC2 | 0xCD | 0xD8 | 0xE1 | 0xE2 | 0xE3 | 0xEF)
}

fn read_at(bytes: &[u8], at: usize) -> Option<Read> {
    let rest = &bytes[at..];
    match rest[0] {
        b'\n' | b'\r' => line_break(bytes, at),
        b'%' => escaped(rest, 1, 2),
        b'\\' => backslashed(rest),
        b'&' => entity(rest),
        _ => unusual(rest),
    }
}

/// The end of a line in the midst of encoded text.
fn line_break(bytes: &[u8], at: usize) -> Option<Read> {
    const LINE_BYTES_MIN: usize = 16;
    let encoded = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    let line = &bytes[at.checked_sub(LINE_BYTES_MIN)?..at];
    let len = bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let goes_on = bytes.get(at + len).is_some_and(encoded);
    (goes_on && line.iter().all(encoded)).then_some(Read { len, as_what: As::Nothing })
}

/// `\u0041`, `\x41`, `\u{41}`, `\U00000041`, `\101`, `\n`, with any number of backslashes: escaped again by every writer on
/// the way. And a sign that a backslash stands in front of, or another backslash.
fn backslashed(rest: &[u8]) -> Option<Read> {
    let backslashes = rest.iter().take(BACKSLASHES_MAX).take_while(|byte| **byte == b'\\').count();
    let after = rest.get(backslashes + 1..)?;
    match rest.get(backslashes)? {
        b'u' | b'x' if after.starts_with(b"{") => braced(rest, backslashes + 2),
        b'x' => escaped(rest, backslashes + 1, 2),
        b'u' if after.starts_with(b"00") => escaped(rest, backslashes + 3, 2),
        b'u' => unit(rest, backslashes + 1),
        b'U' => digits(rest, backslashes + 1, 8, 16),
        b'0'..=b'3' => octal(rest, backslashes),
        b'n' | b'r' => Some(Read { len: backslashes + 1, as_what: As::Byte(b'\n') }),
        b't' => Some(Read { len: backslashes + 1, as_what: As::Byte(b'\t') }),
        // A line goes on in the next one.
        b'\n' => Some(Read { len: backslashes + 1, as_what: As::Nothing }),
        // One layer of quoting is read at a time.
        _ if backslashes > 1 => Some(Read { len: 2, as_what: As::Byte(b'\\') }),
        sign if sign.is_ascii_punctuation() => Some(Read { len: 2, as_what: As::Byte(*sign) }),
        _ => None,
    }
}

/// Of more, two are one.
const BACKSLASHES_MAX: usize = 32;

/// A character of sixteen bits, or two halves of one.
fn unit(rest: &[u8], before: usize) -> Option<Read> {
    let number = |from: usize| {
        let digits = std::str::from_utf8(rest.get(from..from + 4)?).ok()?;
        u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
    };
    let first = number(before)?;
    // The second half has as many backslashes.
    let second = rest[before + 4..].starts_with(&rest[..before]).then(|| number(2 * before + 4)).flatten();
    if let Some(letter) = char::from_u32(u32::from(first)) {
        return Some(Read { len: before + 4, as_what: As::Character(letter) });
    }
    let letter = char::decode_utf16([first, second?]).next()?.ok()?;
    Some(Read { len: 2 * (before + 4), as_what: As::Character(letter) })
}

/// Three digits of base 8: a byte.
fn octal(rest: &[u8], before: usize) -> Option<Read> {
    let digits = std::str::from_utf8(rest.get(before..before + 3)?).ok()?;
    let byte = u8::from_str_radix(digits, 8).ok()?;
    Some(Read { len: before + 3, as_what: As::Byte(byte) })
}

/// The digits between braces, zeros in front of them or not.
fn braced(rest: &[u8], before: usize) -> Option<Read> {
    let len = rest.get(before..)?.iter().take(DIGITS_MAX).position(|byte| *byte == b'}')?;
    let read = digits(rest, before, len, 16)?;
    Some(Read { len: read.len + 1, ..read })
}

/// More zeros in front of a number are no number that a program writes.
const DIGITS_MAX: usize = 64;

fn digits(rest: &[u8], before: usize, len: usize, radix: u32) -> Option<Read> {
    let digits = std::str::from_utf8(rest.get(before..before + len)?).ok()?;
    let number = u32::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))?;
    Some(Read { len: before + len, as_what: As::Character(char::from_u32(number)?) })
}

/// `&#65;`, `&#x41;` and `&amp;`, with the semicolon that a browser does not insist on.
fn entity(rest: &[u8]) -> Option<Read> {
    let (before, radix, is_digit): (usize, u32, fn(&u8) -> bool) = match rest {
        [b'&', b'#', b'x' | b'X', ..] => (3, 16, u8::is_ascii_hexdigit),
        [b'&', b'#', ..] => (2, 10, u8::is_ascii_digit),
        _ => return named(rest),
    };
    let len = rest[before..].iter().take(DIGITS_MAX).take_while(|byte| is_digit(byte)).count();
    let read = digits(rest, before, len, radix)?;
    Some(Read { len: read.len + usize::from(rest.get(read.len) == Some(&b';')), ..read })
}

/// Signs of ASCII that have names in HTML.
const ENTITIES: [(&str, char); 37] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("excl", '!'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
];

fn named(rest: &[u8]) -> Option<Read> {
    let len = rest.iter().take(10).position(|byte| *byte == b';')?;
    let (_, letter) = ENTITIES.iter().find(|(name, _)| name.as_bytes() == &rest[1..len])?;
    Some(Read { len: len + 1, as_what: As::Character(*letter) })
}

fn escaped(rest: &[u8], before: usize, digits: usize) -> Option<Read> {
    let digits = std::str::from_utf8(rest.get(before..before + digits)?).ok()?;
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    Some(Read { len: before + digits.len(), as_what: As::Byte(byte) })
}

/// Characters that nobody sees, and wide ones that look like others.
fn unusual(rest: &[u8]) -> Option<Read> {
    let len = match rest[0] {
        0xC2 | 0xCD | 0xD8 => 2,
        _ => 3,
    };
    let letter = std::str::from_utf8(rest.get(..len)?).ok()?.chars().next()?;
    let as_what = match letter {
        '\u{FF01}'..='\u{FF5E}' => As::Byte((u32::from(letter) - 0xFEE0) as u8),
        '\u{3000}' => As::Byte(b' '),
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' => {
            As::Nothing
        }
        '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' => As::Nothing,
        _ => return None,
    };
    Some(Read { len, as_what })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{may_begin, read_at, tricks};

    const WRITTEN: [&str; 12] = [
        "%41",
        "%",
        "&",
        "&#65;",
        "&amp;",
        "\\u0041",
        "\\\\n",
        "\\",
        "\u{ff21}",
        "\u{200b}",
        "abcdefghijklmnopq\nrs",
        "\r\n",
    ];

    proptest! {
        #[test]
        fn what_is_found_at_a_glance_is_what_is_found_byte_by_byte(
            pieces in prop::collection::vec(("[a-z .;]{0,90}|[ -~äÜ€]{0,40}", prop::sample::select(&WRITTEN[..])), 0..12),
        ) {
            let text: String = pieces.iter().flat_map(|(before, written)| [before.as_str(), written]).collect();
            let bytes = text.as_bytes();
            let (mut plainly, mut at) = (Vec::new(), 0);
            while at < bytes.len() {
                let read = may_begin(bytes[at]).then(|| read_at(bytes, at)).flatten();
                plainly.extend(read.iter().map(|read| (at, read.len)));
                at += read.map_or(1, |read| read.len);
            }
            let found: Vec<_> = tricks(bytes, 0).map(|(at, read)| (at, read.len)).collect();
            prop_assert_eq!(found, plainly, "{}", text);
        }
    }
}
