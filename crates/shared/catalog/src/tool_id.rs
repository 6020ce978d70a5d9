//! The name of a tool.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text cannot be the name of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is no tool name: use 1 to 40 lower-case letters, digits and hyphens, starting with a letter"
)]
pub struct InvalidToolId(String);

/// A tool's name in the catalog, in URLs, folders and container names: `uptime-kuma`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ToolId(String);

impl ToolId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ToolId {
    type Err = InvalidToolId;

    fn from_str(text: &str) -> Result<Self, InvalidToolId> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.bytes().all(allowed);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidToolId(text.chars().take(60).collect())) }
    }
}

impl TryFrom<String> for ToolId {
    type Error = InvalidToolId;
    fn try_from(text: String) -> Result<Self, InvalidToolId> {
        text.parse()
    }
}

impl From<ToolId> for String {
    fn from(id: ToolId) -> Self {
        id.0
    }
}

impl fmt::Display for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ToolId;

    #[test]
    fn only_safe_names_are_taken() {
        for good in ["ghost", "uptime-kuma", "a2"] {
            assert_eq!(good.parse::<ToolId>().expect(good).as_str(), good);
        }
        for bad in ["", "-a", "a-", "Ghost", "2a", "a/b", "../x", "a b", "a_b", &"a".repeat(41)] {
            assert!(bad.parse::<ToolId>().is_err(), "{bad:?} was taken");
        }
    }
}
