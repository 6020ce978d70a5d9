//! Looks through JSON: every string, every key, and what is JSON inside a string.

use serde_json::{Map, Value};

use crate::text::Rules;
use crate::{Findings, RedactError, Redactor, keys};

const DEPTH_MAX: usize = 64;
/// Smaller numbers have too few digits for a secret.
const SECRET_NUMBER_MIN: u64 = 10_000_000;
/// Under these keys stand identifiers and sealed state of a provider: random, of no use to anybody else, and refused by
/// the provider if they do not come back as they were. Only known values are looked for there.
const OPAQUE: [&str; 13] = [
    "encrypted_content",
    "signature",
    "thought_signature",
    "thoughtSignature",
    "id",
    "call_id",
    "tool_call_id",
    "tool_use_id",
    "response_id",
    "item_id",
    "previous_response_id",
    "system_fingerprint",
    "obfuscation",
];
/// Of an object of one of these types, `data` is sealed too.
const SEALED: [&str; 2] = ["reasoning.encrypted", "redacted_thinking"];
/// Under these keys a `data:` address may stand.
const MEDIA: [&str; 4] = ["url", "image_url", "file_data", "data"];

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    key: &'a str,
    /// Under which key the object stands that has the key.
    parent: &'a str,
    /// What the object that has the key says it is.
    kind: &'a str,
    /// The names of tools' parameters are no names of secrets.
    in_tools: bool,
    in_schema: bool,
    depth: usize,
}

/// Whether an object of this type holds sealed state.
pub(crate) fn is_sealed(kind: &str) -> bool {
    SEALED.contains(&kind)
}

impl<'a> Place<'a> {
    const ROOT: Self = Self { key: "", parent: "", kind: "", in_tools: false, in_schema: false, depth: 0 };

    fn deeper(self) -> Result<Self, RedactError> {
        if self.depth == DEPTH_MAX {
            return Err(RedactError::NotJson(format!("it is nested more than {DEPTH_MAX} deep")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn under(self, key: &'a str) -> Self {
        Self {
            key,
            parent: self.key,
            in_tools: self.in_tools || (self.depth == 1 && key == "tools"),
            in_schema: self.in_schema || (self.in_tools && ["parameters", "input_schema"].contains(&key)),
            ..self
        }
    }

    fn rules(self, text: &str) -> Rules {
        let media = MEDIA.contains(&self.key) && text.starts_with("data:")
            || self.key == "data" && (self.parent == "input_audio" || is_sealed(self.kind));
        if media || OPAQUE.contains(&self.key) { Rules::RandomByNature } else { Rules::All }
    }
}

impl Redactor {
    /// A JSON body without secrets. It is always written anew: what was looked at is what is sent.
    ///
    /// # Errors
    /// When it is no JSON, nested deeper than 64, or a known secret would still be in it: the caller must not send it.
    pub fn json_body(&self, body: &[u8]) -> Result<Vec<u8>, RedactError> {
        let mut value: Value =
            serde_json::from_slice(body).map_err(|error| RedactError::NotJson(without_content(&error)))?;
        self.json_value(&mut value)?;
        let body =
            serde_json::to_vec(&value).map_err(|error| RedactError::NotJson(without_content(&error)))?;
        match self.known.remaining(&body) {
            Some(what) => Err(RedactError::Remains(self.known.name(what).to_owned())),
            None => Ok(body),
        }
    }

    /// Takes the secrets out of a JSON value and says what they were.
    ///
    /// # Errors
    /// When it is nested deeper than 64.
    pub fn json_value(&self, value: &mut Value) -> Result<Findings, RedactError> {
        let mut findings = Findings::default();
        self.whole_request(value, &mut findings)?;
        self.walk(value, Place::ROOT, &mut findings)?;
        Ok(findings)
    }

    fn walk(&self, value: &mut Value, place: Place<'_>, findings: &mut Findings) -> Result<(), RedactError> {
        match value {
            Value::String(text) => self.string(text, place, findings),
            Value::Array(items) => {
                let inside = place.deeper()?;
                items.iter_mut().try_for_each(|item| self.walk(item, inside, findings))
            }
            Value::Object(fields) => self.object(fields, place.deeper()?, findings),
            Value::Number(number) if number.as_u64().is_none_or(|number| number >= SECRET_NUMBER_MIN) => {
                if let Some(redacted) = self.by_value(&number.to_string(), findings) {
                    *value = Value::String(redacted);
                }
                Ok(())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn object(
        &self,
        fields: &mut Map<String, Value>,
        place: Place<'_>,
        findings: &mut Findings,
    ) -> Result<(), RedactError> {
        // A token that a model predicted, not one that opens something.
        let predicted = fields.get("logprob").is_some_and(Value::is_number);
        let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut renamed = Vec::new();
        for (key, value) in fields.iter_mut() {
            let inner = Place { kind: &kind, ..place }.under(key);
            if keys::names_a_secret(key) && !predicted && !inner.in_schema {
                self.named(key, value, findings);
            }
            self.walk(value, inner, findings)?;
            let looked_through = self.looked_through(key, Rules::All, findings);
            if looked_through != key.as_str() {
                renamed.push((key.clone(), looked_through.into_owned()));
            }
        }
        for (key, new) in renamed {
            if let Some(value) = fields.remove(&key) {
                fields.insert(new, value);
            }
        }
        Ok(())
    }

    /// Rules 1 and 4 for the strings under a key that names a secret: one that is known keeps its name.
    fn named(&self, key: &str, value: &mut Value, findings: &mut Findings) {
        match value {
            Value::String(text) => {
                if let Some(redacted) = self.by_value(text, findings) {
                    *text = redacted;
                }
                if keys::hides_something(text) {
                    *text = self.by_key(key, text, findings);
                }
            }
            Value::Array(items) => {
                for item in items.iter_mut().filter(|item| item.is_string()) {
                    self.named(key, item, findings);
                }
            }
            _ => {}
        }
    }

    fn string(
        &self,
        text: &mut String,
        place: Place<'_>,
        findings: &mut Findings,
    ) -> Result<(), RedactError> {
        let inner = json_inside(text);
        let is_json = inner.is_some();
        if let Some(mut inner) = inner {
            let before = inner.clone();
            let inside = Place { key: "", parent: "", kind: "", ..place }.deeper()?;
            self.whole_request(&mut inner, findings)?;
            self.walk(&mut inner, inside, findings)?;
            // An escape is not in what was looked at: then it is written anew too.
            if inner != before || text.contains('\\') {
                *text = inner.to_string();
            }
        }
        let rules = if is_json { Rules::RandomByNature } else { place.rules(text) };
        let looked_through = self.looked_through(text, rules, findings);
        if looked_through != text.as_str() {
            *text = looked_through.into_owned();
        }
        Ok(())
    }
}

/// An object or array that is written in a string, such as the arguments of a tool call.
fn json_inside(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Where parsing failed; the message itself may quote the body.
fn without_content(error: &serde_json::Error) -> String {
    format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column())
}
