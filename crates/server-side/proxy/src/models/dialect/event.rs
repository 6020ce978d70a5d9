//! What an event of a streamed answer means.

use letsbe_types::asked::is_end;
use serde_json::Value;

use super::super::{meter::Reported, wish::Form};
use super::lines::Event;

/// What an event means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// It carries something that was said, or says that there is nothing to say.
    pub(crate) is_content: bool,
    /// The choices that end with it, a bit each; all of them when nothing more is to be said.
    pub(crate) ends: u64,
    /// Nothing follows.
    pub(crate) is_last: bool,
    /// The provider gives up.
    pub(crate) is_failure: bool,
    /// It carries nothing but the usage.
    pub(crate) is_usage_only: bool,
    /// It carries nothing at all, and clients may stumble over it.
    pub(crate) is_nothing: bool,
    pub(crate) usage: Option<Reported>,
}

/// Every choice.
pub(crate) const ALL: u64 = u64::MAX;
/// Words that only keep a connection open: names of events, types, or data.
const HEARTBEATS: [&str; 10] = [
    "ping",
    "pong",
    "heartbeat",
    "keepalive",
    "alive",
    "processing",
    "openrouterprocessing",
    "waiting",
    "queued",
    "connected",
];
/// Reasons to end for which there is no answer.
const GIVEN_UP: [&str; 9] = [
    "error",
    "failed",
    "abort",
    "aborted",
    "timeout",
    "network_error",
    "server_error",
    "internal_error",
    "insufficient_system_resource",
];
/// Errors that are none.
const NO_ERRORS: [&str; 7] = ["", "0", "ok", "success", "null", "none", "false"];

impl Meaning {
    const NOTHING: Self = Self {
        is_content: false,
        ends: 0,
        is_last: false,
        is_failure: false,
        is_usage_only: false,
        is_nothing: true,
        usage: None,
    };

    fn failure() -> Self {
        Self { is_failure: true, ..Self::default() }
    }
}

/// What an event means; `None`: it is not understood.
pub(crate) fn meaning(form: Form, event: &Event) -> Option<Meaning> {
    // A comment has no data and no meaning.
    let Some(data) = event.data.as_deref().map(str::trim) else { return Some(Meaning::default()) };
    if data.eq_ignore_ascii_case("[DONE]") {
        return Some(Meaning { ends: ALL, is_last: true, ..Meaning::default() });
    }
    let name = event.name.as_deref().unwrap_or_default();
    if data.is_empty() || [name, data].iter().any(|word| is_heartbeat(word)) {
        return Some(Meaning::NOTHING);
    }
    if name == "error" {
        return Some(Meaning::failure());
    }
    let value: Value = serde_json::from_str(data).ok()?;
    match &value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(Meaning::NOTHING),
        Value::String(word) if word.is_empty() || is_heartbeat(word) => Some(Meaning::NOTHING),
        Value::Array(items) if items.is_empty() => Some(Meaning::NOTHING),
        _ if is_error(&value) => Some(Meaning::failure()),
        Value::Object(_) => match form {
            Form::Responses => Some(response(&value)),
            Form::Chat | Form::Embeddings => chat(&value),
        },
        _ => None,
    }
}

fn is_heartbeat(word: &str) -> bool {
    // `keep-alive`, `[PING]`, `: OPENROUTER PROCESSING`
    const LONGEST: usize = 40;
    let is_plain = |sign: char| sign.is_ascii_alphabetic() || "-_[]: ".contains(sign);
    if word.len() > LONGEST || !word.chars().all(is_plain) {
        return false;
    }
    let letters: String = word.chars().filter(char::is_ascii_alphabetic).collect();
    HEARTBEATS.iter().any(|heartbeat| letters.eq_ignore_ascii_case(heartbeat))
}

/// Whether this says that something went wrong, in any dialect's form.
fn is_error(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.first().is_some_and(is_error),
        Value::Object(fields) => {
            let has = |name: &str| fields.contains_key(name);
            let is = |name: &str| fields.get(name).is_some_and(|word| word == "error");
            let is_answer =
                ["choices", "output", "data", "response", "usage", "type"].iter().any(|name| has(name));
            let is_bare = !is_answer && ["message", "detail"].iter().any(|name| has(name));
            fields.get("error").is_some_and(is_said) || is("type") || is("object") || is_bare
        }
        _ => false,
    }
}

/// Whether an error is more than empty words.
pub(super) fn is_said(error: &Value) -> bool {
    match error {
        Value::Null => false,
        Value::Bool(is_said) => *is_said,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !NO_ERRORS.contains(&text.trim().to_lowercase().as_str()),
        Value::Array(items) => items.iter().any(is_said),
        Value::Object(fields) => fields.values().any(is_said),
    }
}

/// Whether a choice ends without an answer.
pub(super) fn has_failed(finish_reason: &Value, error: &Value) -> bool {
    GIVEN_UP.contains(&reason(finish_reason).as_str()) || is_said(error)
}

fn reason(finish_reason: &Value) -> String {
    finish_reason.as_str().unwrap_or_default().to_lowercase()
}

fn chat(chunk: &Value) -> Option<Meaning> {
    let none = Vec::new();
    let choices = match &chunk["choices"] {
        Value::Array(choices) => choices,
        Value::Null => &none,
        _ => return None,
    };
    if choices.iter().any(|choice| has_failed(&choice["finish_reason"], &choice["error"])) {
        return Some(Meaning::failure());
    }
    let ended = choices.iter().filter(|choice| is_end(&reason(&choice["finish_reason"])));
    let ends = ended
        .map(|choice| 1_u64 << choice["index"].as_u64().unwrap_or(0).min(63))
        .fold(0, |all, one| all | one);
    let in_choices = choices.iter().map(|choice| &choice["usage"]);
    let usage = [&chunk["usage"], &chunk["x_groq"]["usage"]].into_iter().chain(in_choices).find_map(usage);
    let is_said =
        choices.iter().any(|choice| says_something(&choice["delta"]) || says_something(&choice["message"]));
    Some(Meaning {
        is_content: ends != 0 || is_said,
        ends,
        is_usage_only: choices.is_empty() && chunk["usage"].is_object(),
        is_nothing: chunk["choices"].is_null() && !chunk["usage"].is_object(),
        usage,
        ..Meaning::default()
    })
}

/// Whether a delta has more than a role and empty fields.
fn says_something(delta: &Value) -> bool {
    let fields = delta.as_object().into_iter().flatten();
    fields.filter(|(name, _)| *name != "role").any(|(_, value)| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    })
}

fn response(event: &Value) -> Meaning {
    let Some(kind) = event["type"].as_str() else { return Meaning::NOTHING };
    let is_last = matches!(kind, "response.completed" | "response.incomplete");
    Meaning {
        is_content: is_last || kind.ends_with(".delta") || kind == "response.output_item.done",
        ends: if is_last { ALL } else { 0 },
        is_last,
        is_failure: kind == "response.failed",
        is_nothing: is_heartbeat(kind),
        usage: usage(&event["response"]["usage"]),
        ..Meaning::default()
    }
}

/// A usage in either form's words.
pub(crate) fn usage(value: &Value) -> Option<Reported> {
    let number = |names: [&str; 2]| {
        names.iter().find_map(|name| value.get(name).filter(|is| !is.is_null())).map(count)
    };
    let input = number(["prompt_tokens", "input_tokens"])??;
    // Embeddings write nothing.
    let output = number(["completion_tokens", "output_tokens"]).unwrap_or(Some(0))?;
    Some(Reported { input, output })
}

/// A count, though it may be written with a fraction or as a text.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        let number = number.filter(|number| (0.0..1e15).contains(number))?;
        format!("{:.0}", number.ceil()).parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::{ALL, Event, Form, Meaning, Reported, meaning};

    const NONE: Meaning = Meaning { is_nothing: false, ..Meaning::NOTHING };
    const CONTENT: Meaning = Meaning { is_content: true, ..NONE };
    const FAILURE: Meaning = Meaning { is_failure: true, ..NONE };
    const USED: Option<Reported> = Some(Reported { input: 7, output: 3 });

    fn of(form: Form, name: &str, data: &str) -> Option<Meaning> {
        let name = (!name.is_empty()).then(|| name.to_owned());
        meaning(form, &Event { raw: Vec::new(), name, data: Some(data.to_owned()) })
    }

    #[test]
    fn events_mean_what_they_say() {
        let cases = [
            (r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#, NONE),
            (r#"{"choices":[{"delta":{"content":"a"}}]}"#, CONTENT),
            (r#"{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}"#, CONTENT),
            (r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"null"}]}"#, CONTENT),
            (r#"{"choices":[{"delta":{"content":""},"finish_reason":""}]}"#, NONE),
            (r#"{"choices":[{"delta":null,"finish_reason":null}]}"#, NONE),
            (r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#, CONTENT),
            (r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":""}}]}}]}"#, CONTENT),
            (r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, Meaning { ends: 1, ..CONTENT }),
            (
                r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
                Meaning { ends: 2, ..CONTENT },
            ),
            ("[DONE]", Meaning { ends: ALL, is_last: true, ..NONE }),
            (r#"{"choices":[],"prompt_filter_results":[]}"#, NONE),
            (
                r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#,
                Meaning { is_usage_only: true, usage: USED, ..NONE },
            ),
            (
                r#"{"choices":[],"usage":{"prompt_tokens":7.0,"completion_tokens":2.5}}"#,
                Meaning { is_usage_only: true, usage: USED, ..NONE },
            ),
            (
                r#"{"usage":{"prompt_tokens":7,"completion_tokens":3}}"#,
                Meaning { is_usage_only: true, usage: USED, ..NONE },
            ),
            (r#"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#, CONTENT),
            (
                r#"{"choices":[],"usage":{"prompt_tokens":"7","completion_tokens":"3"}}"#,
                Meaning { is_usage_only: true, usage: USED, ..NONE },
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":7,"completion_tokens":3}}}"#,
                Meaning { ends: 1, usage: USED, ..CONTENT },
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"eos","usage":{"prompt_tokens":7,"completion_tokens":3}}]}"#,
                Meaning { ends: 1, usage: USED, ..CONTENT },
            ),
            (
                r#"{"choices":[],"usage":{"prompt_tokens":-7,"completion_tokens":"3"}}"#,
                Meaning { is_usage_only: true, ..NONE },
            ),
        ];
        for (data, wanted) in cases {
            assert_eq!(of(Form::Chat, "", data), Some(wanted), "{data}");
        }
        for data in ["no", "{\"choices\"", "[1]", "[error]", "\"no\"", "ping: no", r#"{"choices":1}"#] {
            assert_eq!(of(Form::Chat, "", data), None, "{data}");
        }
    }

    #[test]
    fn what_carries_nothing_is_nothing_and_errors_are_failures_in_any_dialect() {
        for form in [Form::Chat, Form::Responses] {
            for (name, data) in [
                ("", ""),
                ("", " "),
                ("", "{}"),
                ("", "null"),
                ("", "[]"),
                ("", "\"\""),
                ("ping", "{}"),
                ("", "ping"),
                ("", r#"{"type":"ping"}"#),
                ("heartbeat", "2026-11-28"),
                ("keep-alive", "x"),
                ("", "\"keepalive\""),
                ("", "[PING]"),
                ("", ": OPENROUTER PROCESSING"),
                ("", "KEEP_ALIVE"),
                ("", "0"),
                ("", "true"),
            ] {
                assert_eq!(of(form, name, data), Some(Meaning::NOTHING), "{name} {data}");
            }
            for (name, data) in [
                ("", r#"{"error":{"message":"overloaded"}}"#),
                ("", r#"{"error":"overloaded"}"#),
                ("", r#"[{"error":{"code":503}}]"#),
                ("", r#"{"object":"error","message":"x","code":400}"#),
                ("", r#"{"type":"error","error":{"type":"overloaded_error"}}"#),
                ("error", "anything"),
                ("", r#"{"detail":"Internal Server Error"}"#),
                ("", r#"{"code":500,"message":"x"}"#),
            ] {
                assert_eq!(of(form, name, data), Some(FAILURE), "{name} {data}");
            }
        }
        for nothing in [
            "null",
            "\"\"",
            "{}",
            "[]",
            "0",
            "false",
            r#"{"code":0,"message":""}"#,
            r#"{"code":null,"message":"Success"}"#,
        ] {
            let data = format!(r#"{{"error":{nothing},"choices":[]}}"#);
            assert_eq!(of(Form::Chat, "", &data), Some(NONE), "{data}");
        }
        let ended = |more: &str| format!(r#"{{"choices":[{{"delta":{{"content":""}},{more}}}]}}"#);
        for reason in ["error", "abort", "network_error", "insufficient_system_resource"] {
            let data = ended(&format!(r#""finish_reason":"{reason}""#));
            assert_eq!(of(Form::Chat, "", &data), Some(FAILURE), "{data}");
        }
        let beside = ended(r#""finish_reason":"stop","error":{"code":502}"#);
        assert_eq!(of(Form::Chat, "", &beside), Some(FAILURE));
        for reason in ["stop", "eos", "STOP", "length", "function_call", "content_filter", "end_turn"] {
            let data = ended(&format!(r#""finish_reason":"{reason}""#));
            assert_eq!(of(Form::Chat, "", &data), Some(Meaning { ends: 1, ..CONTENT }), "{data}");
        }
    }

    #[test]
    fn events_of_responses_mean_what_they_say() {
        let last = Meaning { ends: ALL, is_last: true, usage: USED, ..CONTENT };
        let cases = [
            (r#"{"type":"response.created","response":{"usage":null}}"#, NONE),
            (r#"{"type":"response.output_text.delta","delta":"a"}"#, CONTENT),
            (r#"{"type":"response.failed","response":{}}"#, FAILURE),
            (r#"{"type":"keepalive","sequence_number":3}"#, Meaning::NOTHING),
            (
                r#"{"type":"response.completed","response":{"usage":{"input_tokens":7,"output_tokens":3}}}"#,
                last,
            ),
        ];
        for (data, wanted) in cases {
            assert_eq!(of(Form::Responses, "", data), Some(wanted), "{data}");
        }
    }
}
