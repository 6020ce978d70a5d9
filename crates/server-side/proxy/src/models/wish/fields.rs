//! Values of fields, and the refusals of those that have not the right form.

use std::fmt;

use letsbe_types::asked::{Fields, whole};
use serde::{
    Deserialize, Deserializer as _,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::refusal::Refusal;

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
pub(super) fn list<'a>(
    value: &'a RawValue,
    name: &str,
    mut each: impl FnMut(&'a RawValue, &str) -> Result<String, Refusal>,
) -> Result<String, Refusal> {
    let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| wrong_form(name))?;
    let mut written = List::with_room(value);
    for (number, item) in items.into_iter().enumerate() {
        written.push(&each(item, &format!("{name}[{number}]"))?);
    }
    Ok(written.end())
}

/// A list of objects, each of which is written anew.
pub(super) fn objects<'a>(
    value: &'a RawValue,
    name: &str,
    mut each: impl FnMut(Vec<(String, &'a RawValue)>, &str) -> Result<String, Refusal>,
) -> Result<String, Refusal> {
    // Conversations are long: where all is as it should be they are read once, and never held as a whole.
    let mut items =
        Items { name, each: &mut each, number: 0, written: List::with_room(value), refusal: None };
    let read = serde_json::Deserializer::from_str(value.get()).deserialize_seq(&mut items);
    match (read, items.refusal) {
        (Ok(()), _) => Ok(items.written.end()),
        (Err(_), Some(refusal)) => Err(refusal),
        // It is told which item is no object.
        (Err(_), None) => list(value, name, |item, name| each(object(item, name)?, name)),
    }
}

/// A JSON list that is being written.
struct List(String);

impl List {
    /// As long as this one.
    fn with_room(value: &RawValue) -> Self {
        Self(String::with_capacity(value.get().len() + 1))
    }

    fn push(&mut self, item: &str) {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        self.0.push_str(item);
    }

    fn end(self) -> String {
        if self.0.is_empty() { "[]".to_owned() } else { self.0 + "]" }
    }
}

/// Objects of a list as they are read.
struct Items<'n, F> {
    name: &'n str,
    each: F,
    number: usize,
    written: List,
    refusal: Option<Refusal>,
}

impl<'de, F> Visitor<'de> for &mut Items<'_, F>
where
    F: FnMut(Vec<(String, &'de RawValue)>, &str) -> Result<String, Refusal>,
{
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(Fields(fields)) = items.next_element()? {
            match (self.each)(fields, &format!("{}[{}]", self.name, self.number)) {
                Ok(item) => self.written.push(&item),
                Err(refusal) => {
                    self.refusal = Some(refusal);
                    return Err(A::Error::custom("it is refused"));
                }
            }
            self.number += 1;
        }
        Ok(())
    }
}
