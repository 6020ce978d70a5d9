//! Redacts server-sent events (WHATWG HTML, section 9.2) of the two OpenAI-compatible streaming interfaces.
//!
//! A text that comes in many small events is one text: each such channel has a [`StreamRedactor`] of its own, so that
//! a secret is found however it was cut. What is held back follows with the channel's next event, or in an event of
//! its own before the one that ends the channel. What must not wait, such as names and sealed state, and what comes
//! after the end of its text is watched instead: where it becomes a secret with what came before, the stream is ended.
//! Nothing passes that was not looked through.

mod channel;
mod lines;
mod pieces;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{RedactError, Redactor};
use channel::{Channel, Tail};
use lines::Lines;
use pieces::{Piece, Pieces};

/// Bytes of one event.
const EVENT_BYTES: usize = 1024 * 1024;
/// Texts that may be under way at once.
const CHANNELS: usize = 256;
/// Labels, and texts that have ended.
const WATCHED: usize = 4096;
/// The field with an event's number, where events have one.
const NUMBER: &str = "sequence_number";

/// Redacts a stream of server-sent events; it does not matter where the stream or its texts were cut.
#[derive(Debug)]
pub struct SseRedactor {
    redactor: Arc<Redactor>,
    lines: Lines,
    event: Event,
    channels: BTreeMap<String, Channel>,
    watched: BTreeMap<String, Tail>,
    /// How many events were put in between, and the number of the last event.
    added: u64,
    last_number: Option<u64>,
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
        Self {
            redactor,
            lines: Lines::default(),
            event: Event::default(),
            channels: BTreeMap::new(),
            watched: BTreeMap::new(),
            added: 0,
            last_number: None,
        }
    }

    /// Takes a chunk; what may go on is appended to `out`. An event passes as soon as its end has come.
    ///
    /// # Errors
    /// When an event is too long or has too many texts, or a secret would come out of what has passed: the stream must
    /// be ended.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        self.lines.push(chunk);
        while let Some(line) = self.lines.next_line() {
            self.line(&String::from_utf8_lossy(&line), out)?;
        }
        self.bounded(self.lines.waiting())
    }

    /// The stream has ended: what is held back follows. An event without its end is dropped, as the standard says.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.flush(|_| true, None, out);
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
        if data.trim().is_empty() {
            // It carries nothing but the news that the connection is alive.
            out.extend(b":\n\n");
            return Ok(());
        }
        let written = if data.trim() == "[DONE]" {
            self.flush(|_| true, None, out);
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
        let Pieces { pieces, labels, ended } = pieces::pieces(&mut value);
        self.redactor.json_value(&mut value)?;
        for (key, text) in labels {
            self.watch(key, &text)?;
        }
        for Piece { key, pointer, text } in pieces {
            if self.watched.contains_key(&key) {
                self.watch(key.clone(), &text)?;
            }
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
            let (shown, _) = channel.passed.and(&passed);
            // Not held back: it is seen only when a good piece of it is there.
            if let Some(name) = self.redactor.hidden_in(&shown) {
                return Err(RedactError::Remains(name.to_owned()));
            }
            if ends && let Some(channel) = self.channels.remove(&key) {
                self.watched.insert(key, channel.tail.clone());
                passed.push_str(&channel.finish());
            }
            if passed != text {
                without_predictions(&mut value, &pointer);
            }
            if let Some(place) = value.pointer_mut(&pointer) {
                *place = Value::String(passed);
            }
        }
        let number = value.get(NUMBER).and_then(Value::as_u64);
        self.flush(|key| ended.iter().any(|prefix| key.starts_with(prefix)), number, out);
        if let Some(number) = number {
            self.last_number = Some(number + self.added);
            value[NUMBER] = (number + self.added).into();
        }
        Ok(value)
    }

    /// What comes whole, or after an end, must not make a secret of what came before it.
    fn watch(&mut self, key: String, text: &str) -> Result<(), RedactError> {
        if self.watched.len() == WATCHED && !self.watched.contains_key(&key) {
            return Err(RedactError::TooMuch(format!("more than {WATCHED} places of texts in one stream")));
        }
        let (joined, joint) = self.watched.entry(key).or_default().and(text);
        match self.redactor.over_joint(joined.as_bytes(), joint) {
            Some(name) => Err(RedactError::Remains(name.to_owned())),
            None => Ok(()),
        }
    }

    /// Ends channels; what they hold is written in an event of its own, before the one with this number.
    fn flush(&mut self, ends: impl Fn(&str) -> bool, number: Option<u64>, out: &mut Vec<u8>) {
        let mut next = number.map(|number| number + self.added).or(self.last_number.map(|last| last + 1));
        let keys: Vec<String> = self.channels.keys().filter(|key| ends(key)).cloned().collect();
        for key in keys {
            let Some(channel) = self.channels.remove(&key) else { continue };
            if self.watched.len() < WATCHED {
                self.watched.insert(key, channel.tail.clone());
            }
            let (mut frame, mut passed) = (channel.frame.clone(), channel.passed.clone());
            let rest = channel.finish();
            if rest.is_empty() || self.redactor.hidden_in(&passed.and(&rest).0).is_some() {
                continue;
            }
            if let Some(number) = next.filter(|_| frame.is_numbered()) {
                frame.number(number);
                (next, self.last_number) = (Some(number + 1), Some(number));
                self.added += 1;
            }
            let others = frame.others.clone();
            write_event(&others, Some(&frame.with(rest).to_string()), out);
        }
    }
}

/// Probabilities are said of each piece, so they say the piece.
fn without_predictions(event: &mut Value, pointer: &str) {
    let choice = pointer.strip_prefix("/choices/").and_then(|rest| rest.split_once('/'));
    if let Some((place, _)) = choice {
        if let Some(predicted) = event.pointer_mut(&format!("/choices/{place}/logprobs")) {
            *predicted = Value::Null;
        }
    } else if let Some(predicted) = event.get_mut("logprobs") {
        *predicted = json!([]);
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
