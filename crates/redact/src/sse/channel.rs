//! Texts that come in pieces: which strings of an event are pieces of what, and what ends them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{Redactor, StreamRedactor};

/// Strings of a chat completion's `delta` that are pieces.
const CHAT_FIELDS: [&str; 4] = ["content", "refusal", "reasoning", "reasoning_content"];

/// A piece of a text, taken out of its event.
pub(super) struct Piece {
    /// The text that it belongs to.
    pub(super) key: String,
    /// Where it stood.
    pub(super) pointer: String,
    pub(super) text: String,
}

/// What an event means for the texts under way.
#[derive(Default)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<Piece>,
    /// Beginnings of the keys of texts that end with this event.
    pub(super) ended: Vec<String>,
}

/// Takes the pieces out of an event.
pub(super) fn pieces(event: &mut Value) -> Pieces {
    if event.get("choices").is_some_and(Value::is_array) {
        return chat(event);
    }
    match event.get("type").and_then(Value::as_str).map(str::to_owned) {
        Some(kind) => response(event, &kind),
        None => Pieces::default(),
    }
}

fn chat(event: &mut Value) -> Pieces {
    let mut found = Pieces::default();
    let choices = event.get("choices").and_then(Value::as_array).cloned().unwrap_or_default();
    for (place, choice) in choices.iter().enumerate() {
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or(place as u64);
        if choice.get("finish_reason").is_some_and(|reason| !reason.is_null()) {
            found.ended.push(format!("chat/{index}/"));
        }
        for field in CHAT_FIELDS {
            let pointer = format!("/choices/{place}/delta/{field}");
            found.take(event, format!("chat/{index}/{field}"), pointer);
        }
        let calls = choice.pointer("/delta/tool_calls").and_then(Value::as_array);
        for (position, call) in calls.into_iter().flatten().enumerate() {
            let number = call.get("index").and_then(Value::as_u64).unwrap_or(position as u64);
            let pointer = format!("/choices/{place}/delta/tool_calls/{position}/function/arguments");
            found.take(event, format!("chat/{index}/call/{number}"), pointer);
        }
    }
    found
}

fn response(event: &mut Value, kind: &str) -> Pieces {
    let mut found = Pieces::default();
    let part = |name: &str| event.get(name).map(ToString::to_string).unwrap_or_default();
    let of =
        |kind: &str| format!("{kind}/{}/{}/{}", part("item_id"), part("output_index"), part("content_index"));
    if let Some(name) = kind.strip_suffix(".delta") {
        let key = of(name);
        found.take(event, key, "/delta".to_owned());
    } else if let Some(name) = kind.strip_suffix(".done") {
        found.ended.push(of(name));
    } else if matches!(kind, "response.completed" | "response.incomplete" | "response.failed" | "error") {
        found.ended.push(String::new());
    }
    found
}

impl Pieces {
    fn take(&mut self, event: &mut Value, key: String, pointer: String) {
        if let Some(Value::String(text)) = event.pointer_mut(&pointer) {
            let text = std::mem::take(text);
            self.pieces.push(Piece { key, pointer, text });
        }
    }
}

/// A text under way.
#[derive(Debug)]
pub(super) struct Channel {
    stream: StreamRedactor,
    /// Bytes of a character whose rest is held back.
    torn: Vec<u8>,
    pub(super) frame: Frame,
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
        Self { stream: redactor.stream(), torn: Vec::new(), frame: Frame::of(others, event, pointer) }
    }

    /// What may pass after this piece.
    pub(super) fn push(&mut self, text: &str) -> String {
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
        let parts: Vec<&str> = pointer.split('/').collect();
        // "/choices/<place>/delta/<field>" and "/choices/<place>/delta/tool_calls/<position>/function/arguments"
        let (["", "choices", place, "delta", field] | ["", "choices", place, "delta", field, ..]) = parts[..]
        else {
            return Self { others, body, pointer: pointer.to_owned() };
        };
        let index = event.pointer(&format!("/choices/{place}/index")).cloned().unwrap_or(json!(0));
        let (delta, pointer) = if field == "tool_calls" {
            let call = event.pointer(pointer.trim_end_matches("/function/arguments"));
            let number = call.and_then(|call| call.get("index")).cloned().unwrap_or(json!(0));
            let calls = json!([{ "index": number, "function": { "arguments": "" } }]);
            (json!({ "tool_calls": calls }), "/choices/0/delta/tool_calls/0/function/arguments".to_owned())
        } else {
            (json!({ field: "" }), format!("/choices/0/delta/{field}"))
        };
        body["choices"] = json!([{ "index": index, "delta": delta, "finish_reason": null }]);
        if let Some(fields) = body.as_object_mut() {
            fields.remove("usage");
        }
        Self { others, body, pointer }
    }

    /// The event with this text.
    pub(super) fn with(mut self, text: String) -> Value {
        if let Some(place) = self.body.pointer_mut(&self.pointer) {
            *place = Value::String(text);
        }
        self.body
    }
}
