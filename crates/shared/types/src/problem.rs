//! The error that a person meets.

use std::fmt;

use serde::{Deserialize, Serialize};

include!(concat!(env!("OUT_DIR"), "/codes.rs"));

/// A stable code of an error that a person can meet: one for each page in `docs/errors`, whose title it has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Code(&'static str);

impl Code {
    /// As people write it, for example `DNS001`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0.to_owned()
    }
}

impl PartialEq<Code> for String {
    fn eq(&self, code: &Code) -> bool {
        self == code.0
    }
}

impl PartialEq<Code> for &str {
    fn eq(&self, code: &Code) -> bool {
        *self == code.0
    }
}

/// An error as a person meets it: a stable code with a page in `docs/errors`, what happened to what, what to do.
///
/// Neither text may carry a secret, or free output of a program that could.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// Stable code, for example `DNS001`; `docs/errors/DNS001.md` explains it.
    pub code: String,
    /// What happened, and to which tenant, tool or step.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// Whether trying the same again can help.
    pub retryable: bool,
}

impl Problem {
    /// A problem that stays until somebody acts.
    pub fn permanent(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: hint.into(), retryable: false }
    }

    /// A problem that may pass by itself.
    pub fn transient(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::permanent(code, message, hint) }
    }

    /// Whether it has one of these codes.
    #[must_use]
    pub fn is_one_of(&self, codes: &[Code]) -> bool {
        codes.iter().any(|code| self.code == *code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code, self.message)
    }
}

impl std::error::Error for Problem {}
