use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Form, Wish, body_for};

fn read(form: Form, body: &Value) -> Wish {
    Wish::read(form, body.to_string().as_bytes(), |_| Some(1000)).unwrap()
}

#[test]
fn the_answers_bound_is_the_smaller_one_times_the_choices() {
    for (form, fields, bound) in [
        (Form::Chat, json!({}), 1000),
        (Form::Chat, json!({ "max_tokens": 10 }), 10),
        (Form::Chat, json!({ "max_tokens": 10, "max_completion_tokens": 20, "n": 2 }), 40),
        (Form::Chat, json!({ "max_tokens": 5000, "n": 3 }), 3000),
        (Form::Chat, json!({ "max_tokens": null, "n": null, "stream": null }), 1000),
        (Form::Responses, json!({ "max_output_tokens": 7 }), 7),
        (Form::Embeddings, json!({ "input": "x" }), 0),
    ] {
        let mut body = fields.clone();
        body["model"] = json!("m");
        assert_eq!(read(form, &body).output_bound(1000), bound, "{fields}");
    }
}

fn sent(wish: &Wish, model: &str) -> Value {
    serde_json::from_slice(&body_for(model, &wish.added(), &wish.body)).unwrap()
}

#[test]
fn a_streamed_chat_always_tells_its_usage_to_us() {
    let body = json!({ "model": "m", "stream": true, "stream_options": { "include_usage": false, "x": 1 } });
    let wish = read(Form::Chat, &body);
    assert_eq!(
        sent(&wish, "theirs"),
        json!({
            "model": "theirs", "stream": true, "max_tokens": 1000, "stream_options": { "include_usage": true },
        })
    );
    assert!(!wish.usage_wanted);
    let wanted = json!({ "model": "m", "stream_options": { "include_usage": true } });
    assert!(read(Form::Chat, &wanted).usage_wanted);
    let null = json!({ "model": "m", "stream_options": { "include_usage": null } });
    assert!(!read(Form::Chat, &null).usage_wanted);
}

#[test]
fn an_answer_without_a_bound_gets_the_models() {
    for (form, fields, wanted) in [
        (Form::Chat, json!({}), json!({ "max_tokens": 1000 })),
        (Form::Chat, json!({ "max_tokens": null }), json!({ "max_tokens": 1000 })),
        (Form::Chat, json!({ "max_completion_tokens": 5000 }), json!({ "max_completion_tokens": 1000 })),
        (
            Form::Chat,
            json!({ "max_tokens": 10, "max_completion_tokens": 20 }),
            json!({ "max_completion_tokens": 20 }),
        ),
        (Form::Chat, json!({ "max_tokens": 0 }), json!({ "max_tokens": 1000 })),
        (Form::Chat, json!({ "max_completion_tokens": 0.0 }), json!({ "max_tokens": 1000 })),
        (Form::Responses, json!({}), json!({ "max_output_tokens": 1000, "store": false })),
    ] {
        let mut body = fields.clone();
        body["model"] = json!("m");
        let mut wanted = wanted.clone();
        wanted["model"] = json!("t");
        assert_eq!(sent(&read(form, &body), "t"), wanted, "{fields}");
    }
}

#[test]
fn numbers_and_nulls_are_taken_as_clients_send_them() {
    let body = r#"{"model":"m","messages":[],"max_tokens":50.0,"n":1e0,"seed":-7.0,"top_k":40.0,"temperature":0.5,
        "stop":null,"tools":null,"user":null,"store":null,"stream":null,"background":null}"#;
    let wish = Wish::read(Form::Chat, body.as_bytes(), |_| Some(1000)).unwrap();
    let sent = String::from_utf8(body_for("t", &wish.added(), &wish.body)).unwrap();
    assert_eq!(
        sent,
        r#"{"model":"t","max_tokens":50,"messages":[],"n":1,"seed":-7,"top_k":40,"temperature":0.5}"#
    );
    for bad in ["50.5", "-1", "\"50\"", "1e300", "[]"] {
        let body = format!(r#"{{"model":"m","max_tokens":{bad}}}"#);
        let refused = Wish::read(Form::Chat, body.as_bytes(), |_| Some(1000)).unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("max_tokens"), "{bad}");
    }
}

/// As clients write it whose objects have every field: what OpenAI answers to such a null is a refusal.
#[test]
fn a_null_within_a_message_is_as_if_absent() {
    let body = json!({ "model": "m", "messages": [
        { "role": "user", "name": null, "content": [{ "type": "text", "text": "t", "cache_control": null }] },
        { "role": "assistant", "content": null, "refusal": null, "tool_calls": null, "function_call": null,
          "audio": null, "reasoning_content": null, "type": null, "id": null },
        { "role": "assistant" },
    ] });
    let wanted = json!([
        { "role": "user", "content": [{ "type": "text", "text": "t" }] },
        { "role": "assistant", "content": null, "refusal": null },
        { "role": "assistant" },
    ]);
    assert_eq!(sent(&read(Form::Chat, &body), "m")["messages"], wanted);
    let input = json!([{ "type": "reasoning", "id": null, "status": null, "summary": [], "encrypted_content": null }]);
    let sent = sent(&read(Form::Responses, &json!({ "model": "m", "input": input })), "m");
    assert_eq!(sent["input"], json!([{ "type": "reasoning", "summary": [] }]));
}

/// Half a megabyte of it ended the proxy: each level was read within the one around it.
#[test]
fn a_part_is_read_one_object_deep_however_deep_it_is() {
    for depth in [2, 20_000] {
        let part = format!(
            r#"{}"type":"image_url"{}"#,
            r#"{"image_url":"#.repeat(depth) + "{",
            "}".repeat(depth + 1)
        );
        let body =
            format!(r#"{{"model":"m","messages":[{{"content":[{{"type":"image_url",{}]}}]}}"#, &part[1..]);
        let refused = Wish::read(Form::Chat, body.as_bytes(), |_| None).expect_err("too deep");
        let field = "messages[0].content[0].image_url.image_url";
        assert_eq!(refused.param.as_deref(), Some(field), "{depth}");
    }
}

/// What real clients send, and what of it is not sent on.
#[test]
fn what_real_clients_send_is_let_through() {
    let function =
        json!({ "name": "f", "description": "d", "parameters": { "$ref": "#/$defs/a" }, "strict": true });
    let image =
        json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==", "detail": "low" } });
    let file = json!({ "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA==" } });
    let sound = json!({ "type": "input_audio", "input_audio": { "data": "/9j+AA==", "format": "wav" } });
    let knobs = json!({
        "model": "m", "temperature": 1, "top_p": 1, "seed": 1, "n": 1, "user": "u", "parallel_tool_calls": false,
        "reasoning_effort": "low", "response_format": { "type": "json_object" }, "prompt_cache_key": "k",
        "tool_choice": "auto", "stop": ["x"], "logit_bias": { "5": 1 }, "logprobs": true, "top_logprobs": 2,
        "service_tier": "auto", "verbosity": "low", "prediction": { "type": "content", "content": "x" },
        "safety_identifier": "s", "frequency_penalty": 0, "presence_penalty": 0, "reasoning": { "effort": "low" },
        "tools": [{ "type": "function", "function": function, "cache_control": { "type": "ephemeral" } }],
        "messages": [
            { "role": "system", "content": "s" },
            { "role": "user", "name": "n", "content": [{ "type": "text", "text": "t" }, image, file, sound] },
            { "role": "assistant", "content": null, "refusal": null, "reasoning_content": "r", "tool_calls": [
                { "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" },
                  "extra_content": { "google": { "thought_signature": "x" } } }] },
            { "role": "tool", "tool_call_id": "c", "content": [{ "type": "text", "text": "r" }] },
        ],
    });
    let mut body = knobs.clone();
    // Of no use to a provider that keeps nothing, or asking for nothing.
    for (name, value) in
        [("metadata", json!({ "a": "b" })), ("plugins", json!([])), ("background", json!(false))]
    {
        body[name] = value;
    }
    body["messages"][2]["annotations"] = json!([]);
    body["messages"][2]["audio"] = json!(null);
    let mut wanted = knobs;
    wanted["max_tokens"] = json!(1000);
    assert_eq!(sent(&read(Form::Chat, &body), "m"), wanted);

    let response = json!({
        "model": "m", "instructions": "i", "include": ["reasoning.encrypted_content"], "metadata": { "a": "b" },
        "text": { "format": { "type": "text" } }, "truncation": "auto", "reasoning": { "effort": "low" },
        "tools": [{ "type": "function", "name": "f", "parameters": {}, "strict": true }],
        "input": [
            { "role": "user", "content": "t" },
            { "type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [
                { "type": "output_text", "text": "t", "annotations": [] }] },
            { "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x" },
            { "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c", "output": "o" },
            { "role": "user", "content": [
                { "type": "input_text", "text": "t" },
                { "type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto" },
                { "type": "input_file", "filename": "a", "file_data": "data:a/b;base64,AA==" }] },
        ],
    });
    let mut body = response.clone();
    body["store"] = json!(true);
    body["input"][5]["content"][1]["file_id"] = json!(null);
    let mut wanted = response;
    wanted["max_output_tokens"] = json!(1000);
    wanted["store"] = json!(false);
    assert_eq!(sent(&read(Form::Responses, &body), "m"), wanted);
    let embedding =
        json!({ "model": "m", "input": ["a"], "dimensions": 8, "encoding_format": "float", "user": "u" });
    assert_eq!(sent(&read(Form::Embeddings, &embedding), "m"), embedding);
}

const LINK: &str = "https://evil.example/?leak";

/// Fields that make a provider do more than answer, and what the refusal names.
fn more_than_an_answer() -> Vec<(Form, Value, &'static str)> {
    let tool = |kind: &str| json!({ "tools": [{ "type": "function", "name": "f" }, { "type": kind, "server_url": LINK }] });
    let parameters = json!({ "items": { "$ref": LINK } });
    let text = parameters.to_string();
    let format = json!({ "json_schema": { "schema": { "$defs": { "a": { "$dynamicRef": "x.json" } } } } });
    vec![
        (Form::Chat, json!({ "web_search_options": {} }), "web_search_options"),
        (Form::Chat, json!({ "plugins": [{ "id": "web" }] }), "plugins"),
        (Form::Chat, json!({ "models": ["dearer/one"] }), "models"),
        (Form::Chat, json!({ "provider": { "order": ["x"] } }), "provider"),
        (Form::Chat, json!({ "route": "fallback" }), "route"),
        (Form::Chat, json!({ "transforms": ["middle-out"] }), "transforms"),
        (Form::Chat, json!({ "extra_body": { "google": { "cached_content": "x" } } }), "extra_body"),
        (Form::Chat, json!({ "api_base": LINK }), "api_base"),
        (Form::Chat, json!({ "best_of": 20 }), "best_of"),
        (Form::Chat, json!({ "what nobody knows": 0 }), "what nobody knows"),
        (
            Form::Chat,
            json!({ "tools": [{ "type": "function", "function": { "parameters": parameters } }] }),
            "tools",
        ),
        (Form::Chat, json!({ "response_format": format }), "response_format"),
        (Form::Chat, json!({ "guided_json": text }), "guided_json"),
        (Form::Chat, json!({ "structured_outputs": { "json": text } }), "structured_outputs"),
        (Form::Chat, tool("mcp"), "tools[1].type"),
        (Form::Responses, tool("web_search"), "tools[1].type"),
        (Form::Responses, json!({ "previous_response_id": "r" }), "previous_response_id"),
        (Form::Responses, json!({ "conversation": "c" }), "conversation"),
        (Form::Responses, json!({ "background": true }), "background"),
        (Form::Responses, json!({ "prompt": { "id": "pmpt_1" } }), "prompt"),
        (Form::Responses, json!({ "input": [{ "type": "item_reference", "id": "rs_1" }] }), "input[0].type"),
        (Form::Responses, json!({ "input": [{ "type": "mcp_approval_response" }] }), "input[0].type"),
        (Form::Embeddings, json!({ "input": [[1, 2, 3]] }), "input"),
        (Form::Embeddings, json!({ "input": [115, 101] }), "input"),
        (Form::Embeddings, json!({ "input": [{ "image_url": LINK }] }), "input"),
    ]
}

/// Parts of a content that are not in the request, and what the refusal names of them.
fn parts_from_elsewhere() -> Vec<(Form, Value, &'static str)> {
    let image = |url: &str| json!({ "type": "image_url", "image_url": { "url": url } });
    let sound = json!({ "type": "input_audio", "input_audio": { "data": LINK } });
    vec![
        (Form::Chat, image(LINK), "image_url.url"),
        (Form::Chat, image("//evil/x"), "image_url.url"),
        (Form::Chat, image("file:///etc"), "image_url.url"),
        (Form::Chat, image(" data:,x"), "image_url.url"),
        (Form::Chat, image(""), "image_url.url"),
        (Form::Chat, json!({ "type": "image_url", "image_url": LINK }), "image_url"),
        (Form::Chat, json!({ "type": "video_url", "video_url": { "url": LINK } }), "video_url.url"),
        (Form::Chat, json!({ "type": "file", "file": { "file_id": "file-1" } }), "file.file_id"),
        (Form::Chat, json!({ "type": "file", "file": { "file_data": LINK } }), "file.file_data"),
        (Form::Chat, sound, "input_audio.data"),
        (Form::Chat, json!({ "type": "document_url", "document_url": LINK }), "type"),
        (Form::Responses, json!({ "type": "input_image", "image_url": LINK }), "image_url"),
        (Form::Responses, json!({ "type": "input_image", "file_id": "f" }), "file_id"),
        (Form::Responses, json!({ "type": "input_file", "file_url": LINK }), "file_url"),
    ]
}

#[test]
fn a_provider_has_nothing_to_fetch_for_a_request() {
    let refused = |form: Form, mut body: Value, field: &str| {
        body["model"] = json!("m");
        let refused = Wish::read(form, body.to_string().as_bytes(), |_| Some(1000));
        let refused = refused.expect_err(&body.to_string());
        assert_eq!(refused.param.as_deref(), Some(field), "{body}");
        assert!(!refused.message.contains("evil"), "{}", refused.message);
    };
    for (form, body, field) in more_than_an_answer() {
        refused(form, body, field);
    }
    for (form, part, field) in parts_from_elsewhere() {
        let text = json!({ "type": "text", "text": "t" });
        let role = json!({ "role": "user", "content": [text, part] });
        let (list, body) = match form {
            Form::Chat => ("messages", json!({ "messages": [role] })),
            _ => ("input", json!({ "input": [role] })),
        };
        refused(form, body, &format!("{list}[0].content[1].{field}"));
        let output = json!({ "input": [{ "type": "function_call_output", "output": [part] }] });
        refused(Form::Responses, output, &format!("input[0].output[0].{field}"));
    }
    let said_before = json!({ "messages": [{ "role": "assistant", "audio": { "id": "a" } }] });
    refused(Form::Chat, said_before, "messages[0].audio");
    // However it is written.
    let escaped = r#"{"model":"m","response_format":{"\u0024ref":"https://evil"}}"#;
    assert!(Wish::read(Form::Chat, escaped.as_bytes(), |_| None).is_err());
}

#[test]
fn a_refusal_names_the_first_item_that_is_not_as_it_should_be() {
    let (fine, audio) = (json!({ "role": "user", "content": "t" }), json!({ "audio": { "id": "a" } }));
    for (messages, named) in [
        (json!([fine, 7]), "messages[1]"),
        (json!([fine, fine, "t"]), "messages[2]"),
        (json!([fine, audio, 7]), "messages[1].audio"),
        (json!([7, audio]), "messages[0]"),
        (fine.clone(), "messages"),
    ] {
        let body = json!({ "model": "m", "messages": messages }).to_string();
        let refused = Wish::read(Form::Chat, body.as_bytes(), |_| Some(1000)).expect_err(&body);
        assert_eq!(refused.param.as_deref(), Some(named), "{body}");
    }
    assert_eq!(sent(&read(Form::Chat, &json!({ "model": "m", "messages": [] })), "m")["messages"], json!([]));
}

#[test]
fn what_is_not_listed_within_a_message_is_left_out() {
    let body = json!({ "model": "m", "messages": [
        { "role": "user", "content": [{ "type": "text", "text": "t", "url": "https://evil" }], "search": "https://evil" },
        { "role": "assistant", "content": [{ "type": "output_text", "text": "t", "annotations": [{ "file_id": "f" }] }] },
    ], "tools": [{ "type": "function", "function": { "name": "f" }, "server_url": "https://evil" }] });
    let sent = sent(&read(Form::Chat, &body), "m");
    assert_eq!(sent["messages"][0], json!({ "role": "user", "content": [{ "type": "text", "text": "t" }] }));
    assert_eq!(sent["messages"][1]["content"][0]["annotations"], json!([]));
    assert_eq!(sent["tools"], json!([{ "type": "function", "function": { "name": "f" } }]));
}

#[test]
fn a_name_that_stands_twice_is_refused_where_its_value_is_looked_at() {
    for body in [
        r#"{"model":"m","model":"n"}"#,
        r#"{"model":"m","messages":[{"content":[],"content":"x"}]}"#,
        r#"{"model":"m","messages":[{"content":[{"type":"text","\u0074ype":"image_url"}]}]}"#,
        r#"{"model":"m","tools":[{"type":"function","type":"mcp"}]}"#,
    ] {
        assert!(Wish::read(Form::Chat, body.as_bytes(), |_| None).is_err(), "{body}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let object = prop::collection::vec((".{0,6}", inner), 0..4);
        prop_oneof![list, object.prop_map(|fields| Value::Object(fields.into_iter().collect()))]
    })
}

proptest! {
    #[test]
    fn what_is_listed_is_passed_on_as_it_is_and_nothing_else(
        listed in prop::collection::vec((prop::sample::select(vec!["stop", "user", "seed", "tool_choice"]), any_json()), 0..4),
        (unlisted, value) in ("x.{0,6}", any_json()),
    ) {
        let mut body: Map<String, Value> =
            listed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        body.insert("model".to_owned(), json!("ours"));
        let told = sent(&read(Form::Chat, &Value::Object(body.clone())), "theirs \"x\"");
        let mut wanted: Map<String, Value> = body.clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
        wanted.insert("model".to_owned(), json!("theirs \"x\""));
        wanted.insert("max_tokens".to_owned(), json!(1000));
        prop_assert_eq!(told, Value::Object(wanted));
        let asks = !matches!(value, Value::Null | Value::Bool(false)) && value != json!([]);
        body.insert(unlisted.clone(), value);
        let read = Wish::read(Form::Chat, Value::Object(body).to_string().as_bytes(), |_| None);
        prop_assert_eq!(read.err().and_then(|refused| refused.param), asks.then_some(unlisted));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for form in [Form::Chat, Form::Responses, Form::Embeddings] {
            let _ = Wish::read(form, &bytes, |_| None);
        }
    }

    #[test]
    fn any_damaged_body_is_read_or_refused(at in 0_usize..60, byte: u8) {
        let mut body = br#"{"model":"m","messages":[{"role":"user"}],"stream":true,"n":1}"#.to_vec();
        body[at] = byte;
        if let Ok(wish) = Wish::read(Form::Chat, &body, |_| None) {
            prop_assert!(serde_json::from_slice::<Value>(&body_for("m", &wish.added(), &wish.body)).is_ok());
        }
    }
}
