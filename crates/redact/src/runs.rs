//! Long runs of certain bytes, found without looking at every byte.

use std::ops::Range;

/// Which bytes may stand in a run.
pub(crate) type Alphabet = [bool; 256];

/// The alphabet of these bytes.
pub(crate) const fn alphabet(bytes: &[u8]) -> Alphabet {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

/// Runs as long as they go, of `shortest` bytes at least, in order.
pub(crate) fn find<'a>(
    text: &'a [u8],
    alphabet: &'a Alphabet,
    shortest: usize,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let is_in = |byte: &&u8| alphabet[**byte as usize];
    let mut position = shortest - 1;
    std::iter::from_fn(move || {
        // A run of `shortest` lies over every so manieth byte somewhere.
        while position < text.len() {
            if !is_in(&&text[position]) {
                position += shortest;
                continue;
            }
            let start = position - text[..position].iter().rev().take_while(is_in).count();
            let end = position + text[position..].iter().take_while(is_in).count();
            position = end + shortest;
            if end - start >= shortest {
                return Some(start..end);
            }
        }
        None
    })
}
