//! Lines of an event stream: they end with LF, CR LF or CR.

/// Bytes of which no whole line is known yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: Vec<u8>,
    /// Where to look for the next end: what is before was looked at.
    looked: usize,
}

impl Lines {
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.waiting.extend_from_slice(chunk);
    }

    /// Bytes that wait for their line's end.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next line without its end. A CR that came last may be half of a CR LF, so it waits.
    pub(super) fn next_line(&mut self) -> Option<Vec<u8>> {
        let found = self.waiting[self.looked..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some(end) = found.map(|at| at + self.looked) else {
            self.looked = self.waiting.len();
            return None;
        };
        let next = match (self.waiting[end], self.waiting.get(end + 1)) {
            (b'\r', None) => {
                self.looked = end;
                return None;
            }
            (b'\r', Some(b'\n')) => end + 2,
            _ => end + 1,
        };
        let mut line: Vec<u8> = self.waiting.drain(..next).collect();
        line.truncate(end);
        self.looked = 0;
        Some(line)
    }
}
