//! Bytes written out one by one, as `od`, `xxd` and debuggers do it: `61 62 63`, `61:62:63`, `0x61, 0x62`.

use std::ops::Range;

use crate::runs::{self, Alphabet, alphabet};

/// Eight bytes, each with a separator.
const RUN_BYTES_MIN: usize = 23;

/// Digits for each separator: `xxd` writes two bytes together.
const GROUP_MAX: usize = 5;

static IN_RUN: Alphabet = alphabet(b"0123456789abcdefABCDEF \t:-,x");

/// Where such a dump stands, to the end of its line (the same bytes stand there as letters), and its digits.
pub(crate) fn find(text: &[u8]) -> Vec<(Range<usize>, Vec<u8>)> {
    let mut dumps = Vec::new();
    for Range { start, end } in runs::find(text, &IN_RUN, RUN_BYTES_MIN) {
        let digits = digits(&text[start..end]);
        let separators = end - start - digits.len();
        if digits.len() <= separators * GROUP_MAX {
            let rest = text[end..].iter().take_while(|byte| !b"\r\n".contains(byte)).count();
            dumps.push((start..end + rest, digits));
        }
    }
    dumps
}

/// In lower case, without separators and `0x`.
fn digits(run: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = Vec::with_capacity(run.len());
    for byte in run {
        match byte {
            b'x' => drop(digits.pop_if(|last| *last == b'0')),
            byte if byte.is_ascii_hexdigit() => digits.push(byte.to_ascii_lowercase()),
            _ => {}
        }
    }
    digits
}
