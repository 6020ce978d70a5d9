//! How real providers differ in speaking the interface: a table, each of whose rows can be played by its name.
//!
//! ```text
//! sim.faults(|faults| faults.always = Some(Fault::Dialect("empty-finish-reason")));
//! ```

mod more_streams;
mod refusals;
mod streams;
mod wholes;

use serde_json::Value;

/// A provider's own way.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Under which it is played.
    pub name: &'static str,
    /// Who is known to speak so.
    pub who: &'static str,
    /// What is peculiar.
    pub what: &'static str,
    /// What the caller must get.
    pub outcome: Outcome,
    /// How it is played.
    pub way: Way,
}

/// What a caller must get from a provider that speaks so, with another one behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This provider's answer.
    Answer,
    /// The next provider's answer.
    Next,
    /// The refusal, with this status: the request itself is at fault.
    Refusal(u16),
}

/// How a dialect is played.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// The events of a streamed answer, each with its blank line, become these.
    Stream(fn(Vec<String>) -> Vec<String>),
    /// A whole answer becomes this.
    Whole(fn(Value) -> Value),
    /// The usual answer, with this content type; without any if it is empty.
    Type(&'static str),
    /// Streamed where a whole answer is wanted, whole where a streamed one is.
    Swapped,
    /// Instead of any answer.
    Instead(Instead),
    /// Instead of an answer to a body that has this field.
    Unknown(&'static str, Instead),
}

/// What comes instead of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Instead {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub content_type: &'static str,
    /// The body.
    pub body: &'static str,
}

/// Every dialect.
pub fn all() -> impl Iterator<Item = &'static Dialect> {
    streams::ALL.iter().chain(more_streams::ALL).chain(wholes::ALL).chain(refusals::ALL)
}

/// The dialect of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Dialect> {
    all().find(|dialect| dialect.name == name)
}
