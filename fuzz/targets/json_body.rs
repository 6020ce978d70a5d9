//! A body that passes is JSON and holds no known value, whatever signs stand between its letters.
#![no_main]

use letsbe_redact::{KnownSecret, Redactor};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "Zk3vQ9xLm2Rt8WcYb5Hs1PdNf7Jg4UaE";

fuzz_target!(|input: (&[u8], &str, &str)| {
    let (body, between, around) = input;
    let known = KnownSecret { name: "tool/key".to_owned(), value: SECRET.into() };
    let redactor = Redactor::new([known]).expect("one secret");
    if let Ok(out) = redactor.json_body(body) {
        let value: serde_json::Value = serde_json::from_slice(&out).expect("what passes is JSON");
        assert!(!value.to_string().contains(SECRET));
    }
    if between.is_ascii() && !between.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        let letters: Vec<String> = SECRET.chars().map(String::from).collect();
        let spelled = letters.join(between);
        let body = serde_json::json!({ "content": format!("{around} {spelled} {around}") }).to_string();
        let out = redactor.json_body(body.as_bytes()).expect("a body");
        assert!(!String::from_utf8_lossy(&out).contains(&spelled));
    }
});
