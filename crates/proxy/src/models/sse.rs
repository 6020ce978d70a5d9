//! Cuts a stream into its server-sent events, however it arrives.

use std::mem;

use crate::limits::ANSWER_BYTES;

/// An event as it came, with its blank line, and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) raw: Vec<u8>,
    /// `None`: a comment, or an event without data.
    pub(crate) data: Option<String>,
}

/// An event that is too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    held: Vec<u8>,
    /// So many bytes hold no end of an event.
    looked: usize,
}

impl Splitter {
    /// More bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.held.len() + bytes.len() > ANSWER_BYTES {
            return Err(TooLong);
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// The next complete event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        while let Some(end) = self.held[self.looked..].iter().position(|byte| *byte == b'\n') {
            let begin = self.looked;
            self.looked += end + 1;
            if matches!(&self.held[begin..self.looked], b"\n" | b"\r\n") {
                let rest = self.held.split_off(mem::take(&mut self.looked));
                let raw = mem::replace(&mut self.held, rest);
                return Some(Event { data: data_of(&raw), raw });
            }
        }
        None
    }

    /// Whether an event has begun and not ended.
    pub(crate) fn is_within(&self) -> bool {
        self.held.iter().any(|byte| !byte.is_ascii_whitespace())
    }
}

fn data_of(raw: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let data: Vec<&str> = data.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    (!data.is_empty()).then(|| data.join("\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Splitter;

    const STREAM: &str = ": wait\n\nevent: a\r\ndata: {\"x\":1}\r\n\r\ndata: two\ndata: lines \u{e4}\n\n\ndata: [DONE]\n\ndata: cu";

    fn split(pieces: &[&[u8]]) -> (Vec<u8>, Vec<String>, bool) {
        let mut splitter = Splitter::default();
        let (mut raw, mut data) = (Vec::new(), Vec::new());
        for piece in pieces {
            splitter.push(piece).unwrap();
            while let Some(event) = splitter.next() {
                raw.extend_from_slice(&event.raw);
                data.extend(event.data);
            }
        }
        (raw, data, splitter.is_within())
    }

    proptest! {
        #[test]
        fn events_do_not_depend_on_where_a_stream_is_cut(mut cuts in prop::collection::vec(0..STREAM.len(), 0..12)) {
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &STREAM.as_bytes()[cut[0]..cut[1]]).collect();
            let (raw, data, within) = split(&pieces);
            prop_assert_eq!(raw.as_slice(), &STREAM.as_bytes()[..STREAM.len() - 8]);
            prop_assert_eq!(data, ["{\"x\":1}", "two\nlines \u{e4}", "[DONE]"]);
            prop_assert!(within);
        }
    }
}
