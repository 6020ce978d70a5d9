//! An answer in the other shape than was asked for: some gateways always stream, and others never do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{super::wish::Form, lines::Event};

/// Fields of a piece that are said anew instead of continued.
const SAID_AGAIN: [&str; 6] = ["role", "id", "type", "name", "index", "signature"];

/// Most choices of an answer.
const CHOICES: usize = 16;
/// Longest text of an answer that is none of what was said.
const NAME_BYTES: usize = 1024;
/// Most pieces of one list, for example tool calls.
const LIST: usize = 1024;

/// The events of a chat that came as a whole; `None` if it cannot be told so.
pub(crate) fn events(form: Form, whole: &[u8]) -> Option<Vec<Event>> {
    if form != Form::Chat {
        return None;
    }
    let Value::Object(mut answer) = serde_json::from_slice(whole).ok()? else { return None };
    let Some(Value::Array(choices)) = answer.remove("choices") else { return None };
    if choices.len() > CHOICES {
        return None;
    }
    let usage = answer.remove("usage");
    // Each event has them: only what names the answer.
    answer.retain(|_, value| match value {
        Value::String(text) => text.len() <= NAME_BYTES,
        other => !other.is_array() && !other.is_object(),
    });
    answer.insert("object".to_owned(), json!("chat.completion.chunk"));
    let chunk = |choices: Value| {
        let mut chunk = answer.clone();
        chunk.insert("choices".to_owned(), choices);
        chunk
    };
    let mut events = Vec::new();
    for (place, choice) in choices.into_iter().enumerate() {
        let index = choice.get("index").cloned().unwrap_or_else(|| json!(place));
        let mut delta = choice.get("message").cloned().unwrap_or_default();
        let calls = delta.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten();
        for (number, call) in calls.filter_map(Value::as_object_mut).enumerate() {
            call.insert("index".to_owned(), json!(number));
        }
        let reason = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty()).unwrap_or("stop");
        let said = json!([{ "index": index.clone(), "delta": delta, "finish_reason": null }]);
        let ended = json!([{ "index": index, "delta": {}, "finish_reason": reason }]);
        events.extend([chunk(said), chunk(ended)]);
    }
    if let Some(usage) = usage.filter(Value::is_object) {
        let mut last = chunk(json!([]));
        last.insert("usage".to_owned(), usage);
        events.push(last);
    }
    let events = events.into_iter().map(|chunk| Value::Object(chunk).to_string());
    Some(events.chain(["[DONE]".to_owned()]).map(event).collect())
}

fn event(data: String) -> Event {
    Event { raw: format!("data: {data}\n\n").into_bytes(), name: None, data: Some(data) }
}

/// A chat that came in pieces, to be told as a whole.
#[derive(Default)]
pub(crate) struct Gathered {
    answer: Map<String, Value>,
    choices: BTreeMap<u64, Value>,
}

impl Gathered {
    /// One more piece.
    pub(crate) fn push(&mut self, data: &str) {
        let Ok(Value::Object(chunk)) = serde_json::from_str(data) else { return };
        for (name, value) in chunk {
            match value {
                Value::Null => {}
                Value::Array(choices) if name == "choices" => {
                    choices.into_iter().enumerate().for_each(|(place, choice)| self.choice(place, &choice));
                }
                value => {
                    self.answer.insert(name, value);
                }
            }
        }
    }

    fn choice(&mut self, place: usize, choice: &Value) {
        let index = choice["index"].as_u64().unwrap_or(place as u64);
        if self.choices.len() >= CHOICES && !self.choices.contains_key(&index) {
            return;
        }
        let begun = json!({ "index": index, "message": { "role": "assistant", "content": null } });
        let whole = self.choices.entry(index).or_insert(begun);
        for (name, value) in choice.as_object().into_iter().flatten() {
            match name.as_str() {
                "delta" | "message" => join(&mut whole["message"], value),
                _ if value.is_null() || value == "" => {}
                name => whole[name] = value.clone(),
            }
        }
    }

    /// The whole answer.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let choices = self.choices.into_values().collect();
        self.answer.insert("choices".to_owned(), Value::Array(choices));
        self.answer.insert("object".to_owned(), json!("chat.completion"));
        Value::Object(self.answer).to_string().into_bytes()
    }
}

fn join(whole: &mut Value, piece: &Value) {
    match (whole, piece) {
        (_, Value::Null) => {}
        (Value::String(text), Value::String(more)) => text.push_str(more),
        (Value::Array(items), Value::Array(more)) => {
            for (place, piece) in more.iter().enumerate() {
                let number = piece["index"].as_u64();
                let same = |item: &Value| number.is_some() && item["index"].as_u64() == number;
                match items.iter().position(same).or(number.is_none().then_some(place)) {
                    Some(at) if at < items.len() => join(&mut items[at], piece),
                    _ if items.len() < LIST => items.push(piece.clone()),
                    _ => {}
                }
            }
        }
        (Value::Object(fields), Value::Object(more)) => {
            for (name, piece) in more {
                let known = fields.entry(name.clone()).or_insert(Value::Null);
                if SAID_AGAIN.contains(&name.as_str()) && !piece.is_null() && piece != "" {
                    *known = piece.clone();
                } else {
                    join(known, piece);
                }
            }
        }
        (whole, piece) => *whole = piece.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Form, Gathered, events};

    fn whole() -> Value {
        let call = |at: u64, name: &str, arguments: &str| {
            let function = json!({ "name": name, "arguments": arguments });
            json!({ "index": at, "id": format!("call_{at}"), "type": "function", "function": function })
        };
        let said = json!({ "role": "assistant", "content": "two\nlines", "reasoning_content": "hm",
                           "tool_calls": [call(0, "a", "{\"x\":1}"), call(1, "b", "{}")] });
        json!({
            "id": "c", "object": "chat.completion", "created": 7, "model": "m",
            "choices": [
                { "index": 0, "message": said, "finish_reason": "tool_calls" },
                { "index": 1, "message": { "role": "assistant", "content": "x" }, "finish_reason": "length" },
            ],
            "usage": { "prompt_tokens": 7, "completion_tokens": 3 },
        })
    }

    fn gathered(data: impl IntoIterator<Item = String>) -> Value {
        let mut gathered = Gathered::default();
        data.into_iter().for_each(|data| gathered.push(&data));
        serde_json::from_slice(&gathered.finish()).expect("JSON")
    }

    #[test]
    fn a_whole_answer_that_is_streamed_and_gathered_is_the_same() {
        let events = events(Form::Chat, whole().to_string().as_bytes()).expect("events");
        assert_eq!(events.last().and_then(|event| event.data.as_deref()), Some("[DONE]"));
        assert_eq!(gathered(events.into_iter().filter_map(|event| event.data)), whole());
        assert!(self::events(Form::Responses, b"{}").is_none() && self::events(Form::Chat, b"[]").is_none());
    }

    #[test]
    fn pieces_are_put_together_in_their_places() {
        let chunk = |delta: Value| json!({ "choices": [{ "index": 0, "delta": delta }] }).to_string();
        let call = |more: Value| chunk(json!({ "tool_calls": [more] }));
        let whole = gathered([
            chunk(json!({ "role": "assistant", "content": "" })),
            chunk(json!({ "content": "a", "role": "assistant" })),
            chunk(json!({ "content": "b", "tool_calls": null })),
            call(json!({ "index": 0, "id": "c0", "function": { "name": "f", "arguments": "{\"a" } })),
            call(json!({ "index": 1, "id": "c1", "function": { "name": "g", "arguments": "{}" } })),
            call(json!({ "index": 0, "id": "", "function": { "arguments": "\":1}" } })),
            json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] }).to_string(),
            "rubbish".to_owned(),
        ]);
        let choice = &whole["choices"][0];
        assert_eq!(
            (&choice["message"]["content"], &choice["finish_reason"]),
            (&json!("ab"), &json!("tool_calls"))
        );
        let function = |at: usize| choice["message"]["tool_calls"][at]["function"].clone();
        assert_eq!(function(0), json!({ "name": "f", "arguments": "{\"a\":1}" }));
        assert_eq!(function(1), json!({ "name": "g", "arguments": "{}" }));
        assert_eq!(choice["message"]["tool_calls"][0]["id"], "c0");
    }
}
