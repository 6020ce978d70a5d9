//! A body that passes is JSON and holds no known value.
#![no_main]

use letsbe_redact::{KnownSecret, Redactor};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "Zk3vQ9xLm2Rt8WcYb5Hs1PdNf7Jg4UaE";

fuzz_target!(|body: &[u8]| {
    let known = KnownSecret { name: "tool/key".to_owned(), value: SECRET.into() };
    let redactor = Redactor::new([known]).expect("one secret");
    if let Ok(out) = redactor.json_body(body) {
        let value: serde_json::Value = serde_json::from_slice(&out).expect("what passes is JSON");
        assert!(!value.to_string().contains(SECRET));
    }
});
