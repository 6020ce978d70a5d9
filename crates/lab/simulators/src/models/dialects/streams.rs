//! Streamed answers.

use serde_json::{Value, json};

use super::{Dialect, Outcome, Way};

pub(super) const fn stream(
    name: &'static str,
    who: &'static str,
    what: &'static str,
    change: fn(Vec<String>) -> Vec<String>,
) -> Dialect {
    Dialect { name, who, what, outcome: Outcome::Answer, way: Way::Stream(change) }
}

pub(super) const fn given_up(
    name: &'static str,
    who: &'static str,
    what: &'static str,
    change: fn(Vec<String>) -> Vec<String>,
) -> Dialect {
    Dialect { name, who, what, outcome: Outcome::Next, way: Way::Stream(change) }
}

pub(super) const ALL: &[Dialect] = &[
    stream("plain", "OpenAI", "as it is written", |events| events),
    stream(
        "empty-finish-reason",
        "gateways before vLLM, older Moonshot",
        "`finish_reason` is \"\" in every piece",
        |events| {
            each(events, |chunk| {
                if chunk["choices"][0]["finish_reason"].is_null() && has_choice(chunk) {
                    chunk["choices"][0]["finish_reason"] = json!("");
                }
            })
        },
    ),
    stream("finish-reason-null-as-a-word", "Qwen", "`finish_reason` is \"null\" in every piece", |events| {
        each(events, |chunk| {
            if chunk["choices"][0]["finish_reason"].is_null() && has_choice(chunk) {
                chunk["choices"][0]["finish_reason"] = json!("null");
            }
        })
    }),
    stream("comments", "OpenRouter", "`: OPENROUTER PROCESSING` before and between the pieces", |events| {
        before_each(events, ": OPENROUTER PROCESSING\n\n")
    }),
    stream("empty-data", "proxies that keep a connection open", "events whose `data:` is empty", |events| {
        before_each(events, "data:\n\n")
    }),
    stream("ping", "Anthropic", "`event: ping` first, between and after the end", |events| {
        after(before_each(events, "event: ping\ndata: {\"type\": \"ping\"}\n\n"), "event: ping\ndata: {}\n\n")
    }),
    stream("heartbeat-word", "gateways", "`data: keep-alive`, which is no JSON", |events| {
        before_each(events, "data: keep-alive\n\n")
    }),
    stream("empty-object", "gateways", "`data: {}` and `data: null`", |events| {
        before_each(events, "data: {}\n\ndata: null\n\n")
    }),
    stream(
        "no-space",
        "Mistral, llama.cpp",
        "`data:` without a space behind it, `data:[DONE]` too",
        |events| whole_text(events, |text| text.replace("data: ", "data:")),
    ),
    stream("cr-lf", "IIS, some Java servers", "lines end with CR LF", |events| {
        whole_text(events, |text| text.replace('\n', "\r\n"))
    }),
    stream("cr", "the standard allows it", "lines end with CR alone", |events| {
        whole_text(events, |text| text.replace('\n', "\r"))
    }),
    stream("byte-order-mark", ".NET servers", "a byte order mark before the first line", |mut events| {
        events.insert(0, "\u{feff}".to_owned());
        events
    }),
    stream(
        "filter-results-first",
        "Azure",
        "a first piece with `choices: []` and what a filter found",
        |mut events| {
            events.insert(
                0,
                event(&json!({ "id": "", "object": "", "choices": [], "prompt_filter_results": [] })),
            );
            events
        },
    ),
    stream("null-delta", "Azure, DeepSeek", "`delta: null` in the piece that ends it", |events| {
        each(events, |chunk| {
            if chunk["choices"][0]["delta"] == json!({}) {
                chunk["choices"][0]["delta"] = Value::Null;
            }
        })
    }),
    stream("role-in-every-piece", "Mistral, Gemini", "`role` in every piece", |events| {
        each(events, |chunk| {
            if chunk["choices"][0]["delta"].is_object() {
                chunk["choices"][0]["delta"]["role"] = json!("assistant");
            }
        })
    }),
    stream("tool-call-without-index", "Gemini, Ollama", "pieces of tool calls have no `index`", |events| {
        each(events, |chunk| {
            if let Some(call) =
                chunk.pointer_mut("/choices/0/delta/tool_calls/0").and_then(Value::as_object_mut)
            {
                call.remove("index");
            }
        })
    }),
    stream("usage-in-every-piece", "xAI, Gemini", "`usage` so far in every piece", |events| {
        each(events, |chunk| {
            if chunk["usage"].is_null() {
                chunk["usage"] = json!({ "prompt_tokens": 120, "completion_tokens": 1, "total_tokens": 121 });
            }
        })
    }),
    stream("usage-null", "OpenAI", "`usage: null` in every piece but the last", |events| {
        each(events, |chunk| {
            if chunk["usage"].is_null() {
                chunk["usage"] = Value::Null;
            }
        })
    }),
    stream(
        "usage-without-choices",
        "Together, Fireworks",
        "the usage comes in a piece that has no `choices`",
        |events| {
            each(events, |chunk| {
                if !has_choice(chunk)
                    && let Some(chunk) = chunk.as_object_mut()
                {
                    chunk.remove("choices");
                }
            })
        },
    ),
    stream(
        "usage-as-fractions",
        "gateways in Lua and JavaScript",
        "counts of tokens are written as 120.0",
        |events| {
            each(events, |chunk| {
                if chunk["usage"].is_object() {
                    chunk["usage"] = json!({ "prompt_tokens": 120.0, "completion_tokens": 30.0 });
                }
            })
        },
    ),
    stream("no-usage", "older vLLM, Ollama", "no usage at all", |events| {
        events.into_iter().filter(|event| !event.contains("prompt_tokens")).collect()
    }),
    stream("no-done", "Ollama, Azure behind gateways", "the stream ends without `[DONE]`", |mut events| {
        events.pop();
        events
    }),
    stream(
        "no-last-blank-line",
        "small servers",
        "`[DONE]` is the last line, without a blank one",
        |events| whole_text(events, |text| text.trim_end().to_owned()),
    ),
    stream("more-after-done", "LiteLLM", "events after `[DONE]`", |events| {
        after(events, "data: {\"cost\": 1}\n\ndata: rubbish\n\n")
    }),
    stream(
        "trouble-after-the-end",
        "gateways",
        "an error after the piece that ends the answer",
        |mut events| {
            events.truncate(events.len() - 2);
            after(events, "data: {\"error\": {\"message\": \"timeout\"}}\n\n")
        },
    ),
    stream("unknown-fields", "all", "fields that nobody else has, on every level", |events| {
        each(events, |chunk| {
            chunk["x_groq"] = json!({ "id": "req" });
            chunk["error"] = Value::Null;
            if has_choice(chunk) {
                chunk["choices"][0]["content_filter_results"] = json!({});
            }
        })
    }),
    given_up("error-first", "OpenRouter", "status 200, and an error as the first event", |_| {
        vec![event(&json!({ "error": { "code": 502, "message": "Provider returned error" } }))]
    }),
    given_up("error-first-in-a-list", "Gemini", "status 200, and a list with an error", |_| {
        vec![event(&json!([{ "error": { "code": 503, "status": "UNAVAILABLE", "message": "overloaded" } }]))]
    }),
    given_up("error-first-by-name", "Anthropic", "status 200, and `event: error`", |_| {
        vec![
            "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\"}}\n\n"
                .to_owned(),
        ]
    }),
    given_up("error-first-bare", "vLLM", "status 200, and an error object without `error`", |_| {
        vec![event(&json!({ "object": "error", "message": "out of memory", "code": 500 }))]
    }),
    given_up("error-first-detail", "FastAPI servers", "status 200, and `detail`", |_| {
        vec![event(&json!({ "detail": "Internal Server Error" }))]
    }),
    given_up(
        "error-in-a-choice",
        "OpenRouter",
        "`finish_reason` \"error\" before anything was said",
        |events| {
            let ended =
                json!({ "delta": { "content": "" }, "finish_reason": "error", "error": { "code": 502 } });
            let first = events.into_iter().next().into_iter();
            first.chain([event(&json!({ "choices": [ended] }))]).collect()
        },
    ),
    given_up("nothing-said", "overloaded servers", "only `[DONE]`", |events| {
        events.into_iter().next_back().into_iter().collect()
    }),
];

pub(super) fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

pub(super) fn has_choice(chunk: &Value) -> bool {
    chunk["choices"].as_array().is_some_and(|choices| !choices.is_empty())
}

/// Changes the JSON of every event that has some.
pub(super) fn each(events: Vec<String>, change: fn(&mut Value)) -> Vec<String> {
    let changed = |said: String| match said
        .strip_prefix("data: ")
        .and_then(|data| serde_json::from_str(data.trim()).ok())
    {
        Some(mut value) => {
            change(&mut value);
            event(&value)
        }
        None => said,
    };
    events.into_iter().map(changed).collect()
}

pub(super) fn before_each(events: Vec<String>, what: &str) -> Vec<String> {
    events.into_iter().flat_map(|event| [what.to_owned(), event]).collect()
}

fn after(mut events: Vec<String>, what: &str) -> Vec<String> {
    events.push(what.to_owned());
    events
}

fn whole_text(events: Vec<String>, change: fn(String) -> String) -> Vec<String> {
    vec![change(events.concat())]
}
