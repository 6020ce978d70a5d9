//! Lines of an event stream: they end with LF, CR LF or CR. A byte order mark in front of the first one is none of it.

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Bytes of which no whole line is known yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: Vec<u8>,
    /// Where to look for the next end: what is before was looked at.
    looked: usize,
    /// The last line ended with CR: an LF that follows belongs to it.
    after_return: bool,
    begun: bool,
}

impl Lines {
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.waiting.extend_from_slice(chunk);
    }

    /// Bytes that wait for their line's end.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next line without its end.
    pub(super) fn next_line(&mut self) -> Option<Vec<u8>> {
        if !self.begun {
            if self.waiting.len() < MARK.len() && MARK.starts_with(&self.waiting) {
                return None;
            }
            if self.waiting.starts_with(MARK) {
                self.waiting.drain(..MARK.len());
            }
            self.begun = true;
        }
        if self.after_return && !self.waiting.is_empty() {
            if self.waiting[0] == b'\n' {
                self.waiting.remove(0);
            }
            self.after_return = false;
        }
        let found = self.waiting[self.looked..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some(end) = found.map(|at| at + self.looked) else {
            self.looked = self.waiting.len();
            return None;
        };
        self.after_return = self.waiting[end] == b'\r';
        let mut line: Vec<u8> = self.waiting.drain(..=end).collect();
        line.truncate(end);
        self.looked = 0;
        Some(line)
    }
}
