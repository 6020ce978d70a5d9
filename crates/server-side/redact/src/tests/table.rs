//! `docs/redaction.md`: every form is tried, and the table says what came of it.

mod bodies;
pub(super) mod written;

use std::fmt::Write as _;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::redactor_for;
use crate::SseRedactor;
use bodies::BODIES;
use written::{Text, WRITTEN, every};

/// Like the vault makes them, but without signs.
const VALUE: &str = "kT9vQ2xZ7mB4cR8wN1pL6sD3fG5hJ0yU";
const HEX: &str = "9f3c1a7be85d20461c7f9ab3e4d85f60";
const PERSONS: &str = "Grüße-aus-Köln#2026";
const GROUPS: &str = "abcd efgh ijkl mnop";
const SHORT: &str = "a1b2c3!";
const DOCUMENT: &str = "../../../docs/redaction.md";
const MARKS: (&str, &str) = ("<!-- forms -->\n", "<!-- end of forms -->\n");

fn texts_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(texts_of).collect(),
        Value::Object(fields) => fields.iter().map(|(name, field)| name.clone() + &texts_of(field)).collect(),
        other => other.to_string() + " ",
    }
}

/// Found is what is gone but for a little at its ends.
pub(super) fn verdict(written: &str, out: &str) -> &'static str {
    let letters: Vec<char> = written.chars().collect();
    let windows: Vec<String> = letters.windows(8.min(letters.len())).map(String::from_iter).collect();
    let left = windows.iter().filter(|window| out.contains(window.as_str())).count();
    match (out.contains("SECRET_REF("), left * 4 < windows.len()) {
        (true, true) => "found",
        (true, false) => "in part",
        _ => "not found",
    }
}

pub(super) fn in_request(secret: &str, body: &Value) -> Result<String, ()> {
    let redactor = redactor_for([("tool/key", secret)]);
    let body = redactor.json_body(body.to_string().as_bytes()).map_err(drop)?;
    Ok(texts_of(&serde_json::from_slice(&body).expect("JSON")))
}

fn in_stream(secret: &str, written: &str) -> Result<String, ()> {
    let mut redactor = SseRedactor::new(redactor_for([("tool/key", secret)]));
    let mut out = Vec::new();
    for piece in every(&format!("it is {written} I think."), 5, "\u{0}").split('\u{0}') {
        let chunk = json!({ "choices": [{ "index": 0, "delta": { "content": piece } }] });
        redactor.push(format!("data: {chunk}\n\n").as_bytes(), &mut out).map_err(drop)?;
    }
    redactor.finish(&mut out);
    let out = String::from_utf8(out).expect("text");
    let events = out.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.map(|event| serde_json::from_str::<Value>(event).expect("JSON"));
    Ok(events
        .map(|event| event["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned())
        .collect())
}

fn shown(text: &str) -> String {
    let safe = |letter: char| match letter {
        '|' | '`' => "…".to_owned(),
        ' '..='~' => letter.to_string(),
        letter if letter.is_alphanumeric() && !matches!(letter, '\u{3164}') => letter.to_string(),
        letter => letter.escape_unicode().to_string(),
    };
    let short: String = text.chars().take(20).map(safe).collect();
    let more = if text.chars().count() > 20 { " …" } else { "" };
    format!("`{short}`{more}")
}

fn table() -> String {
    let mut table = String::from("\n| form | example | in a request | in a stream |\n|---|---|---|---|\n");
    for (name, secret, write) in WRITTEN {
        let written = write(secret);
        let body =
            json!({ "messages": [{ "role": "user", "content": format!("it is {written} I think.") }] });
        let request = in_request(secret, &body).map_or("refused", |out| verdict(&written, &out));
        let stream = in_stream(secret, &written).map_or("ended", |out| verdict(&written, &out));
        let _ = writeln!(table, "| {name} | {} | {request} | {stream} |", shown(&written));
    }
    table += "\n| pieces and places | in a request |\n|---|---|\n";
    for (name, write) in BODIES {
        let secret = if name.contains("order") { "kT9vQ2xZ7mB4cR8wN1pL" } else { VALUE };
        let body = write(VALUE);
        let request = in_request(secret, &body).map_or("refused", |out| {
            if out.contains("SECRET_REF(tool/key)") && !out.contains(&secret[..5]) {
                "found"
            } else {
                "not found"
            }
        });
        let _ = writeln!(table, "| {name} | {request} |");
    }
    table + "\n"
}

#[test]
fn the_documents_table_of_forms_is_what_the_redactor_does() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let document = std::fs::read_to_string(&path).expect("docs/redaction.md");
    let (before, rest) = document.split_once(MARKS.0).expect("the beginning of the table");
    let (_, after) = rest.split_once(MARKS.1).expect("the end of the table");
    let wanted = [before, MARKS.0, &table(), MARKS.1, after].concat();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
        std::fs::write(&path, &wanted).expect("docs/redaction.md");
    }
    for (is, wanted) in document.lines().zip(wanted.lines()) {
        assert_eq!(is, wanted, "INSTA_UPDATE=always writes the table");
    }
    assert_eq!(document.len(), wanted.len(), "INSTA_UPDATE=always writes the table");
}

/// The forms that the table says are found.
static FOUND: LazyLock<Vec<&Text>> = LazyLock::new(|| {
    let is_found = |(_, secret, write): &&Text| {
        let written = write(secret);
        let out = in_request(secret, &json!({ "messages": [{ "content": written }] }));
        out.is_ok_and(|out| verdict(&written, &out) == "found")
    };
    WRITTEN.iter().filter(is_found).collect()
});

/// Of any length: what is looked at together begins and ends at any place of a form.
const AROUND: &str = "[a-zA-ZäöüÜß€ ,.!?%&\n\"\\\\-]{0,150}";

proptest! {
    #[test]
    fn every_form_that_is_found_is_found_whatever_stands_around_it(
        form in any::<prop::sample::Index>(), before in AROUND, after in AROUND,
    ) {
        let (name, secret, write) = form.get(&FOUND);
        let written = write(secret);
        let text = format!("{before}. {written} .{after}");
        let out = in_request(secret, &json!({ "messages": [{ "role": "user", "content": text }] }));
        let verdict = out.as_ref().map_or("refused", |out| verdict(&written, out));
        prop_assert_ne!(verdict, "not found", "{}: {:?}", name, out);
        prop_assert_ne!(verdict, "in part", "{}: {:?}", name, out);
    }
}

#[test]
fn documents_in_texts_are_each_looked_through_by_themselves() {
    let halves = |first: &str, second: &str| json!({ "a": [first, second], "b": [2, 3] }).to_string();
    let bytes = json!({ "a": VALUE.as_bytes() }).to_string();
    let value = halves(&VALUE[..8], &VALUE[8..18]);
    let harmless = halves("nothing", "at all");
    let texts = [&value, &harmless, &bytes, &harmless, &value, &bytes];
    let out = in_request(VALUE, &json!({ "messages": texts.map(|text| json!({ "arguments": text })) }));
    let out = out.expect("a body");
    assert_eq!(out.matches("SECRET_REF(tool/key)").count(), 4, "{out}");
    assert_eq!(out.matches(&harmless).count(), 2, "{out}");
}
