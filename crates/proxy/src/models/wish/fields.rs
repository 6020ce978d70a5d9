//! JSON objects, read and written one level at a time; what stands deeper stays as it came.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{json, value::RawValue};

use crate::refusal::Refusal;

/// Most fields on one level.
const FIELDS: usize = 128;
/// Above this a number with a fraction's form may not be the one that was meant.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A field's value; `null` is none.
pub(super) fn read<'a, T: Deserialize<'a>>(
    value: Option<&'a RawValue>,
    name: &str,
) -> Result<Option<T>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    serde_json::from_str(value.get()).map_err(|_| wrong_form(name))
}

/// A whole number, however it is written (`50.0` is 50); `null` is none.
pub(super) fn read_count(value: Option<&RawValue>, name: &str) -> Result<Option<u64>, Refusal> {
    match value.map(|value| whole(value.get())) {
        Some(Some(text)) => text.parse().map(Some).map_err(|_| wrong_form(name)),
        _ => read(value, name),
    }
}

/// A number without a fraction, written without one; `None` if it is another value.
pub(super) fn whole(text: &str) -> Option<String> {
    let number: f64 = text.parse().ok()?;
    let is_written_with_one = text.contains(['.', 'e', 'E']);
    let is_whole = is_written_with_one && number.fract() == 0.0 && number.abs() <= EXACT;
    is_whole.then(|| format!("{number:.0}"))
}

pub(super) fn wrong_form(name: &str) -> Refusal {
    Refusal::bad_body(format!("the field `{name}` does not have the right form")).about(name)
}

pub(super) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// The fields of an object.
pub(super) fn object<'a>(value: &'a RawValue, name: &str) -> Result<Vec<(String, &'a RawValue)>, Refusal> {
    let Fields(fields) = serde_json::from_str(value.get()).map_err(|_| wrong_form(name))?;
    Ok(fields)
}

/// A list, each of whose items is written anew.
pub(super) fn list(
    value: &RawValue,
    name: &str,
    mut each: impl FnMut(&RawValue, &str) -> Result<String, Refusal>,
) -> Result<String, Refusal> {
    let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| wrong_form(name))?;
    let mut written = String::with_capacity(value.get().len());
    for (number, item) in items.into_iter().enumerate() {
        written.push(if number == 0 { '[' } else { ',' });
        written.push_str(&each(item, &format!("{name}[{number}]"))?);
    }
    Ok(if written.is_empty() { "[]".to_owned() } else { written + "]" })
}

/// A JSON object that is being written.
#[derive(Default)]
pub(super) struct Written(String);

impl Written {
    pub(super) fn push(&mut self, key: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&json!(key).to_string());
        self.0.push(':');
        self.0.push_str(value);
    }

    pub(super) fn end(self) -> String {
        if self.0.is_empty() { "{}".to_owned() } else { self.0 + "}" }
    }
}

/// One level of an object, in its order. A name that stands there twice is refused: two readers could take two
/// different ones.
pub(super) struct Fields<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<(String, &'de RawValue)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
            if fields.len() >= FIELDS || fields.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom("too many fields, or one of them twice"));
            }
            fields.push((key, value));
        }
        Ok(Fields(fields))
    }
}
