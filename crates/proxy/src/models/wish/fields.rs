//! Values of fields, and the refusals of those that have not the right form.

use letsbe_types::asked::{Fields, whole};
use serde::Deserialize;
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
