//! Pieces of a value over a request, and places in it.

use serde_json::{Value, json};

use super::written::{after_each, data, every, gzip, utf16};

pub(super) type Body = (&'static str, fn(&str) -> Value);

pub(super) fn fifths(value: &str) -> Vec<String> {
    every(value, 5, "\n").lines().map(str::to_owned).collect()
}

pub(super) fn with_image(first: &str, second: &str) -> Value {
    let image = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } });
    json!({ "messages": [{ "role": "user", "content": [
        { "type": "text", "text": first }, image, { "type": "text", "text": second },
    ] }] })
}

pub(super) const BODIES: &[Body] = &[
    ("several messages", |value| {
        let messages = fifths(value).into_iter().map(|piece| json!({ "role": "user", "content": piece }));
        json!({ "messages": messages.collect::<Vec<_>>() })
    }),
    ("messages with answers between", |value| {
        let message = |role: &str, text: &str| json!({ "role": role, "content": text });
        let messages = fifths(value)
            .into_iter()
            .flat_map(|piece| [message("user", &piece), message("assistant", "Please go on with it.")]);
        json!({ "messages": messages.collect::<Vec<_>>() })
    }),
    ("beginnings and ends of long texts", |value| {
        let (words, (first, second)) = ("so many words of a report ".repeat(30), value.split_at(8));
        json!({ "input": [format!("{words}{first}"), format!("{} {words}", &second[..9])] })
    }),
    ("parts with an image between", |value| with_image(&value[..9], &value[9..18])),
    ("fields of an object", |value| {
        let fields =
            fifths(value).into_iter().enumerate().map(|(at, piece)| (format!("part{at}"), json!(piece)));
        json!({ "metadata": Value::Object(fields.collect()) })
    }),
    ("arguments of a tool call", |value| {
        let arguments = json!({ "parts": fifths(value) }).to_string();
        json!({ "messages": [{ "tool_calls": [{ "function": { "arguments": arguments } }] }] })
    }),
    ("names of fields", |value| {
        let fields = fifths(value).into_iter().enumerate().map(|(at, piece)| (piece, json!(at)));
        json!({ "metadata": Value::Object(fields.collect()) })
    }),
    ("numbers", |value| json!({ "input": value.as_bytes() })),
    ("numbers with fractions", |value| json!({ "input": value.bytes().map(f64::from).collect::<Vec<_>>() })),
    ("Buffer of Node", |value| json!({ "input": { "type": "Buffer", "data": value.as_bytes() } })),
    ("array that is written as an object", |value| {
        let fields = value.bytes().enumerate().map(|(at, byte)| (at.to_string(), json!(byte)));
        json!({ "input": Value::Object(fields.collect()) })
    }),
    ("numbers as names, in the order of their values", |_| {
        let fields =
            "kT9vQ2xZ7mB4cR8wN1pL".bytes().enumerate().map(|(at, byte)| (byte.to_string(), json!(at)));
        json!({ "logit_bias": Value::Object(fields.collect()) })
    }),
    ("`id`, reversed", |value| json!({ "id": value.chars().rev().collect::<String>() })),
    (
        "`tool_call_id`, base32",
        |value| json!({ "tool_call_id": data_encoding::BASE32_NOPAD.encode(value.as_bytes()) }),
    ),
    ("`signature`, hex of hex", |value| json!({ "signature": hex::encode(hex::encode(value)) })),
    ("`encrypted_content`, with dashes", |value| json!({ "encrypted_content": after_each(value, "-") })),
    (
        "`input_audio.data`, base64 of UTF-16",
        |value| json!({ "input_audio": { "data": utf16(value, u16::to_le_bytes), "format": "wav" } }),
    ),
    (
        "`file_data`, gzip",
        |value| json!({ "file": { "file_data": data("application/gzip", &gzip(value)), "filename": "a.gz" } }),
    ),
];
