//! Looks through JSON: every string, every key, and what is JSON inside a string.

use std::borrow::Cow;

use serde_json::Value;

use crate::clean::Clean;
use crate::document::{Document, Fields, Text};
use crate::request::Reader;
use crate::text::Rules;
use crate::{Findings, RedactError, Redactor, keys};

const DEPTH_MAX: usize = 64;
/// Smaller numbers have too few digits for a secret.
const SECRET_NUMBER_MIN: u64 = 10_000_000;
/// Under these keys stand identifiers and sealed state of a provider: random, of no use to anybody else, and refused by
/// the provider if they do not come back as they were. Only known values are looked for there.
fn is_opaque(key: &str) -> bool {
    key.ends_with("signature")
        || key.ends_with("Signature")
        || key.starts_with("encrypted_")
        || matches!(
            key,
            "id" | "call_id"
                | "tool_call_id"
                | "tool_use_id"
                | "response_id"
                | "item_id"
                | "previous_response_id"
                | "conversation_id"
                | "container_id"
                | "file_id"
                | "system_fingerprint"
                | "obfuscation"
                | "redactedContent"
                | "redacted_content"
        )
}

/// Of an object of one of these types, `data` is sealed too.
const SEALED: [&str; 2] = ["reasoning.encrypted", "redacted_thinking"];
/// Under these keys a `data:` address may stand.
fn may_be_media(key: &str) -> bool {
    matches!(key, "url" | "image_url" | "file_data" | "data")
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    key: &'a str,
    /// Under which key the object stands that has the key.
    parent: &'a str,
    /// The object that has the key says that it holds sealed state.
    is_sealed: bool,
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
    const ROOT: Self =
        Self { key: "", parent: "", is_sealed: false, in_tools: false, in_schema: false, depth: 0 };

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
        let media = may_be_media(self.key) && text.starts_with("data:")
            || self.key == "data" && (self.parent == "input_audio" || self.is_sealed);
        if media || is_opaque(self.key) { Rules::RandomByNature } else { Rules::All }
    }
}

/// What was seen in one body so far.
struct Look<'a> {
    /// Of whole documents, those in texts too.
    reader: Reader<'a>,
    findings: Findings,
    /// Something was taken out.
    changed: bool,
    /// Texts in which nothing was found.
    texts: Clean,
    /// Names of fields in which nothing was found, and that name no secret.
    names: Clean,
}

impl Redactor {
    /// A JSON body without secrets. It is always written anew: what was looked at is what is sent.
    ///
    /// # Errors
    /// When it is no JSON, nested deeper than 64, or a known secret would still be in it: the caller must not send it.
    pub fn json_body(&self, body: &[u8]) -> Result<Vec<u8>, RedactError> {
        let text = str::from_utf8(body).map_err(|_| RedactError::NotJson("it is no UTF-8".to_owned()))?;
        let mut document =
            Document::read(text).map_err(|error| RedactError::NotJson(without_content(&error)))?;
        let findings = self.document(&mut document)?;
        let mut out = Vec::with_capacity(body.len());
        document.write(&mut out);
        let remaining = if findings.is_empty() {
            self.known.remaining_over_signs(&out)
        } else {
            self.known.remaining(&out)
        };
        match remaining {
            Some(what) => Err(RedactError::Remains(self.known.name(what).to_owned())),
            None => Ok(out),
        }
    }

    /// Takes the secrets out of a JSON value and says what they were.
    ///
    /// # Errors
    /// When it is nested deeper than 64: then nothing is left of it.
    pub fn json_value(&self, value: &mut Value) -> Result<Findings, RedactError> {
        let mut document = Document::from(value.take());
        let findings = self.document(&mut document)?;
        *value = document.into();
        Ok(findings)
    }

    fn document(&self, document: &mut Document<'_>) -> Result<Findings, RedactError> {
        let mut look = Look {
            reader: Reader::new(&self.known),
            findings: Findings::default(),
            changed: false,
            texts: Clean::new(),
            names: Clean::new(),
        };
        self.whole_request(document, &mut look.reader, &mut look.findings)?;
        self.walk(document, Place::ROOT, &mut look)?;
        Ok(look.findings)
    }

    fn walk(
        &self,
        value: &mut Document<'_>,
        place: Place<'_>,
        look: &mut Look<'_>,
    ) -> Result<(), RedactError> {
        match value {
            Document::Text(text) => self.string(text, place, look),
            Document::List(items) => {
                let inside = place.deeper()?;
                items.iter_mut().try_for_each(|item| self.walk(item, inside, look))
            }
            Document::Fields(fields) => self.object(fields, place.deeper()?, look),
            Document::Number(number) if number.as_u64().is_none_or(|number| number >= SECRET_NUMBER_MIN) => {
                let number = number.to_string();
                let found = self.known.find(number.as_bytes());
                if let Some(redacted) = self.by_value(&number, found, &mut look.findings) {
                    *value = Document::text(redacted);
                    look.changed = true;
                }
                Ok(())
            }
            Document::Null | Document::Bool(_) | Document::Number(_) => Ok(()),
        }
    }

    fn object(
        &self,
        fields: &mut Fields<'_>,
        place: Place<'_>,
        look: &mut Look<'_>,
    ) -> Result<(), RedactError> {
        let (mut predicted, mut is_sealed) = (false, false);
        for (key, value) in fields.iter() {
            match key {
                // A token that a model predicted, not one that opens something.
                "logprob" => predicted = value.as_number().is_some(),
                "type" => is_sealed = value.as_str().is_some_and(self::is_sealed),
                _ => {}
            }
        }
        let mut renamed = Vec::new();
        for (at, (key, value)) in fields.iter_mut().enumerate() {
            let inner = Place { is_sealed, ..place }.under(key);
            // In `names` are only those that name no secret.
            let is_clean = look.names.has(key, Rules::All);
            let names_a_secret = !is_clean && keys::names_a_secret(key);
            if names_a_secret && !predicted && !inner.in_schema {
                self.named(key, value, look);
            }
            self.walk(value, inner, look)?;
            if is_clean {
                continue;
            }
            match self.looked_through(key, Rules::All, &mut look.findings) {
                Cow::Owned(new) if new != *key => renamed.push((at, new)),
                _ if !names_a_secret => look.names.add(key, Rules::All),
                _ => {}
            }
        }
        if !renamed.is_empty() {
            fields.rename(renamed);
            look.changed = true;
        }
        Ok(())
    }

    /// Rules 1 and 4 for the strings under a key that names a secret: one that is known keeps its name.
    fn named(&self, key: &str, value: &mut Document<'_>, look: &mut Look<'_>) {
        match value {
            Document::Text(text) => {
                let found = text.found(&self.known);
                if let Some(redacted) = self.by_value(text.as_str(), found, &mut look.findings) {
                    text.set(redacted);
                    look.changed = true;
                }
                if keys::hides_something(text.as_str()) {
                    text.set(self.by_key(key, text.as_str(), &mut look.findings));
                    look.changed = true;
                }
            }
            Document::List(items) => {
                for item in items.iter_mut().filter(|item| item.as_str().is_some()) {
                    self.named(key, item, look);
                }
            }
            _ => {}
        }
    }

    fn string(&self, text: &mut Text<'_>, place: Place<'_>, look: &mut Look<'_>) -> Result<(), RedactError> {
        // Of JSON in a text this is never known.
        if look.texts.has(text.as_str(), Rules::All) {
            return Ok(());
        }
        let is_json = self.json_in(text, place, look)?;
        let rules = if is_json { Rules::RandomByNature } else { place.rules(text.as_str()) };
        if rules != Rules::All && look.texts.has(text.as_str(), rules) {
            return Ok(());
        }
        match self.text_looked_through(text, rules, &mut look.findings) {
            Cow::Owned(new) if new != text.as_str() => {
                text.set(new);
                look.changed = true;
            }
            _ => look.texts.add(text.as_str(), rules),
        }
        Ok(())
    }

    /// Looks through the JSON that a text is. False if it is none.
    fn json_in(
        &self,
        text: &mut Text<'_>,
        place: Place<'_>,
        look: &mut Look<'_>,
    ) -> Result<bool, RedactError> {
        let Some(mut inner) = json_inside(text.as_str()) else { return Ok(false) };
        let changed_before = std::mem::take(&mut look.changed);
        let inside = Place { key: "", parent: "", is_sealed: false, ..place }.deeper()?;
        look.changed |= self.whole_request(&mut inner, &mut look.reader, &mut look.findings)?;
        self.walk(&mut inner, inside, look)?;
        // An escape is not in what was looked at: then it is written anew too.
        if look.changed || text.as_str().contains('\\') {
            text.set(inner.to_string());
            look.changed = true;
        }
        look.changed |= changed_before;
        Ok(true)
    }
}

/// An object or array that is written in a string, such as the arguments of a tool call.
fn json_inside(text: &str) -> Option<Document<'_>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    Document::read(text).ok()
}

/// Where parsing failed; the message itself may quote the body.
fn without_content(error: &serde_json::Error) -> String {
    format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column())
}
