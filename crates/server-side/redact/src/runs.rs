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
    let mut start = 0;
    std::iter::from_fn(move || {
        // A run that begins at `start` or later: if it is one, all of these bytes are in it.
        while let Some(bytes) = text.get(start..start + shortest) {
            match bytes.iter().rposition(|byte| !is_in(&byte)) {
                Some(outside) => start += outside + 1,
                None => {
                    let end = start + shortest;
                    let end = end + text[end..].iter().take_while(is_in).count();
                    return Some(std::mem::replace(&mut start, end + 1)..end);
                }
            }
        }
        None
    })
}
