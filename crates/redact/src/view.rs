//! A text as a reader takes it: invisible characters gone, full-width letters and escapes read, wrapped lines of
//! encoded text joined.

use std::ops::Range;

/// The text that is read, and where it comes from.
#[derive(Debug)]
pub(crate) struct View {
    bytes: Vec<u8>,
    stretches: Vec<Stretch>,
}

/// From `view` on, the view is the text from `written` on; or one byte stands for `stands_for` bytes there.
#[derive(Debug)]
struct Stretch {
    view: usize,
    written: usize,
    stands_for: Option<usize>,
}

/// A stretch that reads as something else than it is written.
struct Read {
    len: usize,
    as_byte: Option<u8>,
}

impl View {
    /// None if the text reads as it is written.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (first, _) = tricks(text.as_bytes(), 0).next()?;
        let written = text.as_bytes();
        let mut view = Self { bytes: Vec::with_capacity(written.len()), stretches: Vec::new() };
        let mut position = 0;
        for (at, read) in tricks(written, first) {
            view.copy(written, position..at);
            position = at + read.len;
            if let Some(byte) = read.as_byte {
                view.stretches.push(Stretch {
                    view: view.bytes.len(),
                    written: at,
                    stands_for: Some(read.len),
                });
                view.bytes.push(byte);
            }
        }
        view.copy(written, position..written.len());
        Some(view)
    }

    fn copy(&mut self, written: &[u8], range: Range<usize>) {
        if !range.is_empty() {
            self.stretches.push(Stretch { view: self.bytes.len(), written: range.start, stands_for: None });
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
        let after = self.stretches.partition_point(|stretch| stretch.view <= at);
        let Some(stretch) = self.stretches[..after].last() else { return at..at + 1 };
        let start = stretch.written + (at - stretch.view);
        start..start + stretch.stands_for.unwrap_or(1)
    }
}

/// So many bytes are looked at together.
const SELDOM: usize = 64;

/// Every stretch that reads as something else.
fn tricks(bytes: &[u8], from: usize) -> impl Iterator<Item = (usize, Read)> {
    let mut position = from;
    std::iter::from_fn(move || {
        while position < bytes.len() {
            // Most text has nothing of it: a look at many bytes at once.
            let ahead = &bytes[position..bytes.len().min(position + SELDOM)];
            if !ahead.iter().fold(false, |any, byte| any | may_begin(*byte)) {
                position += ahead.len();
                continue;
            }
            let end = position + ahead.len();
            let read = |at: usize| may_begin(bytes[at]).then(|| read_at(bytes, at)).flatten();
            if let Some((at, read)) = (position..end).find_map(|at| Some((at, read(at)?))) {
                position = at + read.len;
                return Some((at, read));
            }
            position = end;
        }
        None
    })
}

fn may_begin(byte: u8) -> bool {
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
    (goes_on && line.iter().all(encoded)).then_some(Read { len, as_byte: None })
}

/// `\u0041`, `\x41`, `\u{41}`, `\U00000041`, with any number of backslashes: escaped again by every writer on the way.
fn backslashed(rest: &[u8]) -> Option<Read> {
    let backslashes = rest.iter().take_while(|byte| **byte == b'\\').count();
    let after = rest.get(backslashes + 1..)?;
    match rest.get(backslashes)? {
        b'u' | b'x' if after.starts_with(b"{") => braced(rest, backslashes + 2),
        b'x' => escaped(rest, backslashes + 1, 2),
        b'u' if after.starts_with(b"00") => escaped(rest, backslashes + 3, 2),
        b'U' if after.starts_with(b"000000") => escaped(rest, backslashes + 7, 2),
        _ => None,
    }
}

/// The digits between braces, zeros in front of them or not.
fn braced(rest: &[u8], before: usize) -> Option<Read> {
    let digits = rest.get(before..)?;
    let len = digits.iter().take(9).position(|byte| *byte == b'}')?;
    let number = std::str::from_utf8(&digits[..len]).ok()?;
    let byte =
        u8::from_str_radix(number, 16).ok().filter(|byte| byte.is_ascii() && !number.starts_with('+'))?;
    Some(Read { len: before + len + 1, as_byte: Some(byte) })
}

/// `&#65;` and `&#x41;`.
fn entity(rest: &[u8]) -> Option<Read> {
    let digits = rest.strip_prefix(b"&#")?;
    let end = digits.iter().take(8).position(|byte| *byte == b';')?;
    let digits = std::str::from_utf8(&digits[..end]).ok()?;
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    Some(Read { len: 2 + end + 1, as_byte: Some(number.ok().filter(u8::is_ascii)?) })
}

fn escaped(rest: &[u8], before: usize, digits: usize) -> Option<Read> {
    let digits = std::str::from_utf8(rest.get(before..before + digits)?).ok()?;
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    Some(Read { len: before + digits.len(), as_byte: Some(byte) })
}

/// Characters that nobody sees, and wide ones that look like others.
fn unusual(rest: &[u8]) -> Option<Read> {
    let len = match rest[0] {
        0xC2 | 0xCD | 0xD8 => 2,
        _ => 3,
    };
    let letter = std::str::from_utf8(rest.get(..len)?).ok()?.chars().next()?;
    let as_byte = match letter {
        '\u{FF01}'..='\u{FF5E}' => Some((u32::from(letter) - 0xFEE0) as u8),
        '\u{3000}' => Some(b' '),
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' => {
            None
        }
        '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' => None,
        _ => return None,
    };
    Some(Read { len, as_byte })
}
