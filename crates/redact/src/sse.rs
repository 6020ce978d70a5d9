//! Redacts server-sent events (WHATWG HTML, section 9.2) of the two OpenAI-compatible streaming interfaces.
//!
//! A text that comes in many small events is one text: each such channel has a [`StreamRedactor`] of its own, so that
//! a secret is found however it was cut. What is held back follows with the channel's next event, or in an event of
//! its own before the one that ends the channel. Nothing passes that was not looked through.

mod channel;
mod lines;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{RedactError, Redactor};
use channel::{Channel, Piece, Pieces};
use lines::Lines;

/// Bytes of one event.
const EVENT_BYTES: usize = 1024 * 1024;
/// Texts that may be under way at once.
const CHANNELS: usize = 256;

/// Redacts a stream of server-sent events; it does not matter where the stream or its texts were cut.
#[derive(Debug)]
pub struct SseRedactor {
    redactor: Arc<Redactor>,
    lines: Lines,
    event: Event,
    channels: BTreeMap<String, Channel>,
}

/// The event that is being read.
#[derive(Debug, Default)]
struct Event {
    /// `event:`, `id:`, `retry:` and unknown fields, as they came.
    others: Vec<String>,
    /// The lines of `data:`.
    data: Option<String>,
    bytes: usize,
}

impl SseRedactor {
    /// A redactor for one stream.
    #[must_use]
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, lines: Lines::default(), event: Event::default(), channels: BTreeMap::new() }
    }

    /// Takes a chunk; what may go on is appended to `out`. An event passes as soon as its end has come.
    ///
    /// # Errors
    /// When an event is too long or has too many texts: the stream must be ended.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        self.lines.push(chunk);
        while let Some(line) = self.lines.next_line() {
            self.line(&String::from_utf8_lossy(&line), out)?;
        }
        self.bounded(self.lines.waiting())
    }

    /// The stream has ended: what is held back follows. An event without its end is dropped, as the standard says.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.flush(|_| true, out);
    }

    fn bounded(&self, more: usize) -> Result<(), RedactError> {
        if self.event.bytes + more > EVENT_BYTES {
            return Err(RedactError::TooMuch(format!(
                "a server-sent event has more than {EVENT_BYTES} bytes"
            )));
        }
        Ok(())
    }

    fn line(&mut self, line: &str, out: &mut Vec<u8>) -> Result<(), RedactError> {
        self.event.bytes += line.len();
        self.bounded(0)?;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return self.event(event, out);
        }
        if line.starts_with(':') {
            // A comment keeps the connection alive; it belongs to no event and waits for none.
            out.extend(format!("{}\n", self.redactor.text(line)).bytes());
            return Ok(());
        }
        match line.split_once(':').map(|(name, value)| (name, value.strip_prefix(' ').unwrap_or(value))) {
            Some(("data", value)) => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.event.data = Some(value.to_owned()),
            },
            _ => self.event.others.push(self.redactor.text(line)),
        }
        Ok(())
    }

    fn event(&mut self, event: Event, out: &mut Vec<u8>) -> Result<(), RedactError> {
        let Some(data) = event.data else {
            if event.others.is_empty() {
                out.push(b'\n');
            } else {
                write_event(&event.others, None, out);
            }
            return Ok(());
        };
        let written = if data.trim() == "[DONE]" {
            self.flush(|_| true, out);
            data
        } else if let Ok(value) = serde_json::from_str::<Value>(&data) {
            self.json(value, &event.others, out)?.to_string()
        } else {
            self.redactor.text(&data)
        };
        write_event(&event.others, Some(&written), out);
        Ok(())
    }

    /// The event without secrets; what must come before it is written to `out`.
    fn json(&mut self, mut value: Value, others: &[String], out: &mut Vec<u8>) -> Result<Value, RedactError> {
        let Pieces { pieces, ended } = channel::pieces(&mut value);
        self.redactor.json_value(&mut value)?;
        for Piece { key, pointer, text } in pieces {
            if !self.channels.contains_key(&key) {
                if self.channels.len() == CHANNELS {
                    return Err(RedactError::TooMuch(format!("more than {CHANNELS} texts in one stream")));
                }
                let channel = Channel::new(&self.redactor, others, &value, &pointer);
                self.channels.insert(key.clone(), channel);
            }
            let ends = ended.iter().any(|prefix| key.starts_with(prefix));
            let Some(channel) = self.channels.get_mut(&key) else { continue };
            let mut passed = channel.push(&text);
            if ends && let Some(channel) = self.channels.remove(&key) {
                passed.push_str(&channel.finish());
            }
            if let Some(place) = value.pointer_mut(&pointer) {
                *place = Value::String(passed);
            }
        }
        self.flush(|key| ended.iter().any(|prefix| key.starts_with(prefix)), out);
        Ok(value)
    }

    /// Ends channels; what they hold is written in an event of its own.
    fn flush(&mut self, ends: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
        let keys: Vec<String> = self.channels.keys().filter(|key| ends(key)).cloned().collect();
        for channel in keys.iter().filter_map(|key| self.channels.remove(key)) {
            let (others, frame) = (channel.frame.others.clone(), channel.frame.clone());
            let rest = channel.finish();
            if !rest.is_empty() {
                write_event(&others, Some(&frame.with(rest).to_string()), out);
            }
        }
    }
}

fn write_event(others: &[String], data: Option<&str>, out: &mut Vec<u8>) {
    for line in others {
        out.extend(format!("{line}\n").bytes());
    }
    for line in data.into_iter().flat_map(str::lines) {
        out.extend(format!("data: {line}\n").bytes());
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests;
