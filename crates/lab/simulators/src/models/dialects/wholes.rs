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

/// Exactly this with status 200, to whoever asks for whichever shape.
const fn exactly(
    name: &'static str,
    who: &'static str,
    what: &'static str,
    (outcome, body): (Outcome, &'static str),
) -> Dialect {
    let way = Way::Instead(Instead { status: 200, content_type: "application/json", body });
    Dialect { name, who, what, outcome, way }
}

const fn played(name: &'static str, who: &'static str, what: &'static str, way: Way) -> Dialect {
    Dialect { name, who, what, outcome: Outcome::Answer, way }
}

/// The answer of the first provider as a text.
macro_rules! answer {
    ($before:literal, $more:literal) => {
        concat!(
            $before,
            r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":"#,
            r#"{"role":"assistant","content":"from the first","tool_calls":[{"id":"c","type":"function","#,
            r#""function":{"name":"disk_usage","arguments":"{}"}}]"#,
            $more,
            r#"},"finish_reason":"stop"}],"usage":{"prompt_tokens":120,"completion_tokens":30}}"#
        )
    };
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
    whole("whole-usage-in-a-choice", "Moonshot", "the usage stands in the choice", |mut answer| {
        answer["choices"][0]["usage"] = answer["usage"].take();
        answer
    }),
    whole(
        "whole-error-of-zeros",
        "gateways",
        "an error beside the answer that says nothing",
        |mut answer| {
            answer["error"] = json!({ "code": 0, "message": "", "details": [] });
            answer
        },
    ),
    given_up("whole-failed", "OpenRouter", "`finish_reason` \"error\"", |mut answer| {
        answer["choices"][0]["finish_reason"] = json!("error");
        answer
    }),
    given_up("whole-error-in-a-choice", "OpenRouter", "an error in the choice", |mut answer| {
        answer["choices"][0]["error"] = json!({ "code": 502, "message": "Upstream error" });
        answer
    }),
    exactly(
        "whole-byte-order-mark",
        ".NET servers",
        "a byte order mark before the answer",
        (Outcome::Answer, answer!("\u{feff}", "")),
    ),
    exactly(
        "whole-blank-lines-first",
        "DeepSeek",
        "blank lines while it waits",
        (Outcome::Answer, answer!("\n\n \r\n", "")),
    ),
    exactly(
        "whole-half-a-character",
        "servers in JavaScript and Java",
        "half a character, as an escape that stands for nothing",
        (Outcome::Answer, answer!("", r#","reasoning_content":"\ud83d","refusal":null"#)),
    ),
    exactly(
        "whole-status-beside",
        "MiniMax",
        "status 200, `choices: null`, and a status of its own",
        (
            Outcome::Next,
            r#"{"choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
        ),
    ),
    exactly(
        "whole-no-success",
        "Cloudflare",
        "status 200, `success: false` and a list of errors",
        (Outcome::Next, r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}"#),
    ),
    played("no-type", "small servers", "no content type at all", Way::Type("")),
    played("plain-type", "small servers, CDNs", "its content type is `text/plain`", Way::Type("text/plain")),
    played(
        "other-shape",
        "gateways that always or never stream",
        "a whole answer to who wants a stream, and the reverse",
        Way::Swapped,
    ),
    page("page", "proxies and captive portals", "status 200, and a page", "<html><h1>Welcome</h1></html>"),
];
