//! Bytes written out one by one, as `od`, `xxd` and debuggers do it: `61 62 63`, `61:62:63`, `0x61, 0x62`.

use std::ops::Range;

/// Eight bytes, each with a separator.
const RUN_BYTES_MIN: usize = 23;

/// Digits for each separator: `xxd` writes two bytes together.
const GROUP_MAX: usize = 5;

static IN_RUN: [bool; 256] = in_run();

const fn in_run() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        table[byte] =
            letter.is_ascii_hexdigit() || matches!(letter, b' ' | b'\t' | b':' | b'-' | b',' | b'x');
        byte += 1;
    }
    table
}

/// Where such a dump stands, to the end of its line (the same bytes stand there as letters), and its digits.
pub(crate) fn find(text: &[u8]) -> Vec<(Range<usize>, Vec<u8>)> {
    let mut dumps = Vec::new();
    let mut position = RUN_BYTES_MIN - 1;
    // A run of 23 lies over every 23rd byte somewhere.
    while position < text.len() {
        if !IN_RUN[text[position] as usize] {
            position += RUN_BYTES_MIN;
            continue;
        }
        let before = text[..position].iter().rev().take_while(|byte| IN_RUN[**byte as usize]).count();
        let after = text[position..].iter().take_while(|byte| IN_RUN[**byte as usize]).count();
        let (start, end) = (position - before, position + after);
        position = end + RUN_BYTES_MIN;
        if end - start < RUN_BYTES_MIN {
            continue;
        }
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
