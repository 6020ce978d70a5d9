#![doc = include_str!("../README.md")]

mod apply;
mod clean;
mod document;
mod dump;
mod entropy;
mod fold;
mod forms;
mod index;
mod json;
mod keys;
mod known;
mod letters;
mod numbers;
mod packed;
mod patterns;
mod request;
mod runs;
mod sse;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod view;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use letsbe_types::Secret;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::known::Known;
use crate::patterns::Patterns;
pub use crate::sse::SseRedactor;
pub use crate::stream::StreamRedactor;
use crate::text::Rules;

/// What every placeholder begins with.
pub(crate) const MARK: &str = "SECRET_REF(";

/// A secret and the name that stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSecret {
    /// For example `ghost/database_password`.
    pub name: String,
    /// The value.
    pub value: Secret<String>,
}

/// Why no redactor could be made.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RedactError {
    /// Too many or too long secrets.
    #[error("the secrets are more than a redactor can hold: {0}")]
    TooMuch(String),
    /// A body that is no JSON where JSON is wanted, or nested too deep.
    #[error("the body is not JSON that can be looked through: {0}")]
    NotJson(String),
    /// The rules missed a known secret: its form runs over JSON's own signs.
    #[error("the secret `{0}` would still be in the body; rotate it to a value of letters and digits")]
    Remains(String),
}

/// What a secret was found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// It is known.
    Value,
    /// It looks like a key, a token or a password in an address.
    Pattern,
    /// It is too random to be a word.
    Entropy,
    /// Its key in JSON says so.
    Key,
}

/// A secret that was found: never its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What it was found by.
    pub rule: Rule,
    /// The name in its placeholder.
    pub name: String,
}

/// The secrets that were found, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    found: BTreeSet<Finding>,
    /// Bytes that were unpacked on the way.
    unpacked: usize,
}

impl Findings {
    pub(crate) fn add(&mut self, rule: Rule, name: &str) {
        self.found.insert(Finding { rule, name: name.to_owned() });
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.found.iter()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// What stands where a secret was: `SECRET_REF(name)`.
#[must_use]
pub fn placeholder(name: &str) -> String {
    format!("{MARK}{name})")
}

/// Names of the placeholders in a text, in order.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split(MARK).skip(1).filter_map(|rest| rest.split_once(')').map(|(name, _)| name))
}

/// Finds secrets: known ones by value, others by their look and their place.
pub struct Redactor {
    known: Known,
    patterns: Patterns,
    /// Goes into the names of what is not known, so that they give nothing away.
    salt: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Redactor {
    /// A redactor for these secrets. Values of less than 6 bytes, and of less than 8 that are a word or a number, are not
    /// looked for by value: they stand in ordinary text too. `docs/redaction.md` lists what is found.
    ///
    /// # Errors
    /// When they are too many.
    pub fn new(secrets: impl IntoIterator<Item = KnownSecret>) -> Result<Self, RedactError> {
        let secrets: Vec<_> = secrets.into_iter().collect();
        let mut salt = Sha256::new_with_prefix("letsbe redaction");
        for secret in &secrets {
            salt.update(secret.value.expose().len().to_le_bytes());
            salt.update(secret.value.expose());
        }
        let salt = Zeroizing::new(salt.finalize().into());
        Ok(Self { known: Known::new(&secrets)?, patterns: Patterns::new()?, salt })
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.text_and_findings(text).0
    }

    /// The text without secrets, and what they were.
    #[must_use]
    pub fn text_and_findings(&self, text: &str) -> (String, Findings) {
        let mut findings = Findings::default();
        let text = self.looked_through(text, Rules::All, &mut findings).into_owned();
        (text, findings)
    }

    /// A whole text, for example all that a command said, without secrets: every view of it is looked through.
    /// Shorten it afterwards, never before.
    ///
    /// # Errors
    /// When it cannot be looked through: the caller must not show it.
    pub fn whole_text(&self, text: &str) -> Result<String, RedactError> {
        let (text, _) = self.text_and_findings(text);
        match self.known.remaining(text.as_bytes()) {
            Some(what) => Err(RedactError::Remains(self.known.name(what).to_owned())),
            None => Ok(text),
        }
    }

    /// The name of a known value that stands over this place.
    pub(crate) fn over_joint(&self, bytes: &[u8], joint: usize) -> Option<&str> {
        let found = self.known.find(bytes);
        let over = found.iter().find(|found| {
            found.start < joint && joint < found.end && !self.known.is_placeholder(bytes, found)
        });
        over.map(|found| self.known.name(found.what))
    }

    /// The name of a known value that is hidden in a text that was redacted as it stands there: escaped, as numbers, or
    /// packed.
    pub(crate) fn hidden_in(&self, text: &str) -> Option<&str> {
        let bytes = text.as_bytes();
        let read = self.in_readings(bytes).into_iter().chain(self.in_numbers(bytes));
        let read = read.filter(|found| !self.known.is_placeholder(bytes, found)).map(|found| found.what);
        let packed = || self.packed(bytes, &mut 0).into_iter().find_map(|(_, inside)| inside.value());
        read.min().or_else(packed).map(|what| self.known.name(what))
    }

    /// Redacts a stream of bytes by the known values.
    #[must_use]
    pub fn stream(self: &Arc<Self>) -> StreamRedactor {
        StreamRedactor::new(Arc::clone(self))
    }
}
