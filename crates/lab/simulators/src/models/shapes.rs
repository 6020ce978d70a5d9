//! Whole answers in the forms of the interface.

use serde_json::{Value, json};

use super::{Message, ToolCall};

/// The form that a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Chat,
    Responses,
    Embeddings,
}

/// What an answer reports as used.
#[derive(Debug, Clone, Copy)]
pub(super) enum Used {
    /// These tokens.
    Tokens(u64, u64),
    /// Nonsense.
    Nonsense,
    /// Nothing.
    Unsaid,
}

impl Form {
    pub(super) fn of(path: &str) -> Option<Self> {
        match path.rsplit_once("/v1/")?.1 {
            "chat/completions" => Some(Self::Chat),
            "responses" => Some(Self::Responses),
            "embeddings" => Some(Self::Embeddings),
            _ => None,
        }
    }
}

/// The usage in a form's words.
pub(super) fn usage(form: Form, used: Used) -> Value {
    let (input, output) = match form {
        Form::Responses => ("input_tokens", "output_tokens"),
        Form::Chat | Form::Embeddings => ("prompt_tokens", "completion_tokens"),
    };
    match used {
        Used::Tokens(read, written) => {
            json!({ input: read, output: written, "total_tokens": read + written })
        }
        Used::Nonsense => json!({ input: -3, output: "many", "total_tokens": 1e300 }),
        Used::Unsaid => Value::Null,
    }
}

/// The whole answer.
pub(super) fn whole(form: Form, model: &str, message: &Message, used: Used) -> Value {
    let mut answer = match form {
        Form::Chat => chat(model, message),
        Form::Responses => response(model, message, "completed"),
        Form::Embeddings => json!({
            "object": "list", "model": model,
            "data": [{ "object": "embedding", "index": 0, "embedding": [0.25, -0.5, 0.125] }],
        }),
    };
    if !matches!(used, Used::Unsaid) {
        answer["usage"] = usage(form, used);
    }
    answer
}

fn chat(model: &str, message: &Message) -> Value {
    let mut said = json!({ "role": "assistant", "content": message.text.concat() });
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().enumerate();
        said["tool_calls"] = calls.map(|(index, call)| chat_call(index, call)).collect();
    }
    json!({
        "id": "chatcmpl-sim", "object": "chat.completion", "created": 1_760_000_000, "model": model,
        "choices": [{ "index": 0, "message": said, "finish_reason": finish_reason(message) }],
    })
}

/// Why a chat's answer ends.
pub(super) fn finish_reason(message: &Message) -> &'static str {
    if message.tool_calls.is_empty() { "stop" } else { "tool_calls" }
}

/// A tool call in a chat.
pub(super) fn chat_call(index: usize, call: &ToolCall) -> Value {
    json!({
        "index": index, "id": format!("call_{index}"), "type": "function",
        "function": { "name": call.name, "arguments": call.arguments.to_string() },
    })
}

/// A response of the responses interface.
pub(super) fn response(model: &str, message: &Message, status: &str) -> Value {
    let output: Vec<Value> = if status == "completed" { items(message) } else { Vec::new() };
    json!({
        "id": "resp_sim", "object": "response", "created_at": 1_760_000_000, "status": status,
        "model": model, "output": output,
    })
}

/// Output items: the text first, then the calls.
pub(super) fn items(message: &Message) -> Vec<Value> {
    let text = (!message.text.is_empty()).then(|| {
        json!({
            "id": "msg_0", "type": "message", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": message.text.concat(), "annotations": [] }],
        })
    });
    let calls = message.tool_calls.iter().enumerate().map(|(index, call)| {
        json!({
            "id": format!("fc_{index}"), "type": "function_call", "call_id": format!("call_{index}"),
            "name": call.name, "arguments": call.arguments.to_string(), "status": "completed",
        })
    });
    text.into_iter().chain(calls).collect()
}
