//! JSON as it is looked through: texts are borrowed from the body as long as they stay as they are, and remember that
//! nothing was found in them.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use crate::index::Found;
use crate::known::Known;

/// A document or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Document<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Text<'a>),
    List(Vec<Self>),
    Fields(Fields<'a>),
}

/// A string that is a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    /// Borrowed only where it is written in JSON as it is, without escapes.
    text: Cow<'a, str>,
    /// Neither as it stands there nor by its letters it has a value that an index finds.
    is_clean: bool,
}

impl<'a> Text<'a> {
    const fn new(text: Cow<'a, str>) -> Self {
        Self { text, is_clean: false }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Another text: nothing is known of it.
    pub(crate) fn set(&mut self, text: String) {
        *self = Self::new(Cow::Owned(text));
    }

    /// No index finds anything in it.
    pub(crate) fn is_clean(&mut self) {
        self.is_clean = true;
    }

    /// What [`Known::find`] finds in it.
    pub(crate) fn found(&self, known: &Known) -> Vec<Found> {
        let bytes = self.text.as_bytes();
        if self.is_clean { known.shortest(bytes).collect() } else { known.find(bytes) }
    }
}

/// Fields of an object, in the order of their names; none twice.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, Document<'a>)>);

impl<'a> Fields<'a> {
    /// Of two fields with one name the later one counts, as most readers have it.
    fn new(mut fields: Vec<(Cow<'a, str>, Document<'a>)>) -> Self {
        if !fields.is_sorted_by(|(a, _), (b, _)| a < b) {
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            fields.dedup_by(|later, earlier| {
                let is_same = later.0 == earlier.0;
                if is_same {
                    std::mem::swap(later, earlier);
                }
                is_same
            });
        }
        Self(fields)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|(name, _)| &**name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Document<'a>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Document<'a>)> {
        self.0.iter_mut().map(|(name, value)| (&**name, value))
    }

    pub(crate) fn name(&self, at: usize) -> &str {
        &self.0[at].0
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> (&str, &mut Document<'a>) {
        let (name, value) = &mut self.0[at];
        (name, value)
    }

    /// Other names for the fields at these places, which are in order. A field that had such a name goes.
    pub(crate) fn rename(&mut self, names: Vec<(usize, String)>) {
        let mut names = names.into_iter().peekable();
        let (mut fields, mut renamed) = (Vec::new(), Vec::new());
        for (at, field) in std::mem::take(&mut self.0).into_iter().enumerate() {
            match names.next_if(|(place, _)| *place == at) {
                Some((_, name)) => renamed.push((Cow::Owned(name), field.1)),
                None => fields.push(field),
            }
        }
        fields.append(&mut renamed);
        *self = Self::new(fields);
    }
}

impl<'a> Document<'a> {
    /// Reads JSON.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn read(json: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
    }

    pub(crate) fn text(text: String) -> Self {
        Self::Text(Text::new(Cow::Owned(text)))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Writes it as `serde_json` writes a [`Value`].
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            // A vector takes everything.
            Self::Number(number) => drop(write!(out, "{number}")),
            Self::Text(Text { text: Cow::Borrowed(text), .. }) => write_as_it_is(text, out),
            Self::Text(Text { text: Cow::Owned(text), .. }) => write_escaped(text, out),
            Self::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Fields(fields) => {
                out.push(b'{');
                for (at, (name, value)) in fields.0.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    match name {
                        Cow::Borrowed(name) => write_as_it_is(name, out),
                        Cow::Owned(name) => write_escaped(name, out),
                    }
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

impl fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// So many bytes are looked at together.
const BLOCK: usize = 32;

/// Of a text that is borrowed from JSON: nothing in it is escaped.
fn write_as_it_is(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let (mut position, mut written) = (0, 0);
    out.push(b'"');
    while position < bytes.len() {
        if bytes[position..].first_chunk().is_some_and(has_no_escape) {
            position += BLOCK;
            continue;
        }
        let end = bytes.len().min(position + BLOCK);
        for at in (position..end).filter(|at| is_escaped(bytes[*at])) {
            out.extend_from_slice(&bytes[written..at]);
            written = at + 1;
            write_escape(bytes[at], out);
        }
        position = end;
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

const fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn has_no_escape(block: &[u8; BLOCK]) -> bool {
    !block.iter().fold(false, |any, byte| any | is_escaped(*byte))
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0C => out.extend_from_slice(b"\\f"),
        other => drop(write!(out, "\\u{other:04x}")),
    }
}

impl From<Value> for Document<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (Cow::Owned(name), value.into()));
                Self::Fields(Fields::new(fields.collect()))
            }
        }
    }
}

impl From<Document<'_>> for Value {
    fn from(document: Document<'_>) -> Self {
        match document {
            Document::Null => Self::Null,
            Document::Bool(value) => Self::Bool(value),
            Document::Number(number) => Self::Number(number),
            Document::Text(text) => Self::String(text.text.into_owned()),
            Document::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Document::Fields(fields) => {
                let fields = fields.0.into_iter().map(|(name, value)| (name.into_owned(), value.into()));
                Self::Object(fields.collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Document<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Document<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Document::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Document::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Document::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Document::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(value).map_or(Document::Null, Document::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Document::Text(Text::new(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Document::text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Document::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((Name(name), value)) = entries.next_entry()? {
            fields.push((name, value));
        }
        Ok(Document::Fields(Fields::new(fields)))
    }
}

/// A name of a field.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AnyName)
    }
}

struct AnyName;

impl<'de> Visitor<'de> for AnyName {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}
