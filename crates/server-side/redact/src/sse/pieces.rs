//! Texts that come in pieces: which strings of an event are pieces of what, and what ends them.
//!
//! Every string of a delta is a piece of the text that stands at its place, whatever the place is called. Labels are not:
//! what says what something is, and sealed state of a provider, comes whole and must not wait.

use letsbe_types::asked::is_end;
use serde_json::Value;

/// Strings that say what something is, or that must come as they are.
const LABELS: [&str; 21] = [
    "role",
    "type",
    "id",
    "name",
    "index",
    "format",
    "object",
    "status",
    "model",
    "finish_reason",
    "native_finish_reason",
    "stop_reason",
    "signature",
    "thought_signature",
    "thoughtSignature",
    "encrypted_content",
    "call_id",
    "tool_call_id",
    "item_id",
    "mime_type",
    "obfuscation",
];

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
    /// Keys of labels, and what they say.
    pub(super) labels: Vec<(String, String)>,
    /// Beginnings of the keys of texts that end with this event.
    pub(super) ended: Vec<String>,
}

/// Takes the pieces out of an event.
pub(super) fn pieces(event: &mut Value) -> Pieces {
    let mut found = Pieces::default();
    if event.get("choices").is_some_and(Value::is_array) {
        found.chat(event);
    } else if let Some(kind) = event.get("type").and_then(Value::as_str).map(str::to_owned) {
        found.response(event, &kind);
    }
    for piece in &mut found.pieces {
        if let Some(Value::String(text)) = event.pointer_mut(&piece.pointer) {
            piece.text = std::mem::take(text);
        }
    }
    found
}

impl Pieces {
    fn chat(&mut self, event: &Value) {
        let choices = event.get("choices").and_then(Value::as_array);
        for (place, choice) in choices.into_iter().flatten().enumerate() {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(place as u64);
            // Some providers write an empty word in every piece.
            if choice.get("finish_reason").and_then(Value::as_str).is_some_and(is_end) {
                self.ended.push(format!("chat/{index}/"));
            }
            // Only these come in pieces. What predicts them is left out where a piece is changed.
            for (field, key) in [("delta", format!("chat/{index}")), ("text", format!("chat/{index}/text"))] {
                if let Some(value) = choice.get(field) {
                    self.walk(value, field, &key, &format!("/choices/{place}/{field}"));
                }
            }
        }
    }

    fn response(&mut self, event: &Value, kind: &str) {
        let part = |name: &str| event.get(name).map(ToString::to_string).unwrap_or_default();
        let output = part("output_index");
        if kind.ends_with("delta") {
            let parts = ["item_id", "content_index", "summary_index", "index"].map(part).join("/");
            let key = format!("response/{output}/{kind}/{parts}");
            self.walk(event.get("delta").unwrap_or(&Value::Null), "delta", &key, "/delta");
        } else if kind.ends_with(".done") {
            // A provider may leave out the end of the text itself: the end of what it is in is one too.
            let of = |output: &str| format!("response/{output}/");
            self.ended.extend(if output.is_empty() {
                vec!["response/".to_owned()]
            } else {
                vec![of(&output), of("")]
            });
        } else if ["completed", "incomplete", "failed", "error", "_stop"]
            .iter()
            .any(|end| kind.ends_with(end))
        {
            self.ended.push(String::new());
        }
    }

    fn walk(&mut self, value: &Value, name: &str, key: &str, pointer: &str) {
        match value {
            Value::String(text) if LABELS.contains(&name) => {
                self.labels.push((key.to_owned(), text.clone()));
            }
            Value::String(_) => {
                let (key, pointer) = (key.to_owned(), pointer.to_owned());
                self.pieces.push(Piece { key, pointer, text: String::new() });
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let number = item.get("index").and_then(Value::as_u64).unwrap_or(at as u64);
                    self.walk(item, name, &format!("{key}/{number}"), &format!("{pointer}/{at}"));
                }
            }
            Value::Object(fields) => {
                let is_sealed =
                    fields.get("type").and_then(Value::as_str).is_some_and(crate::json::is_sealed);
                for (field, value) in fields {
                    let (key, pointer) = (format!("{key}/{field}"), format!("{pointer}/{}", escaped(field)));
                    let name = if is_sealed && field == "data" { "encrypted_content" } else { field };
                    self.walk(value, name, &key, &pointer);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// As RFC 6901 wants the name of a field.
fn escaped(field: &str) -> String {
    field.replace('~', "~0").replace('/', "~1")
}
