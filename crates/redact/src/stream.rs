//! Redacts bytes that come in chunks.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroize;

use crate::Redactor;
use crate::apply::Cover;
use crate::known::Found;

/// Redacts a stream by the known values, in all forms and in fragments: the result does not depend on where the
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
        let mut settled = self.held.len();
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
                settled = start;
                break;
            }
            if let Some((len, what)) = here.longest {
                self.cover.replace(&self.held, Found { start, end: start + len, what }, known, out);
            }
            position = start + 1;
        }
        self.cover.settle(&self.held, settled, out);
        let left = self.held.len() - settled;
        self.held.copy_within(settled.., 0);
        self.held[left..].zeroize();
        self.held.truncate(left);
    }
}

impl Drop for StreamRedactor {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}
