//! More of streamed answers: lines, heartbeats, words and places that differ.

use serde_json::{Value, json};

use super::{
    Dialect, Instead, Outcome, Way,
    streams::{before_each, each, event, given_up, has_choice, stream},
};

pub(super) const ALL: &[Dialect] = &[
    stream("ids-and-retries", "servers that resume", "`id:`, `retry:` and `event: message`", |events| {
        let numbered = events.into_iter().enumerate();
        let marked = numbered.map(|(at, said)| format!("id: {at}\nevent: message\nretry: 3000\n{said}"));
        ["retry: 1000\n\n".to_owned()].into_iter().chain(marked).collect()
    }),
    stream(
        "data-in-lines",
        "servers that write JSON with indents",
        "one event's data in many lines",
        |events| {
            let in_lines = |said: String| {
                let data =
                    said.strip_prefix("data: ").and_then(|data| serde_json::from_str(data.trim()).ok());
                let indented =
                    data.map(|data: Value| format!("{data:#}").replace('\n', "\n: still the same\ndata: "));
                indented.map_or(said, |data| format!("data: {data}\n\n"))
            };
            events.into_iter().map(in_lines).collect()
        },
    ),
    stream(
        "heartbeats-as-data",
        "gateways",
        "`data: [PING]`, `data: 0`, `data: : OPENROUTER PROCESSING`",
        |events| before_each(events, "data: [PING]\n\ndata: 0\n\ndata: : OPENROUTER PROCESSING\n\n"),
    ),
    stream("choices-null", "gateways", "pieces with `choices: null`", |events| {
        before_each(events, "data: {\"id\":\"\",\"object\":\"\",\"choices\":null}\n\n")
    }),
    stream(
        "nulls-in-every-piece",
        "Groq, Moonshot",
        "every field of a `delta` is there, and null",
        |events| {
            each(events, |chunk| {
                if let Some(Value::Object(delta)) = chunk.pointer_mut("/choices/0/delta") {
                    for name in
                        ["role", "content", "refusal", "reasoning_content", "function_call", "tool_calls"]
                    {
                        delta.entry(name).or_insert(Value::Null);
                    }
                }
            })
        },
    ),
    stream(
        "reasoning-first",
        "DeepSeek, OpenRouter",
        "`reasoning_content` or `reasoning` before the text",
        |events| {
            let thinks =
                |name: &str| event(&json!({ "choices": [{ "index": 0, "delta": { name: "hm " } }] }));
            [thinks("reasoning_content"), thinks("reasoning")].into_iter().chain(events).collect()
        },
    ),
    stream("ends-with-eos", "TGI", "`finish_reason` \"eos_token\"", |events| ended(events, "eos_token")),
    stream("ends-in-capitals", "Gemini", "`finish_reason` \"STOP\"", |events| ended(events, "STOP")),
    stream("ends-with-a-function", "older OpenAI", "`finish_reason` \"function_call\"", |events| {
        ended(events, "function_call")
    }),
    stream(
        "usage-with-the-end",
        "DeepSeek",
        "the usage stands in the piece that ends the answer",
        |events| usage_at_the_end(events, |chunk, usage| chunk["usage"] = usage),
    ),
    stream("usage-in-a-choice", "Moonshot", "the usage stands in the choice that ends", |events| {
        usage_at_the_end(events, |chunk, usage| chunk["choices"][0]["usage"] = usage)
    }),
    stream("usage-of-its-own-name", "Groq", "the usage stands in `x_groq`", |events| {
        usage_at_the_end(events, |chunk, usage| chunk["x_groq"] = json!({ "id": "r", "usage": usage }))
    }),
    stream("usage-as-texts", "gateways in PHP", "counts of tokens are texts", |events| {
        each(events, |chunk| {
            if chunk["usage"].is_object() {
                chunk["usage"] = json!({ "prompt_tokens": "120", "completion_tokens": "30" });
            }
        })
    }),
    stream("usage-zeros-last", "gateways", "a usage of zeros after the right one", |mut events| {
        let zeros = json!({ "choices": [], "usage": { "prompt_tokens": 0, "completion_tokens": 0 } });
        events.insert(events.len() - 1, event(&zeros));
        events
    }),
    stream(
        "empty-errors",
        "gateways in PHP and Java",
        "errors of zeros and empty words in every piece",
        |events| {
            each(events, |chunk| {
                chunk["error"] = json!({ "code": 0, "message": "", "details": [] });
                if has_choice(chunk) {
                    chunk["choices"][0]["error"] = json!([]);
                }
            })
        },
    ),
    stream("half-a-character", "servers in JavaScript and Java", "half a character in a piece", |events| {
        let half = r#"data: {"choices":[{"index":0,"delta":{"reasoning_content":"\ud83d"}}]}"#;
        [format!("{half}\n\n")].into_iter().chain(events).collect()
    }),
    stream(
        "tool-call-in-pieces",
        "SGLang, vLLM",
        "later pieces of a call have `id` and `name` null",
        |events| events.into_iter().flat_map(call_in_pieces).collect(),
    ),
    stream("done-in-small-letters", "gateways", "`data: [done]`", |events| {
        events.into_iter().map(|said| said.replace("[DONE]", "[done]")).collect()
    }),
    given_up("aborted-first", "SGLang, vLLM", "`finish_reason` \"abort\" before anything was said", |_| {
        vec![event(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "abort" }] }))]
    }),
    given_up("no-resources", "DeepSeek", "`finish_reason` \"insufficient_system_resource\"", |_| {
        let reason = "insufficient_system_resource";
        vec![event(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }))]
    }),
    given_up("error-as-text", "gateways", "status 200, and a text in place of an object", |_| {
        vec![event(&json!("Internal Server Error"))]
    }),
    given_up("error-as-words", "gateways", "status 200, and words that are no JSON", |_| {
        vec!["data: Internal Server Error\n\n".to_owned(), "data: [DONE]\n\n".to_owned()]
    }),
    Dialect {
        name: "page-as-stream",
        who: "proxies",
        what: "a page whose content type is that of a stream",
        outcome: Outcome::Next,
        way: Way::Instead(Instead {
            status: 200,
            content_type: "text/event-stream",
            body: "<html>\n<body>Bad gateway</body>\n</html>\n\n",
        }),
    },
];

fn ended(events: Vec<String>, reason: &str) -> Vec<String> {
    let word = |said: String| {
        said.replace("\"finish_reason\":\"tool_calls\"", &format!("\"finish_reason\":\"{reason}\""))
    };
    events.into_iter().map(word).collect()
}

/// Moves the usage into the piece that ends the answer.
fn usage_at_the_end(events: Vec<String>, put: fn(&mut Value, Value)) -> Vec<String> {
    let usage = json!({ "prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150 });
    let without = events.into_iter().filter(|said| !said.contains("prompt_tokens"));
    let changed = without.map(|said| {
        let data =
            said.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Value>(data.trim()).ok());
        match data {
            Some(mut chunk) if chunk["choices"][0]["finish_reason"].is_string() => {
                put(&mut chunk, usage.clone());
                event(&chunk)
            }
            _ => said,
        }
    });
    changed.collect()
}

fn call_in_pieces(said: String) -> Vec<String> {
    let data = said.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Value>(data.trim()).ok());
    let Some(mut chunk) = data.filter(|chunk| chunk.pointer("/choices/0/delta/tool_calls/0").is_some())
    else {
        return vec![said];
    };
    let call = &mut chunk["choices"][0]["delta"]["tool_calls"][0];
    let arguments = call["function"]["arguments"].take();
    call["function"]["arguments"] = json!("");
    let begun = event(&chunk);
    chunk["choices"][0]["delta"]["tool_calls"] = json!([{
        "index": 0, "id": null, "type": null, "function": { "name": null, "arguments": arguments },
    }]);
    vec![begun, event(&chunk)]
}
