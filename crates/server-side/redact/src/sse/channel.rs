//! A text under way: what of it may pass, and the event in which the rest can be sent.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::{Redactor, StreamRedactor};

/// So much of what came last is remembered, to see what it becomes with what comes next.
const TAIL_BYTES: usize = 512;

/// A text under way.
#[derive(Debug)]
pub(super) struct Channel {
    stream: StreamRedactor,
    /// Bytes of a character whose rest is held back.
    torn: Vec<u8>,
    /// What came last, and what passed last.
    pub(super) tail: Tail,
    pub(super) passed: Tail,
    pub(super) frame: Frame,
}

/// The end of a text as it came.
#[derive(Debug, Default, Clone)]
pub(super) struct Tail(String);

impl Tail {
    /// What came before, the text, and where the one becomes the other.
    pub(super) fn and(&mut self, text: &str) -> (String, usize) {
        let joined = format!("{}{text}", self.0);
        let joint = self.0.len();
        self.0 = joined[joined.ceil_char_boundary(joined.len().saturating_sub(TAIL_BYTES))..].to_owned();
        (joined, joint)
    }
}

/// An event in which a piece of one text, and nothing else, can be sent.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) others: Vec<String>,
    body: Value,
    pointer: String,
}

impl Channel {
    /// A text that begins at `pointer` of this (redacted) event.
    pub(super) fn new(redactor: &Arc<Redactor>, others: &[String], event: &Value, pointer: &str) -> Self {
        let frame = Frame::of(others, event, pointer);
        Self {
            stream: redactor.stream(),
            torn: Vec::new(),
            tail: Tail::default(),
            passed: Tail::default(),
            frame,
        }
    }

    /// What may pass after this piece.
    pub(super) fn push(&mut self, text: &str) -> String {
        self.tail.and(text);
        let mut bytes = std::mem::take(&mut self.torn);
        self.stream.push(text.as_bytes(), &mut bytes);
        let whole = match std::str::from_utf8(&bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len(),
        };
        self.torn = bytes.split_off(whole);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What is still held back.
    pub(super) fn finish(self) -> String {
        let mut bytes = self.torn;
        self.stream.finish(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Frame {
    fn of(others: &[String], event: &Value, pointer: &str) -> Self {
        let others = others.to_vec();
        let mut body = event.clone();
        let parts: Vec<&str> = pointer.split('/').skip(1).collect();
        let pointer = match parts[..] {
            ["choices", place, field, ref path @ ..] => {
                let choice = event.pointer(&format!("/choices/{place}")).unwrap_or(&Value::Null);
                let (inner, pointer) = only(choice.get(field).unwrap_or(&Value::Null), path);
                let index = choice.get("index").cloned().unwrap_or(json!(0));
                body["choices"] = json!([{ "index": index, field: inner, "finish_reason": null }]);
                format!("/choices/0/{field}{pointer}")
            }
            [field, ref path @ ..] => {
                let (inner, pointer) = only(event.get(field).unwrap_or(&Value::Null), path);
                body[field] = inner;
                format!("/{field}{pointer}")
            }
            [] => pointer.to_owned(),
        };
        if let Some(fields) = body.as_object_mut() {
            fields.remove("usage");
            fields.remove("obfuscation");
            if let Some(predicted) = fields.get_mut("logprobs") {
                *predicted = json!([]);
            }
        }
        Self { others, body, pointer }
    }

    /// Whether events of this kind are numbered.
    pub(super) fn is_numbered(&self) -> bool {
        self.body.get(super::NUMBER).is_some_and(Value::is_u64)
    }

    pub(super) fn number(&mut self, number: u64) {
        self.body[super::NUMBER] = number.into();
    }

    /// The event with this text.
    pub(super) fn with(mut self, text: String) -> Value {
        if let Some(place) = self.body.pointer_mut(&self.pointer) {
            *place = Value::String(text);
        }
        self.body
    }
}

/// Of a value only the text at the end of a path, and what says where it belongs; and the path to it there.
fn only(value: &Value, path: &[&str]) -> (Value, String) {
    let Some((name, rest)) = path.split_first() else { return (json!(""), String::new()) };
    let Value::Array(items) = value else {
        let field = name.replace("~1", "/").replace("~0", "~");
        let (inner, pointer) = only(value.get(&field).unwrap_or(&Value::Null), rest);
        return (Value::Object(Map::from_iter([(field, inner)])), format!("/{name}{pointer}"));
    };
    let at: usize = name.parse().unwrap_or_default();
    let item = items.get(at).unwrap_or(&Value::Null);
    let (mut inner, pointer) = only(item, rest);
    if let Some(fields) = inner.as_object_mut() {
        for name in ["index", "type"] {
            if let Some(label) = item.get(name) {
                fields.insert(name.to_owned(), label.clone());
            }
        }
    }
    if item.get("index").is_some() {
        return (json!([inner]), format!("/0{pointer}"));
    }
    // Without a number of its own it is known by its place.
    let row: Vec<Value> = (0..at).map(|_| json!({})).chain([inner]).collect();
    (Value::Array(row), format!("/{at}{pointer}"))
}
