//! Files of environment variables as docker compose reads them (`env_file`), ours and those that people edited.
//!
//! It must never quote what it reads, and never change more than the value it was asked to change.

mod expand;

use std::{collections::BTreeMap, ops::Range};

use letsbe_types::Secret;
use thiserror::Error;

/// The largest file that is read.
pub const ENV_FILE_BYTES_MAX: usize = 1 << 20;
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Why a file was refused, or a value cannot stand in it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EnvFileError {
    /// It is no file of environment variables, or not finished.
    #[error("line {line} {why}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is too large.
    #[error("it is larger than {ENV_FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// It is no text.
    #[error("it is no text in UTF-8")]
    NoText,
    /// There is no such variable.
    #[error("it has no variable {0}")]
    Unknown(String),
    /// A value that readers would understand in different ways.
    #[error("the value for {0} holds a quote or a line break, or ends in a backslash")]
    Unsafe(String),
}

/// One assignment.
#[derive(Debug)]
struct Assignment {
    name: String,
    /// `None` where the value depends on more than this file.
    value: Option<Secret<String>>,
    /// Where the value stands, its quotes counted.
    place: Range<usize>,
}

/// A file of environment variables.
#[derive(Debug)]
pub struct EnvFile {
    text: Secret<String>,
    assignments: Vec<Assignment>,
}

impl EnvFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When docker compose would not accept it.
    pub fn parse(content: &[u8]) -> Result<Self, EnvFileError> {
        if content.len() > ENV_FILE_BYTES_MAX {
            return Err(EnvFileError::TooLarge);
        }
        let text = std::str::from_utf8(content).map_err(|_| EnvFileError::NoText)?;
        let mut reader = Reader { text, at: 0, assignments: Vec::new() };
        if text.starts_with(BYTE_ORDER_MARK) {
            reader.at = BYTE_ORDER_MARK.len();
        }
        while reader.statement()? {}
        Ok(Self { assignments: reader.assignments, text: Secret::from(text) })
    }

    /// A variable's value: the last one counts. `None` if there is none, or it depends on more than this file.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret<String>> {
        self.assignments.iter().rev().find(|assignment| assignment.name == name)?.value.as_ref()
    }

    /// All variables whose values this file decides, by name.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<&str, &Secret<String>> {
        // Of one name the last stays; without a value it takes the ones before it away.
        let last: BTreeMap<&str, Option<&Secret<String>>> =
            self.assignments.iter().map(|it| (it.name.as_str(), it.value.as_ref())).collect();
        last.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Every assignment in its order, a name as often as it stands there; without a value as in [`EnvFile::get`].
    pub(crate) fn assigned(&self) -> impl Iterator<Item = (&str, Option<&Secret<String>>)> {
        self.assignments.iter().map(|it| (it.name.as_str(), it.value.as_ref()))
    }

    /// The file with another value for a variable that it has; everything else stays byte for byte.
    ///
    /// # Errors
    /// When it has no such variable, or the value cannot stand in such a file.
    pub fn with(&self, name: &str, value: &Secret<String>) -> Result<Secret<String>, EnvFileError> {
        let last = self.assignments.iter().rev().find(|assignment| assignment.name == name);
        let place = &last.ok_or_else(|| EnvFileError::Unknown(name.to_owned()))?.place;
        let text = self.text.expose();
        let written = written(value.expose()).ok_or_else(|| EnvFileError::Unsafe(name.to_owned()))?;
        // Behind a closing quote may stand what would belong to a value without one.
        let behind = text[place.end..].split('\n').next().unwrap_or_default();
        let bare = text[place.clone()].starts_with(['\'', '"']) && !behind.trim().is_empty();
        let written = if bare && !written.starts_with('\'') { format!("'{written}'") } else { written };
        Ok(Secret::new(format!("{}{written}{}", &text[..place.start], &text[place.end..])))
    }
}

/// A value as the catalog's renderer writes it: plain where every reader agrees, else in single quotes.
pub(crate) fn written(value: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:+=@,%".contains(&byte);
    if value.contains(['\n', '\r', '\'', '\0']) || value.ends_with('\\') {
        None
    } else if !value.is_empty() && value.bytes().all(plain) {
        Some(value.to_owned())
    } else {
        Some(format!("'{value}'"))
    }
}

/// Goes through a text once.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    assignments: Vec<Assignment>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn refuse(&self, why: &'static str) -> EnvFileError {
        EnvFileError::Line { line: 1 + self.text[..self.at].matches('\n').count(), why }
    }

    /// Reads one statement; false at the end.
    fn statement(&mut self) -> Result<bool, EnvFileError> {
        loop {
            self.at = self.text.len() - self.rest().trim_start().len();
            match self.rest().chars().next() {
                None => return Ok(false),
                Some('#') => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                Some(_) => break,
            }
        }
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with(char::is_whitespace)
        {
            self.at = self.text.len() - after.trim_start().len();
        }
        let Some((name, separator)) = self.name()? else { return Ok(true) };
        self.at += separator;
        self.at = self.text.len() - self.rest().trim_start_matches(is_blank).len();
        let (value, length) = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            _ => self.plain()?,
        };
        let place = self.at..self.at + length;
        self.at = place.end;
        self.assignments.push(Assignment { name, value, place });
        Ok(true)
    }

    /// The name and where its separator ends; `None` for a name without a value, which the environment decides.
    fn name(&mut self) -> Result<Option<(String, usize)>, EnvFileError> {
        for (index, character) in self.rest().char_indices() {
            match character {
                '=' | ':' | '\n' => {
                    let name = self.rest()[..index].trim_end().to_owned();
                    if name.contains(' ') {
                        return Err(self.refuse("has a name with a space in it"));
                    }
                    if name.is_empty() {
                        return Err(self.refuse("has a value without a name"));
                    }
                    if character == '\n' {
                        self.at += index + 1;
                        return Ok(None);
                    }
                    return Ok(Some((name, index + 1)));
                }
                '_' | '.' | '-' | '[' | ']' => {}
                other if is_blank(other) || other.is_alphanumeric() => {}
                _ => return Err(self.refuse("has a name with a character that names do not have")),
            }
        }
        // The last line, without an end and without a separator: perhaps it is still being written.
        Err(self.refuse("is not NAME=value"))
    }

    fn plain(&self) -> Result<(Option<Secret<String>>, usize), EnvFileError> {
        let line = self.rest().split('\n').next().unwrap_or_default();
        let value = line.split(" #").next().unwrap_or_default().trim_end();
        Ok((self.expanded(value)?, value.len()))
    }

    fn quoted(&self, quote: char) -> Result<(Option<Secret<String>>, usize), EnvFileError> {
        let mut escaped = false;
        for (index, character) in self.rest().char_indices().skip(1) {
            if character != quote || escaped {
                escaped = character == '\\' && !escaped;
                continue;
            }
            let inner = self.rest()[1..index].to_owned();
            let value = if quote == '\'' {
                Some(Secret::new(without_escaped_quotes(&inner)))
            } else {
                self.expanded(&unescaped(&inner))?
            };
            return Ok((value, index + 1));
        }
        Err(self.refuse("begins a quote that does not end"))
    }

    /// Puts earlier variables of this file in. `None` where more than this file decides.
    fn expanded(&self, value: &str) -> Result<Option<Secret<String>>, EnvFileError> {
        expand::expanded(value, &self.assignments).map_err(|error| match error {
            expand::Refused::NoEnd => self.refuse("has a variable in its value that does not end"),
            expand::Refused::TooLong => self.refuse("has a value that is too long"),
        })
    }
}

/// White space within a line.
const fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// Within single quotes a backslash means nothing but before a quote.
fn without_escaped_quotes(inner: &str) -> String {
    let mut result = String::new();
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('\\') {
        result.push_str(before);
        let (kept, skipped) = match after.as_bytes().first() {
            Some(b'\'') => ("'", 1),
            Some(b'\\') => ("\\\\", 1),
            _ => ("\\", 0),
        };
        result.push_str(kept);
        rest = &after[skipped..];
    }
    result + rest
}

/// What double quotes let a backslash mean. An escaped dollar sign stays one: it is doubled for the expansion.
fn unescaped(value: &str) -> String {
    let mut result = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('\\') {
        result.push_str(before);
        let (meaning, length) = escape(after);
        match meaning {
            Some(meaning) => result.push_str(&meaning),
            None => result.push('\\'),
        }
        rest = &after[length..];
    }
    result + rest
}

/// What follows a backslash: its meaning, and how many bytes it takes.
fn escape(after: &str) -> (Option<String>, usize) {
    let known = match after.as_bytes().first() {
        Some(b'a') => "\u{7}",
        Some(b'b') => "\u{8}",
        Some(b'f') => "\u{c}",
        Some(b'n') => "\n",
        Some(b'r') => "\r",
        Some(b't') => "\t",
        Some(b'v') => "\u{b}",
        Some(b'$') => "$$",
        Some(b'"') => "\"",
        Some(b'\\') => "\\",
        Some(b'0') => {
            let digits = after.bytes().skip(1).take(3).take_while(|byte| (b'0'..b'8').contains(byte)).count();
            let code = u32::from_str_radix(&after[1..=digits], 8).ok().filter(|_| digits == 3);
            let meaning = code.and_then(char::from_u32).filter(|meaning| u32::from(*meaning) < 256);
            return match meaning {
                Some(meaning) => (Some(meaning.to_string()), 4),
                None => (None, 0),
            };
        }
        _ => return (None, 0),
    };
    (Some(known.to_owned()), 1)
}
