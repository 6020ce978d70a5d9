use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DATABASE, HEX, known, redactor};
use crate::{RedactError, Rule};

fn redacted(value: &Value) -> Value {
    let body = redactor().json_body(value.to_string().as_bytes()).expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

#[test]
fn strings_keys_and_numbers_are_looked_through() {
    let body = json!({"a": [format!("x {DATABASE}")], HEX: {"deep": [[{"k": HEX}]]}, "n": 12});
    let expected = json!({
        "a": ["x SECRET_REF(ghost/database)"],
        "SECRET_REF(n8n/key)": {"deep": [[{"k": "SECRET_REF(n8n/key)"}]]},
        "n": 12,
    });
    assert_eq!(redacted(&body), expected);
}

#[test]
fn a_number_that_is_a_known_secret_goes() {
    let redactor = super::redactor_for([("phone/pin", "4711081512")]);
    let body = redactor.json_body(b"{\"pin\":4711081512,\"at\":[1763769600,12,-3,0.5]}").expect("a body");
    assert_eq!(body, b"{\"at\":[1763769600,12,-3,0.5],\"pin\":\"SECRET_REF(phone/pin)\"}");
}

#[test]
fn json_in_a_string_is_looked_through_as_json() {
    let arguments = json!({"command": ["echo", DATABASE], "password": "correct horse"}).to_string();
    let body = json!({"tool_calls": [{"function": {"name": "run", "arguments": arguments}}]});
    let redacted = redacted(&body);
    let arguments = redacted["tool_calls"][0]["function"]["arguments"].as_str().expect("a string");
    let arguments: Value = serde_json::from_str(arguments).expect("JSON");
    assert_eq!(arguments["command"][1], "SECRET_REF(ghost/database)");
    assert!(arguments["password"].as_str().expect("a string").starts_with("SECRET_REF(key/password-"));

    let untouched = json!({"arguments": "{ \"lines\":  12 }"});
    assert_eq!(self::redacted(&untouched), untouched);
}

#[test]
fn a_secret_that_is_spread_over_parts_is_found() {
    let (a, b) = DATABASE.split_at(11);
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": format!("it is {a}")}, {"type": "text", "text": format!("{b}, they say")},
    ]}]});
    let expected = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "it is SECRET_REF(ghost/database)"}, {"type": "text", "text": ", they say"},
    ]}]});
    assert_eq!(redacted(&body), expected);

    let letters: Vec<String> = HEX.chars().map(String::from).collect();
    let expected: Vec<&str> = ["SECRET_REF(n8n/key)"].into_iter().chain(vec![""; HEX.len() - 1]).collect();
    assert_eq!(redacted(&json!({"input": letters})), json!({"input": expected}));
}

#[test]
fn values_of_keys_that_name_secrets_go() {
    for key in [
        "password",
        "PASSWORD",
        "db_password",
        "Passwd",
        "api_key",
        "apiKey",
        "X-API-Key",
        "authorization",
        "private_key",
        "client-secret",
        "credentials",
        "aws_secret_access_key",
        "access_token",
        "token",
    ] {
        let value = &redacted(&json!({key: "monday7"}))[key];
        assert!(value.as_str().is_some_and(|value| value.starts_with("SECRET_REF(key/")), "{key}: {value}");
    }
    for (key, value) in [
        ("max_tokens", json!("unlimited")),
        ("prompt_tokens", json!(12_345)),
        ("completion_tokens", json!("12345678")),
        ("token_count", json!("12345678")),
        ("tool_choice", json!("required")),
        ("password", json!("short")),
        ("password", json!("SECRET_REF(ghost/database)")),
        ("authorization", json!("Bearer SECRET_REF(n8n/key)")),
        ("password", json!("${DATABASE_PASSWORD}")),
        ("password", json!("********")),
        ("next_page_token", json!("abcdefgh")),
    ] {
        assert_eq!(redacted(&json!({key: value})), json!({key: value}));
    }
    let predicted = json!({"logprobs": {"content": [{"token": "Kubernetes", "logprob": -0.5}]}});
    assert_eq!(redacted(&predicted), predicted);
}

#[test]
fn schemas_of_tools_stay_but_for_known_values() {
    let schema = json!({"type": "object", "properties": {"password": {"type": "string", "default": "as before"}},
        "required": ["password"], "token": "described"});
    let body = json!({"tools": [{"type": "function", "function": {"name": "set", "parameters": schema}}]});
    assert_eq!(redacted(&body), body);
    let mut leaking = body.clone();
    leaking["tools"][0]["function"]["parameters"]["properties"]["password"]["default"] = json!(DATABASE);
    assert!(!redacted(&leaking).to_string().contains(DATABASE));
    assert_ne!(
        redacted(&json!({"parameters": {"password": "in a call"}})),
        json!({"parameters": {"password": "in a call"}})
    );
}

#[test]
fn what_is_random_by_nature_stays_but_for_known_values() {
    let random = "gAAAAABq8ZrT5vWx2LmN7pKs4DfG6hJ9yBc3EaU0iOtRwQ1zXcVbNm";
    let body = json!({
        "input": [{"type": "reasoning", "id": format!("rs_{random}"), "encrypted_content": random}],
        "messages": [{"tool_call_id": random, "content": [
            {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{random}")}},
            {"type": "input_audio", "input_audio": {"data": random, "format": "wav"}},
        ]}, {"role": "assistant", "tool_calls": [{"id": "c", "type": "function",
            "extra_content": {"google": {"thought_signature": random}}}]},
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": random}]}],
    });
    assert_eq!(redacted(&body), body);
    let leaking = json!({"extra_content": {"google": {"thought_signature": hex::encode(DATABASE)}}});
    assert!(!redacted(&leaking).to_string().contains(&hex::encode(&DATABASE[..16])));
    assert_ne!(redacted(&json!({"data": random})), json!({"data": random}));
    assert_ne!(redacted(&json!({"content": random})), json!({"content": random}));
    assert_eq!(redacted(&json!({"id": DATABASE})), json!({"id": "SECRET_REF(ghost/database)"}));
}

#[test]
fn what_is_no_json_or_too_deep_is_refused() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(redactor().json_body(deep(64).as_bytes()).is_ok());
    for body in [deep(65), deep(200), "{".to_owned(), String::new(), format!("{{\"a\": {DATABASE}}}")] {
        let error = redactor().json_body(body.as_bytes()).expect_err("refused");
        assert!(matches!(error, RedactError::NotJson(_)), "{error}");
        assert!(!error.to_string().contains("vQ2"), "{error}");
    }
    assert!(redactor().json_body(b"\"\xff\"").is_err());
}

#[test]
fn a_name_that_stands_twice_is_no_hiding_place() {
    let escaped: String = DATABASE.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect();
    let body = format!("{{\"a\":\"{escaped}\",\"a\":\"harmless\"}}");
    let redacted = redactor().json_body(body.as_bytes()).expect("a body");
    assert_eq!(redacted, b"{\"a\":\"harmless\"}");
}

#[test]
fn what_would_still_be_there_stops_the_body() {
    let redactor = super::redactor_for([("odd/json", "],\"b\":[1,2")]);
    let error = redactor.json_body(b"{\"a\":[3],\"b\":[1,2]}").expect_err("refused");
    assert_eq!(error, RedactError::Remains("odd/json".to_owned()));
}

#[test]
fn what_cannot_be_taken_out_is_refused() {
    let fields = HEX.as_bytes().chunks(8).enumerate();
    let fields = fields.map(|(at, piece)| (String::from_utf8_lossy(piece).into_owned(), json!(at)));
    let body = Value::Object(fields.collect()).to_string();
    let error = redactor().json_body(body.as_bytes()).expect_err("refused");
    assert_eq!(error, RedactError::Remains("n8n/key".to_owned()));
}

#[test]
fn findings_name_rules_and_never_values() {
    let mut body = json!({"a": DATABASE, "password": "monday7", "b": "AKIAIOSFODNN7EXAMPLE"});
    let findings = redactor().json_value(&mut body).expect("a value");
    let rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::Value, Rule::Pattern, Rule::Key]);
    assert!(!format!("{findings:?}").contains("monday7"));
}

/// Any JSON, with secrets as strings, in strings and as keys.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~äü\n]{0,30}",
        prop::sample::select(known().map(|(_, value)| value.to_owned()).to_vec())
    ];
    let text = prop::collection::vec(text, 1..4).prop_map(|texts| texts.concat());
    let leaf = prop_oneof![
        text.clone().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner.clone()), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

proptest! {
    #[test]
    fn no_known_value_is_in_any_body_and_twice_is_once(value in any_json()) {
        let redactor = redactor();
        if let Ok(body) = redactor.json_body(value.to_string().as_bytes()) {
            let text = String::from_utf8(body.clone()).expect("text");
            for (name, value) in known() {
                prop_assert!(!text.contains(value), "{name}");
                prop_assert!(!text.contains(&hex::encode(value)), "{name}");
            }
            prop_assert_eq!(String::from_utf8(redactor.json_body(&body).expect("a body")).expect("text"), text);
        }
    }
}

#[test]
fn what_unpacks_to_more_than_is_read_is_taken_out_unread() {
    use base64::Engine as _;
    use std::io::Write as _;
    let packed = |bytes: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![b'a'; bytes]).expect("memory");
        let packed = encoder.finish().expect("memory");
        json!({ "file_data": format!("data:application/gzip;base64,{}",
            base64::engine::general_purpose::STANDARD.encode(packed)) })
    };
    let fits = packed(1 << 20);
    assert_eq!(redacted(&fits), fits);
    let unread = redacted(&json!([packed(9 << 20)]));
    assert!(
        unread[0]["file_data"].as_str().is_some_and(|text| text.contains("SECRET_REF(unread/")),
        "{unread}"
    );
    let many = redacted(&Value::from(vec![packed(3 << 20); 3]));
    assert!(many.to_string().contains("SECRET_REF(unread/"), "counted over the whole request");
    assert_eq!(redacted(&unread), unread);
}
