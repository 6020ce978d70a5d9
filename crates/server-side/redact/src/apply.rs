//! Puts placeholders where something was found.

use crate::index::Found;
use crate::known::Known;

/// How far the output has come. Findings that overlap become one gap, so that no end of one looks out.
#[derive(Debug, Default)]
pub(crate) struct Cover {
    /// Bytes before this are written or replaced.
    done: usize,
    /// What the gap that ends at `done` was filled with last.
    last: Option<u32>,
}

impl Cover {
    /// Writes what stands before the finding, then its placeholder. Findings come in the order of their beginnings.
    pub(crate) fn replace(&mut self, text: &[u8], found: Found, known: &Known, out: &mut Vec<u8>) {
        let apart = self.done < found.start || self.last.is_none() || self.done == found.start;
        if self.done < found.start {
            out.extend_from_slice(&text[self.done..found.start]);
        }
        if found.end <= self.done {
            return;
        }
        if apart || self.last != Some(found.what) {
            out.extend_from_slice(known.replacement(found.what).as_bytes());
        }
        self.done = found.end;
        self.last = Some(found.what);
    }

    /// Writes everything before `until`, and counts from there on.
    pub(crate) fn settle(&mut self, text: &[u8], until: usize, out: &mut Vec<u8>) {
        if self.done < until {
            out.extend_from_slice(&text[self.done..until]);
            self.done = until;
            self.last = None;
        }
        self.done -= until;
    }
}
