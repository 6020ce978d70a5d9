//! Variables in a value, as docker compose puts them in: `$NAME`, `${NAME}`, `${NAME:-default}` and its like. A dollar that
//! begins no name is a dollar.

use letsbe_types::Secret;

use super::Assignment;

/// The longest value: variables in values could otherwise make a small file grow without end.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// Defaults within defaults.
const DEPTH_MAX: usize = 8;

/// Why a value is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// A brace is not closed.
    NoEnd,
    /// It grows too long.
    TooLong,
}

type Expanded = Result<Option<Secret<String>>, Refused>;

/// A value with the variables of `earlier` in it. `None` where more than the file decides: a variable that is not in it.
/// One with a default has that: what starts the tools sets no variables of its own.
pub(super) fn expanded(value: &str, earlier: &[Assignment]) -> Expanded {
    within(value, earlier, DEPTH_MAX)
}

fn within(value: &str, earlier: &[Assignment], depth: usize) -> Expanded {
    let mut result = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        if let Some(braced) = after.strip_prefix('{') {
            let end = closing(braced).ok_or(Refused::NoEnd)?;
            let Some(found) = braced_value(&braced[..end], earlier, depth)? else { return Ok(None) };
            result.push_str(found.expose());
            rest = &braced[end + 1..];
        } else if after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let (name, after) = after.split_at(after.find(|c| !is_of_name(c)).unwrap_or(after.len()));
            let Found::Known(found) = find(name, earlier) else { return Ok(None) };
            result.push_str(found.expose());
            rest = after;
        } else {
            result.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
        if result.len() > VALUE_BYTES_MAX {
            return Err(Refused::TooLong);
        }
    }
    result.push_str(rest);
    Ok(Some(Secret::new(result)))
}

/// What stands in braces: a name, and what to do without a value.
fn braced_value(inner: &str, earlier: &[Assignment], depth: usize) -> Expanded {
    let (name, rule) = inner.split_at(inner.find(|c| !is_of_name(c)).unwrap_or(inner.len()));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || depth == 0 {
        return Ok(None);
    }
    let found = find(name, earlier);
    // With a colon an empty value is none.
    let (counts_empty, rule) = rule.strip_prefix(':').map_or((true, rule), |rule| (false, rule));
    let value = match &found {
        Found::Unknown => return Ok(None),
        Found::Known(value) if counts_empty || !value.expose().is_empty() => Some((*value).clone()),
        Found::Known(_) | Found::Absent => None,
    };
    let mut letters = rule.chars();
    match (letters.next(), value) {
        (None, value) if counts_empty => Ok(value),
        (Some('-'), Some(value)) => Ok(Some(value)),
        (Some('-'), None) | (Some('+'), Some(_)) => within(letters.as_str(), earlier, depth - 1),
        (Some('+'), None) => Ok(Some(Secret::new(String::new()))),
        (Some('?'), value) => Ok(value),
        _ => Ok(None),
    }
}

/// Where the brace that is open is closed; one of a variable in a default is another.
fn closing(text: &str) -> Option<usize> {
    let (mut open, mut before) = (0_usize, ' ');
    for (index, character) in text.char_indices() {
        match character {
            '{' if before == '$' => open += 1,
            '}' if open == 0 => return Some(index),
            '}' => open -= 1,
            _ => {}
        }
        before = character;
    }
    None
}

enum Found<'a> {
    Known(&'a Secret<String>),
    /// In the file, but with a value that the file does not decide.
    Unknown,
    Absent,
}

fn find<'a>(name: &str, earlier: &'a [Assignment]) -> Found<'a> {
    match earlier.iter().rev().find(|one| one.name == name) {
        Some(Assignment { value: Some(value), .. }) => Found::Known(value),
        Some(_) => Found::Unknown,
        None => Found::Absent,
    }
}

const fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
