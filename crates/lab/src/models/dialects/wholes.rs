//! Answers that are not streamed.

use serde_json::{Value, json};

use super::{Dialect, Instead, Outcome, Way};

const fn whole(
    name: &'static str,
    who: &'static str,
    what: &'static str,
    change: fn(Value) -> Value,
) -> Dialect {
    Dialect { name, who, what, outcome: Outcome::Answer, way: Way::Whole(change) }
}

const fn given_up(
    name: &'static str,
    who: &'static str,
    what: &'static str,
    change: fn(Value) -> Value,
) -> Dialect {
    Dialect { name, who, what, outcome: Outcome::Next, way: Way::Whole(change) }
}

const fn page(name: &'static str, who: &'static str, what: &'static str, body: &'static str) -> Dialect {
    let way = Way::Instead(Instead { status: 200, content_type: "text/html", body });
    Dialect { name, who, what, outcome: Outcome::Next, way }
}

pub(super) const ALL: &[Dialect] = &[
    whole("whole", "OpenAI", "as it is written", |answer| answer),
    whole(
        "whole-usage-as-fractions",
        "gateways in Lua and JavaScript",
        "counts of tokens are written as 120.0",
        |mut answer| {
            answer["usage"] =
                json!({ "prompt_tokens": 120.0, "completion_tokens": 30.0, "total_tokens": 150.0 });
            answer
        },
    ),
    whole("whole-no-usage", "Ollama", "`usage: null`", |mut answer| {
        answer["usage"] = Value::Null;
        answer
    }),
    whole("whole-empty-words", "gateways", "`finish_reason` and `error` are empty", |mut answer| {
        answer["choices"][0]["finish_reason"] = json!("");
        answer["error"] = Value::Null;
        answer
    }),
    given_up(
        "whole-error",
        "OpenRouter",
        "status 200, and an error instead of an answer",
        |_| json!({ "error": { "code": 502, "message": "Provider returned error" } }),
    ),
    given_up("whole-error-beside", "OpenRouter", "an error beside an empty answer", |mut answer| {
        answer["error"] = json!({ "code": 502, "message": "Provider returned error" });
        answer
    }),
    given_up(
        "whole-error-in-a-list",
        "Gemini",
        "status 200, and a list with an error",
        |_| json!([{ "error": { "code": 503, "status": "UNAVAILABLE" } }]),
    ),
    given_up("whole-no-choices", "overloaded servers", "`choices: []`", |mut answer| {
        answer["choices"] = json!([]);
        answer
    }),
    page("page", "proxies and captive portals", "status 200, and a page", "<html><h1>Welcome</h1></html>"),
];
