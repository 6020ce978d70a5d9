//! Streamed answers: the events of each form.

use serde_json::{Value, json};

use super::{
    Message,
    shapes::{Form, Used, chat_call, finish_reason, items, response, usage},
};

/// The events of a streamed answer, each with its blank line. A chat tells its usage only if it is asked to.
pub(super) fn events(form: Form, model: &str, message: &Message, used: Option<Used>) -> Vec<String> {
    match form {
        Form::Responses => responses(model, message, used),
        Form::Chat | Form::Embeddings => chat(model, message, used),
    }
}

fn chat(model: &str, message: &Message, used: Option<Used>) -> Vec<String> {
    let chunk = |choices: Value| {
        json!({
            "id": "chatcmpl-sim", "object": "chat.completion.chunk", "created": 1_760_000_000,
            "model": model, "choices": choices,
        })
    };
    let delta = |delta: Value| chunk(json!([{ "index": 0, "delta": delta, "finish_reason": null }]));
    let mut chunks = vec![delta(json!({ "role": "assistant", "content": "" }))];
    chunks.extend(message.text.iter().map(|piece| delta(json!({ "content": piece }))));
    let calls = message.tool_calls.iter().enumerate();
    chunks.extend(calls.map(|(index, call)| delta(json!({ "tool_calls": [chat_call(index, call)] }))));
    chunks.push(chunk(json!([{ "index": 0, "delta": {}, "finish_reason": finish_reason(message) }])));
    if let Some(used @ (Used::Tokens(..) | Used::Nonsense)) = used {
        let mut last = chunk(json!([]));
        last["usage"] = usage(Form::Chat, used);
        chunks.push(last);
    }
    let mut events: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn responses(model: &str, message: &Message, used: Option<Used>) -> Vec<String> {
    let mut said = vec![json!({
        "type": "response.created", "response": response(model, message, "in_progress"),
    })];
    for (index, item) in items(message).into_iter().enumerate() {
        said.push(
            json!({ "type": "response.output_item.added", "output_index": index, "item": begun(&item) }),
        );
        if item["type"] == "message" {
            said.extend(message.text.iter().map(|piece| {
                json!({
                    "type": "response.output_text.delta", "item_id": item["id"], "output_index": index,
                    "content_index": 0, "delta": piece,
                })
            }));
        } else {
            said.push(json!({
                "type": "response.function_call_arguments.delta", "item_id": item["id"],
                "output_index": index, "delta": item["arguments"],
            }));
        }
        said.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item }));
    }
    let mut whole = response(model, message, "completed");
    if let Some(used) = used {
        whole["usage"] = usage(Form::Responses, used);
    }
    said.push(json!({ "type": "response.completed", "response": whole }));
    let event = |(number, mut value): (usize, Value)| {
        value["sequence_number"] = json!(number);
        format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default())
    };
    said.into_iter().enumerate().map(event).collect()
}

/// An item as it is before its content arrives.
fn begun(item: &Value) -> Value {
    let mut item = item.clone();
    item["status"] = json!("in_progress");
    if item["type"] == "message" {
        item["content"] = json!([]);
    } else {
        item["arguments"] = json!("");
    }
    item
}
