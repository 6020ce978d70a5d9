//! Redacts bytes that come in chunks.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroize;

use crate::Redactor;
use crate::apply::Cover;
use crate::index::Found;
use crate::known::is_outside;

/// Redacts a stream by the known values, in their forms, by their letters and in fragments: the result does not depend on where the
/// stream was cut into chunks, and is that of the same rule over the whole.
///
/// Held back are only bytes that are, to the last one that came, the beginning of a form or of a fragment.
pub struct StreamRedactor {
    redactor: Arc<Redactor>,
    held: Vec<u8>,
    cover: Cover,
}

impl fmt::Debug for StreamRedactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamRedactor").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl StreamRedactor {
    pub(crate) fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, held: Vec::new(), cover: Cover::default() }
    }

    /// Takes a chunk; what may go on is appended to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(chunk);
        self.go_on(false, out);
    }

    /// The stream has ended.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.go_on(true, out);
    }

    /// How many bytes are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn go_on(&mut self, ended: bool, out: &mut Vec<u8>) {
        let known = &self.redactor.known;
        let (mut found, mut settled) = self.as_it_stands(ended);
        // A character whose rest has not come is no letter yet.
        let whole = if ended { self.held.len() } else { without_torn(&self.held) };
        let (by_letters, until) = known.by_letters_so_far(&self.held[..whole], ended);
        settled = settled.min(until).min(whole);
        if let Some(start) = known.shortest_unfinished(&self.held).filter(|_| !ended) {
            settled = settled.min(start);
        }
        let placeholders: Vec<Found> =
            found.iter().filter(|found| known.is_placeholder(&self.held, found)).copied().collect();
        let others = by_letters.into_iter().chain(known.shortest(&self.held));
        found.extend(others.filter(|found| is_outside(&placeholders, found)));
        found.retain(|found| found.start < settled);
        found.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end)));
        for found in found {
            self.cover.replace(&self.held, found, known, out);
        }
        self.cover.settle(&self.held, settled, out);
        let left = self.held.len() - settled;
        self.held.copy_within(settled.., 0);
        self.held[left..].zeroize();
        self.held.truncate(left);
    }

    /// Everything that is found as it stands there, and from where on it must be seen what comes.
    fn as_it_stands(&self, ended: bool) -> (Vec<Found>, usize) {
        let known = &self.redactor.known.exact;
        let mut found = Vec::new();
        let mut position = 0;
        while position < self.held.len() {
            // The last seven bytes are too short for the filter; they may still be a beginning.
            let short = self.held.len().saturating_sub(7);
            let start = if position < short {
                known.candidate(&self.held, position).unwrap_or(short)
            } else {
                position
            };
            let here = known.here(&self.held[start..]);
            if here.unfinished && !ended {
                return (found, start);
            }
            if let Some((len, what)) = here.longest {
                found.push(Found { start, end: start + len, what });
            }
            position = start + 1;
        }
        (found, self.held.len())
    }
}

/// How many bytes there are before a character of which only the beginning is there.
fn without_torn(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    let torn = (from..bytes.len()).find(|at| {
        let error = std::str::from_utf8(&bytes[*at..]).err();
        error.is_some_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    });
    torn.unwrap_or(bytes.len())
}

impl Drop for StreamRedactor {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}
