//! Bytes written out one by one, as `od`, `xxd` and debuggers do it: `61 62 63`, `61:62:63`, `0x61, 0x62`, `["61","62"]`.

use std::ops::Range;

use crate::runs::{self, Alphabet, alphabet};

/// Eight bytes, each with a separator.
const RUN_BYTES_MIN: usize = 23;

/// Digits for each separator: `xxd` writes two bytes together.
const GROUP_MAX: usize = 5;

static IN_RUN: Alphabet = alphabet(b"0123456789abcdefABCDEF \t\r\n:-,;|_.[](){}\"'\\xX");

/// Where such a dump stands, to the end of its line (the same bytes stand there as letters), and its digits, as they stand
/// there and with the two bytes of each number in the order of memory.
pub(crate) fn find(text: &[u8]) -> Vec<(Range<usize>, [Vec<u8>; 2])> {
    let mut dumps = Vec::new();
    for run in runs::find(text, &IN_RUN, RUN_BYTES_MIN) {
        let Range { start, end } = trimmed(text, run);
        let digits = digits(&text[start..end]);
        let separators = end - start - digits.len();
        if digits.len() <= separators * GROUP_MAX {
            let rest = text[end..].iter().take_while(|byte| !b"\r\n".contains(byte)).count();
            dumps.push((start..end + rest, [digits, swapped(&text[start..end])]));
        }
    }
    dumps
}

/// Numbers of two bytes as `hexdump` and `od -x` write them; others are none.
fn swapped(run: &[u8]) -> Vec<u8> {
    let numbers = run.split(|byte| !byte.is_ascii_hexdigit()).filter(|number| number.len() == 4);
    numbers.flat_map(|number| [&number[2..], &number[..2]].concat().to_ascii_lowercase()).collect()
}

/// A zero by itself.
fn is_prefix(before: &[u8]) -> bool {
    before.last() == Some(&b'0')
        && before.len().checked_sub(2).is_none_or(|at| !before[at].is_ascii_hexdigit())
}

/// Without what is a part of a word at its ends, and without separators there.
fn trimmed(text: &[u8], Range { start, end }: Range<usize>) -> Range<usize> {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let count = |bytes: &mut dyn Iterator<Item = &u8>, is_letter: bool| {
        bytes.take_while(|byte| in_word(byte) == is_letter).count()
    };
    let (mut start, mut end) = (start, end);
    if text[..start].last().is_some_and(in_word) {
        start += count(&mut text[start..end].iter(), true);
    }
    if text.get(end).is_some_and(in_word) {
        end -= count(&mut text[start..end].iter().rev(), true);
    }
    start += count(&mut text[start..end].iter(), false);
    end -= count(&mut text[start..end].iter().rev(), false);
    start..end
}

/// In lower case, without separators and `0x`.
fn digits(run: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = Vec::with_capacity(run.len());
    for (at, byte) in run.iter().enumerate() {
        match byte {
            b'x' | b'X' if is_prefix(&run[..at]) => {
                // This zero is in front of the number.
                digits.pop();
            }
            byte if byte.is_ascii_hexdigit() => digits.push(byte.to_ascii_lowercase()),
            _ => {}
        }
    }
    digits
}
