//! What an event of a streamed answer means.

use serde_json::Value;

use super::{meter::Reported, wish::Form};

/// What an event means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// It carries something that was said, or says that there is nothing to say.
    pub(crate) is_content: bool,
    /// What was said is complete.
    pub(crate) is_complete: bool,
    /// Nothing follows.
    pub(crate) is_last: bool,
    /// The provider gives up.
    pub(crate) is_failure: bool,
    /// It carries nothing but the usage.
    pub(crate) is_usage_only: bool,
    pub(crate) usage: Option<Reported>,
}

/// What an event's data mean; `None`: they are not understood.
pub(crate) fn meaning(form: Form, data: &str) -> Option<Meaning> {
    if data.trim() == "[DONE]" {
        return Some(Meaning { is_complete: true, is_last: true, ..Meaning::default() });
    }
    let value: Value = serde_json::from_str(data).ok()?;
    let object = value.as_object()?;
    if object.get("error").is_some_and(|error| !error.is_null()) {
        return Some(Meaning { is_failure: true, ..Meaning::default() });
    }
    match form {
        Form::Responses => response(&value),
        Form::Chat | Form::Embeddings => chat(&value),
    }
}

fn chat(chunk: &Value) -> Option<Meaning> {
    let choices = chunk["choices"].as_array()?;
    let usage = usage(&chunk["usage"]);
    let finished = choices.iter().any(|choice| choice["finish_reason"].is_string());
    Some(Meaning {
        is_content: finished || choices.iter().any(|choice| says_something(&choice["delta"])),
        is_complete: finished,
        is_usage_only: choices.is_empty() && chunk["usage"].is_object(),
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

fn response(event: &Value) -> Option<Meaning> {
    let kind = event["type"].as_str()?;
    let is_last = matches!(kind, "response.completed" | "response.incomplete");
    Some(Meaning {
        is_content: is_last || kind.ends_with(".delta") || kind == "response.output_item.done",
        is_complete: is_last,
        is_last,
        is_failure: matches!(kind, "response.failed" | "error"),
        is_usage_only: false,
        usage: usage(&event["response"]["usage"]),
    })
}

/// A usage in either form's words.
pub(crate) fn usage(value: &Value) -> Option<Reported> {
    let number = |names: [&str; 2]| names.iter().find_map(|name| value.get(name)).map(Value::as_u64);
    let input = number(["prompt_tokens", "input_tokens"])??;
    // Embeddings write nothing.
    let output = number(["completion_tokens", "output_tokens"]).unwrap_or(Some(0))?;
    Some(Reported { input, output })
}

#[cfg(test)]
mod tests {
    use super::{Form, Meaning, Reported, meaning};

    #[test]
    fn events_mean_what_they_say() {
        let none = Meaning::default();
        let content = Meaning { is_content: true, ..none };
        let cases = [
            (r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#, none),
            (r#"{"choices":[{"delta":{"content":"a"}}]}"#, content),
            (r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#, content),
            (r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#, content),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
                Meaning { is_complete: true, ..content },
            ),
            ("[DONE]", Meaning { is_complete: true, is_last: true, ..none }),
            (r#"{"error":{"message":"overloaded"}}"#, Meaning { is_failure: true, ..none }),
            (
                r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#,
                Meaning { is_usage_only: true, usage: Some(Reported { input: 7, output: 3 }), ..none },
            ),
            (
                r#"{"choices":[],"usage":{"prompt_tokens":-7,"completion_tokens":"3"}}"#,
                Meaning { is_usage_only: true, ..none },
            ),
        ];
        for (data, wanted) in cases {
            assert_eq!(meaning(Form::Chat, data), Some(wanted), "{data}");
        }
        for data in ["", "no", "[]", "{}", r#"{"choices":1}"#] {
            assert_eq!(meaning(Form::Chat, data), None, "{data}");
        }
    }

    #[test]
    fn events_of_responses_mean_what_they_say() {
        let none = Meaning::default();
        let last = Meaning {
            is_content: true,
            is_complete: true,
            is_last: true,
            usage: Some(Reported { input: 7, output: 3 }),
            ..none
        };
        let cases = [
            (r#"{"type":"response.created","response":{"usage":null}}"#, none),
            (r#"{"type":"response.output_text.delta","delta":"a"}"#, Meaning { is_content: true, ..none }),
            (r#"{"type":"response.failed","response":{}}"#, Meaning { is_failure: true, ..none }),
            (
                r#"{"type":"response.completed","response":{"usage":{"input_tokens":7,"output_tokens":3}}}"#,
                last,
            ),
        ];
        for (data, wanted) in cases {
            assert_eq!(meaning(Form::Responses, data), Some(wanted), "{data}");
        }
        assert_eq!(meaning(Form::Responses, "{}"), None);
    }
}
