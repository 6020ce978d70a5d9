//! Takes secrets out of text by their values, in every form they can be written in, and puts stable placeholders
//! there.
//!
//! It must never print a value, pass what it does not understand, or hold back a byte that no secret begins with.

use std::sync::Arc;

use letsbe_types::Secret;
use thiserror::Error;

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
}

/// What stands where a secret was: `SECRET_REF(name)`.
#[must_use]
pub fn placeholder(name: &str) -> String {
    format!("SECRET_REF({name})")
}

/// Names of the placeholders in a text, in order.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("SECRET_REF(").skip(1).filter_map(|rest| rest.split_once(')').map(|(name, _)| name))
}

/// Finds known secrets.
#[derive(Debug)]
pub struct Redactor {
    secrets: Vec<KnownSecret>,
}

impl Redactor {
    /// A redactor for these secrets.
    ///
    /// # Errors
    /// When they are too many.
    pub fn new(secrets: impl IntoIterator<Item = KnownSecret>) -> Result<Self, RedactError> {
        Ok(Self { secrets: secrets.into_iter().collect() })
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.value.expose().as_str(), &placeholder(&secret.name))
        })
    }

    /// A JSON body without secrets.
    ///
    /// # Errors
    /// When it is no JSON: the caller must not send it.
    pub fn json_body(&self, body: &[u8]) -> Result<Vec<u8>, RedactError> {
        let text = std::str::from_utf8(body).map_err(|error| RedactError::NotJson(error.to_string()))?;
        Ok(self.text(text).into_bytes())
    }

    /// Redacts a stream of bytes.
    #[must_use]
    pub fn stream(self: &Arc<Self>) -> StreamRedactor {
        StreamRedactor { redactor: Arc::clone(self), held: Vec::new() }
    }
}

/// Redacts a stream: the result does not depend on where it was cut into chunks.
#[derive(Debug)]
pub struct StreamRedactor {
    redactor: Arc<Redactor>,
    held: Vec<u8>,
}

impl StreamRedactor {
    /// Takes a chunk; what may go on is appended to `out`.
    pub fn push(&mut self, chunk: &[u8], _out: &mut Vec<u8>) {
        self.held.extend_from_slice(chunk);
    }

    /// The stream has ended.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend(self.redactor.text(&String::from_utf8_lossy(&self.held)).bytes());
    }
}
