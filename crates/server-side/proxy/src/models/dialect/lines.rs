//! Cuts a stream into its server-sent events (WHATWG HTML, section 9.2), however it arrives.
//!
//! A crate for that would drop the comments, and the fields that it does not know.

use std::{collections::VecDeque, mem};

use super::text::{BYTE_ORDER_MARK, replace_halves};
use crate::limits::ANSWER_BYTES;

/// An event as it came, its lines ended by LF, with its blank line; and its data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) raw: Vec<u8>,
    /// `event:`
    pub(crate) name: Option<String>,
    /// `None`: a comment, or an event without data.
    pub(crate) data: Option<String>,
}

/// An event that is too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    ready: VecDeque<Event>,
    event: Event,
    /// The line that has begun.
    line: Vec<u8>,
    /// The last line ended with CR; a LF that follows belongs to it.
    after_cr: bool,
    /// Something of the stream was read.
    begun: bool,
}

impl Splitter {
    /// More bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let is_second_half = end == 0 && rest[0] == b'\n' && mem::take(&mut self.after_cr);
            if !is_second_half {
                self.hold(&rest[..end])?;
                self.line();
            }
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
        }
        self.after_cr &= rest.is_empty();
        self.hold(rest)
    }

    /// The next complete event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// The stream has ended. An event whose data are whole is one, though its blank line never came.
    pub(crate) fn end(&mut self) -> Option<Event> {
        if !self.line.is_empty() {
            self.line();
        }
        let mut event = mem::take(&mut self.event);
        let data = event.data.as_deref()?.trim();
        let is_whole = data == "[DONE]" || serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok();
        event.raw.push(b'\n');
        is_whole.then_some(event)
    }

    /// Whether an event has begun and not ended.
    pub(crate) fn is_within(&self) -> bool {
        !self.line.is_empty() || !self.event.raw.is_empty()
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.event.raw.len() + self.line.len() + bytes.len() > ANSWER_BYTES {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// The end of a line has come.
    fn line(&mut self) {
        let mut line = mem::take(&mut self.line);
        if !mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        replace_halves(&mut line);
        self.event.raw.extend_from_slice(&line);
        self.event.raw.push(b'\n');
        if line.is_empty() {
            self.ready.push_back(mem::take(&mut self.event));
            return;
        }
        let text = String::from_utf8_lossy(&line);
        let (name, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => self.event.name = Some(value.to_owned()),
            "data" => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.event.data = Some(value.to_owned()),
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Splitter;

    const STREAM: &str = "\u{feff}: wait\n\nevent: a\r\ndata:{\"x\":1}\r\n\r\ndata: two\ndata: lines \u{e4}\n\n\ndata: x\r\r\
                          data\rid: 7\r\n\rdata: [DONE]\n\ndata: cu";
    const LINES: &str = ": wait\n\nevent: a\ndata:{\"x\":1}\n\ndata: two\ndata: lines \u{e4}\n\n\ndata: x\n\n\
                         data\nid: 7\n\ndata: [DONE]\n\n";

    fn split(pieces: &[&[u8]]) -> (String, Vec<String>, Splitter) {
        let mut splitter = Splitter::default();
        let (mut raw, mut data) = (Vec::new(), Vec::new());
        for piece in pieces {
            splitter.push(piece).unwrap();
            while let Some(event) = splitter.next() {
                raw.extend_from_slice(&event.raw);
                data.extend(event.data);
            }
        }
        (String::from_utf8(raw).unwrap(), data, splitter)
    }

    proptest! {
        #[test]
        fn events_do_not_depend_on_where_a_stream_is_cut(mut cuts in prop::collection::vec(0..STREAM.len(), 0..12)) {
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &STREAM.as_bytes()[cut[0]..cut[1]]).collect();
            let (raw, data, mut splitter) = split(&pieces);
            prop_assert_eq!(raw, LINES);
            prop_assert_eq!(data, ["{\"x\":1}", "two\nlines \u{e4}", "x", "", "[DONE]"]);
            prop_assert!(splitter.is_within());
            prop_assert_eq!(splitter.end(), None, "what is cut is no event");
        }
    }

    #[test]
    fn an_event_passes_with_its_last_byte_whatever_ends_its_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = format!("data: 1{end}{end}");
            let (_, data, _) = split(&[stream.as_bytes()]);
            assert_eq!(data, ["1"], "{end:?}");
        }
    }

    #[test]
    fn a_last_event_that_is_whole_needs_no_blank_line() {
        for (rest, wanted) in [
            ("data: [DONE]", Some("[DONE]")),
            ("data: {\"a\":1}\n", Some("{\"a\":1}")),
            ("data: {\"a\":", None),
            (": bye", None),
            ("", None),
        ] {
            let (_, _, mut splitter) = split(&[rest.as_bytes()]);
            assert_eq!(splitter.end().and_then(|event| event.data).as_deref(), wanted, "{rest}");
        }
    }
}
