//! Bytes that are written as numbers: `[75, 107]`, `113 153`, `01001011`, in whatever a programming language puts around
//! them.

use std::ops::Range;

/// So much may stand between two numbers of a list.
const GAP_MAX: usize = 24;
/// Fewer numbers are no value.
const LIST_MIN: usize = 6;
/// A digit each, and something between them.
const LIST_BYTES_MIN: usize = 2 * LIST_MIN - 1;
/// More digits are no byte: an offset in front of a line of them.
const DIGITS_MAX: usize = 4;
/// Digits 0 and 1 without a break.
const BITS_MIN: usize = 48;
/// So many bytes are looked at together.
const SELDOM: usize = 64;

/// The bytes of a list, and where the number of each stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) bytes: Vec<u8>,
    pub(crate) places: Vec<Range<usize>>,
}

impl List {
    /// Where these bytes of it stand in the text.
    pub(crate) fn place(&self, range: Range<usize>) -> Range<usize> {
        self.places[range.start].start..self.places[range.end - 1].end
    }
}

/// All lists in a text, by every way to read them.
pub(crate) fn lists(text: &[u8]) -> Vec<List> {
    if text.len() < LIST_BYTES_MIN || !may_have_one(text) {
        return Vec::new();
    }
    let mut lists = Vec::new();
    let mut readers = [decimal, octal, binary].map(|read| (read as Read, List::default()));
    for run in digit_runs(text) {
        let digits = &text[run.clone()];
        if digits.len() >= BITS_MIN && digits.iter().all(|digit| matches!(digit, b'0' | b'1')) {
            lists.extend((0..8).map(|skipped| bits(&digits[skipped..], run.start + skipped)));
            continue;
        }
        for (read, list) in &mut readers {
            let is_far = list.places.last().is_some_and(|last| run.start - last.end > GAP_MAX);
            let reading = read(digits);
            if is_far || reading == Reading::None {
                finish(list, &mut lists);
            }
            if let Reading::Byte(byte) = reading {
                list.bytes.push(byte);
                list.places.push(run.clone());
            }
        }
    }
    for (_, list) in &mut readers {
        finish(list, &mut lists);
    }
    lists
}

/// Whether there are as many numbers near each other as a list has, or many digits.
fn may_have_one(text: &[u8]) -> bool {
    digits_are_near(text) && has_enough(text)
}

/// The same at a glance, `true` where it is not certain: between two numbers of a list is no block without a digit.
pub(crate) fn digits_are_near(text: &[u8]) -> bool {
    const { assert!(GAP_MAX < SELDOM) };
    let (mut numbers, mut digits) = (0, 0);
    let (blocks, rest) = text.as_chunks::<SELDOM>();
    // What comes after the end is no digit.
    let mut last = [0; SELDOM];
    last[..rest.len()].copy_from_slice(rest);
    blocks.iter().chain([&last]).any(|block| {
        let (digits_here, numbers_here) = digits_and_numbers(block);
        if digits_here == 0 {
            (numbers, digits) = (0, 0);
        }
        numbers += usize::from(numbers_here);
        digits += usize::from(digits_here);
        numbers >= LIST_MIN || digits >= BITS_MIN
    })
}

/// Of a block, which has so few bytes that these counts fit.
#[inline]
fn digits_and_numbers(block: &[u8; SELDOM]) -> (u8, u8) {
    let is_digit = |byte: &u8| u8::from(byte.is_ascii_digit());
    let digits: u8 = block.iter().map(is_digit).sum();
    if digits == 0 {
        return (0, 0);
    }
    let mut before = [0; SELDOM];
    before[1..].copy_from_slice(&block[..SELDOM - 1]);
    let begins = |(byte, before): (&u8, &u8)| is_digit(byte) & (1 - is_digit(before));
    (digits, block.iter().zip(&before).map(begins).sum())
}

/// The same, number by number.
pub(crate) fn has_enough(text: &[u8]) -> bool {
    let (mut count, mut end) = (0, 0);
    digit_runs(text).any(|run| {
        count = if run.start - end > GAP_MAX { 1 } else { count + 1 };
        end = run.end;
        count >= LIST_MIN || run.len() >= BITS_MIN
    })
}

fn finish(list: &mut List, lists: &mut Vec<List>) {
    let list = std::mem::take(list);
    if list.bytes.len() >= LIST_MIN {
        lists.push(list);
    }
}

/// What a number is in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Byte(u8),
    /// It belongs to the list and is no byte of it: an index, an offset.
    Aside,
    None,
}

type Read = fn(&[u8]) -> Reading;

fn decimal(digits: &[u8]) -> Reading {
    match number(digits, 10) {
        _ if digits.len() > DIGITS_MAX => Reading::Aside,
        Some(byte) => as_byte(byte),
        None => Reading::None,
    }
}

/// Indices of the first bytes and what no text has stand aside.
pub(crate) const BYTE_MIN: u8 = 9;

fn as_byte(byte: u8) -> Reading {
    if byte < BYTE_MIN { Reading::Aside } else { Reading::Byte(byte) }
}

fn octal(digits: &[u8]) -> Reading {
    match digits.len() {
        3 | 4 => number(digits, 8).map_or(Reading::None, as_byte),
        0..3 => Reading::None,
        _ => Reading::Aside,
    }
}

fn binary(digits: &[u8]) -> Reading {
    match digits.len() {
        7 | 8 => number(digits, 2).map_or(Reading::None, as_byte),
        1 => Reading::Aside,
        _ => Reading::None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

/// Every eight bits from here on.
fn bits(digits: &[u8], start: usize) -> List {
    let groups = digits.chunks_exact(8).enumerate();
    let (bytes, places) = groups
        .map(|(at, group)| (number(group, 2).unwrap_or_default(), start + at * 8..start + at * 8 + 8))
        .unzip();
    List { bytes, places }
}

/// Runs of digits, as long as they go.
fn digit_runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut position = 0;
    std::iter::from_fn(move || {
        while position < text.len() {
            let ahead = &text[position..text.len().min(position + SELDOM)];
            if !ahead.iter().fold(false, |any, byte| any | byte.is_ascii_digit()) {
                position += ahead.len();
                continue;
            }
            let Some(at) = ahead.iter().position(u8::is_ascii_digit) else { continue };
            let start = position + at;
            let len = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            position = start + len;
            return Some(start..position);
        }
        None
    })
}
