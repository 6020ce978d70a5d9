//! What the redactor promises, as properties and as tables.

mod document;
mod forms;
mod index;
mod inputs;
mod json;
mod ordinary;
mod stream;
mod table;

use std::sync::Arc;

use letsbe_types::Secret;
use proptest::prelude::*;

use crate::{KnownSecret, Redactor};

pub(crate) const DATABASE: &str = "kT9/vQ2+xZ7mB4cR8wN1pL6sD3fG5hJ0yU+eA/iOqWE=";
pub(crate) const HEX: &str = "9f3c1a7be85d20461c7f9ab3e4d85f60721b3c9ad0e48f5b6172839a4b5c6d7e";
pub(crate) const QUOTED: &str = "it's \"so\" $ecret & ünsafe\\/<tag>";
pub(crate) const SHORT: &str = "hunter-2!";

pub(crate) fn known() -> [(&'static str, &'static str); 4] {
    [("ghost/database", DATABASE), ("n8n/key", HEX), ("odd/quoted", QUOTED), ("old/short", SHORT)]
}

pub(crate) fn redactor_for<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Arc<Redactor> {
    let secrets = secrets
        .into_iter()
        .map(|(name, value)| KnownSecret { name: name.to_owned(), value: Secret::from(value) });
    Arc::new(Redactor::new(secrets).expect("a redactor"))
}

pub(crate) fn redactor() -> Arc<Redactor> {
    redactor_for(known())
}

/// Passwords as programs and as people make them.
pub(crate) fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z0-9+/]{43}=", "[0-9a-f]{64}", "[A-Za-z0-9]{8,40}", "[ -~äöüß€]{8,48}"]
        .prop_filter("what surrounds a value is not part of it", |value| value.trim().len() >= 8)
}

#[test]
fn printing_a_redactor_shows_no_secret() {
    let redactor = redactor();
    let mut stream = redactor.stream();
    stream.push(&DATABASE.as_bytes()[..20], &mut Vec::new());
    let printed = format!("{redactor:?} {stream:?} {redactor:#?}");
    assert!(!printed.contains("vQ2") && !printed.contains("hunter"), "{printed}");
}

proptest! {
    #[test]
    fn redacting_twice_changes_nothing(
        texts in prop::collection::vec(("[ -~\n]{0,60}", 0..4_usize, "[A-Za-z0-9+/_-]{0,70}"), 0..5),
    ) {
        let redactor = redactor();
        let text: String =
            texts.iter().map(|(before, at, random)| format!("{before}{}{random}", known()[*at].1)).collect();
        let once = redactor.text(&text);
        prop_assert_eq!(redactor.text(&once), once);
    }

    #[test]
    fn random_text_and_bytes_never_panic(text in "\\PC{0,300}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let redactor = redactor();
        let _ = redactor.text(&text);
        let _ = redactor.text(&String::from_utf8_lossy(&bytes));
        let _ = redactor.json_body(&bytes);
        let mut stream = redactor.stream();
        let mut out = Vec::new();
        stream.push(&bytes, &mut out);
        stream.finish(&mut out);
    }

    #[test]
    fn marks_and_tricks_in_any_order_never_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "\\u00", "\\", "%", "&#", "x41;", "\u{200b}", "\u{ff21}", "\n", "\r\n ", "eyJ", "://", "a:b@", "-----BEGIN ",
            "PRIVATE KEY-----", "SECRET_REF(", ")", "sk-", "ghp_", DATABASE, HEX, "ü", "€", "4142", ".", "{\"a\":", "[",
        ]), 0..30),
    ) {
        let redactor = redactor();
        let text = pieces.concat();
        let _ = redactor.text(&text);
        let _ = redactor.json_body(serde_json::json!([text, pieces]).to_string().as_bytes());
    }
}
