//! Long runs that are too random to be words.

use crate::patterns::Shape;
use crate::runs::{self, Alphabet, alphabet};

const RUN_BYTES_MIN: usize = 32;
const BITS_MIN: f64 = 4.5;
/// Random base64 has a `/`, `-`, `_` or `+` every 32 characters; names and paths have one every few.
const SEPARATED_BYTES: usize = 8;

/// What public checksums and public keys begin with.
const PUBLIC: [&str; 8] =
    ["sha1-", "sha256-", "sha384-", "sha512-", "AAAAC3NzaC1", "AAAAB3NzaC1", "AAAAE2VjZHNh", "SHA256"];

static IN_RUN: Alphabet = alphabet(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/=_-");

/// In order, and apart from each other.
pub(crate) fn find(text: &str) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for run in runs::find(text.as_bytes(), &IN_RUN, RUN_BYTES_MIN) {
        in_one_run(text, run.start, run.end, &mut shapes);
    }
    shapes
}

fn in_one_run(text: &str, start: usize, end: usize, shapes: &mut Vec<Shape>) {
    // The word before a placeholder is not its neighbour's.
    let mark = crate::MARK.trim_end_matches('(');
    let end =
        if text[end..].starts_with('(') && text[start..end].ends_with(mark) { end - mark.len() } else { end };
    let run = &text[start..end];
    if PUBLIC.iter().any(|beginning| run.starts_with(beginning)) || text[..start].ends_with("h1:") {
        return;
    }
    let separators = run.bytes().filter(|byte| matches!(byte, b'/' | b'-' | b'_' | b'+')).count();
    if separators * SEPARATED_BYTES < run.len() {
        shapes.extend(is_random(run).then_some(Shape { start, end, kind: None }));
        return;
    }
    let mut at = start;
    for segment in run.split(['/', '-', '_', '+']) {
        let end = at + segment.len();
        shapes.extend(is_random(segment).then_some(Shape { start: at, end, kind: None }));
        at = end + 1;
    }
}

fn is_random(run: &str) -> bool {
    run.len() >= RUN_BYTES_MIN
        && run.bytes().any(|byte| byte.is_ascii_digit())
        && bits(run.as_bytes()) >= BITS_MIN
}

/// Shannon's entropy in bits for each byte.
fn bits(run: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in run {
        counts[*byte as usize] += 1;
    }
    let len = run.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / len)
        .map(|p| -p * p.log2())
        .sum()
}
