//! Messages, their parts and tools, made of what is listed: a provider has nothing to fetch for them.
//!
//! What is not listed in a message is left out, as answers that are sent back carry much that nobody needs. What
//! points to something outside the request is refused by name.

use std::borrow::Cow;

use letsbe_types::asked::Written;
use serde_json::value::RawValue;

use super::fields::{is_null, list, object, objects, read, wrong_form};
use crate::refusal::Refusal;

/// Items of the responses interface.
const ITEMS: [&str; 6] = [
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "reasoning",
];
/// Parts that are text.
const TEXTS: [&str; 8] = [
    "text",
    "input_text",
    "output_text",
    "refusal",
    "summary_text",
    "reasoning_text",
    "reasoning",
    "thinking",
];
/// Parts that carry a file.
const MEDIA: [&str; 7] =
    ["image_url", "input_image", "input_audio", "audio_url", "video_url", "file", "input_file"];

/// Fields of them that may be an object.
const OBJECTS: [&str; 5] = ["image_url", "input_audio", "audio_url", "video_url", "file"];

/// The conversation of a request.
pub(super) fn talk(value: &RawValue, name: &str) -> Result<String, Refusal> {
    if value.get().starts_with('"') {
        return Ok(value.get().to_owned());
    }
    objects(value, name, message)
}

/// A message of a chat, or an item of a response's input.
fn message(fields: Vec<(String, &RawValue)>, name: &str) -> Result<String, Refusal> {
    let kind = kind(&fields, name)?;
    if kind.as_deref().is_some_and(|kind| !ITEMS.contains(&kind)) {
        return Err(outside(&format!("{name}.type"), "only what is whole in the request is let through"));
    }
    let mut written = Written::default();
    for (key, value) in fields {
        let at = format!("{name}.{key}");
        // A `null` is as if absent, but where it is an answer: nothing was said, or not refused.
        if is_null(value) && !matches!(key.as_str(), "content" | "output" | "refusal") {
            continue;
        }
        match key.as_str() {
            "content" | "output" => written.push(&key, &content(value, &at)?),
            "type" | "role" | "name" | "id" | "status" | "phase" | "call_id" | "namespace" | "arguments"
            | "input" | "summary" | "encrypted_content" => written.push(&key, value.get()),
            "tool_calls" | "tool_call_id" | "function_call" | "refusal" | "tool_name" | "prefix"
            | "partial" => {
                written.push(&key, value.get());
            }
            "reasoning" | "reasoning_content" | "reasoning_details" | "reasoning_text" | "thinking"
            | "thinking_blocks" | "signature" | "extra_content" | "cache_control" => {
                written.push(&key, value.get());
            }
            "audio" | "attachments" | "file_ids" | "documents" => {
                return Err(outside(&at, "send it as a part of the content"));
            }
            _ => {}
        }
    }
    Ok(written.end())
}

fn kind<'a>(fields: &[(String, &'a RawValue)], name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    let found = fields.iter().find(|(key, _)| key == "type").map(|(_, value)| *value);
    text(found, &format!("{name}.type"))
}

fn text<'a>(value: Option<&'a RawValue>, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    /// Borrowed where nothing is escaped.
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(read::<Text<'_>>(value.filter(|value| !is_null(value)), name)?.map(|Text(text)| text))
}

/// A text, or parts.
fn content<'a>(value: &'a RawValue, name: &str) -> Result<Cow<'a, str>, Refusal> {
    match value.get().as_bytes().first() {
        Some(b'[') => list(value, name, part).map(Cow::Owned),
        Some(b'"' | b'n') => Ok(Cow::Borrowed(value.get())),
        _ => Err(wrong_form(name)),
    }
}

fn part(value: &RawValue, name: &str) -> Result<String, Refusal> {
    if value.get().starts_with('"') {
        return Ok(value.get().to_owned());
    }
    let fields = object(value, name)?;
    let kind = kind(&fields, name)?;
    let kind = kind.as_deref().unwrap_or("text");
    if MEDIA.contains(&kind) {
        return media(value, name);
    }
    if !TEXTS.contains(&kind) {
        return Err(outside(&format!("{name}.type"), "parts are texts, and files that are in the request"));
    }
    let mut written = Written::default();
    for (key, value) in fields.into_iter().filter(|(_, value)| !is_null(value)) {
        match key.as_str() {
            "type" | "text" | "refusal" | "thinking" | "reasoning" | "signature" | "cache_control" => {
                written.push(&key, value.get());
            }
            // OpenAI wants them to be there; what they cite is of no use.
            "annotations" => written.push(&key, "[]"),
            _ => {}
        }
    }
    Ok(written.end())
}

/// A file that is in the request: the part's own fields, and those of one object in it. Never deeper, as whoever asks
/// decides how deep a body is.
fn media(value: &RawValue, name: &str) -> Result<String, Refusal> {
    let mut written = Written::default();
    for (key, value) in object(value, name)? {
        let at = format!("{name}.{key}");
        if !OBJECTS.contains(&key.as_str()) || !value.get().starts_with('{') {
            medium(&key, value, &at, &mut written)?;
            continue;
        }
        let mut inner = Written::default();
        for (key, value) in object(value, &at)? {
            medium(&key, value, &format!("{at}.{key}"), &mut inner)?;
        }
        written.push(&key, &inner.end());
    }
    Ok(written.end())
}

/// One field of a file.
fn medium(key: &str, value: &RawValue, at: &str, written: &mut Written) -> Result<(), Refusal> {
    if is_null(value) {
        return Ok(());
    }
    match key {
        "type" | "detail" | "format" | "filename" | "media_type" | "mime_type" | "cache_control" => {}
        "url" | "image_url" | "audio_url" | "video_url" | "file_url" => carried(value, at, is_data_url)?,
        "data" | "file_data" | "input_audio" | "file" => {
            carried(value, at, |text| is_data_url(text) || is_base64(text))?;
        }
        "file_id" | "id" => return Err(outside(at, "send the file itself")),
        _ => return Ok(()),
    }
    written.push(key, value.get());
    Ok(())
}

fn carried(value: &RawValue, name: &str, is_carried: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    match text(Some(value), name)? {
        Some(text) if is_carried(&text) => Ok(()),
        _ => Err(outside(name, "send the file itself, as a `data:` address")),
    }
}

fn is_data_url(text: &str) -> bool {
    text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

fn is_base64(text: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(&byte);
    !text.starts_with("//") && text.bytes().all(is_sign)
}

/// Functions: what a provider runs itself passes no gate.
pub(super) fn tools(value: &RawValue, name: &str) -> Result<String, Refusal> {
    objects(value, name, |fields, name| {
        if kind(&fields, name)?.as_deref() != Some("function") {
            let message = "`tools` are functions: what a provider runs itself passes no gate";
            return Err(Refusal::not_let_through(message).about(&format!("{name}.type")));
        }
        let mut written = Written::default();
        for (key, value) in fields {
            if matches!(
                key.as_str(),
                "type" | "function" | "name" | "description" | "parameters" | "strict" | "cache_control"
            ) {
                written.push(&key, value.get());
            }
        }
        Ok(written.end())
    })
}

/// It stands on something that is not in the request.
fn outside(name: &str, what: &str) -> Refusal {
    Refusal::outside(format!("`{name}` is not let through: {what}")).about(name)
}
