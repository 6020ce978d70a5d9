//! Calls, read strictly: every field has a type and a bound, and what is not known is refused by name.

mod parse;
mod verb;

use std::collections::BTreeMap;

use letsbe_types::{api::FieldError, ids::ApprovalId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::verb::Verb;
use crate::table::Place;

/// What the name of a secret begins with.
const REFERENCE: &str = "SECRET_REF(";

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// In whose container; `None` is the server itself.
    pub tool: Option<String>,
    /// Which of the tool's containers; `None` is the first.
    pub service: Option<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables; values may hold `SECRET_REF(tool/key)`.
    pub env: BTreeMap<String, String>,
    /// What the program reads; may hold `SECRET_REF(tool/key)`.
    pub stdin: Option<String>,
    /// Seconds that it gets.
    pub timeout: u32,
}

impl Run {
    /// Whether its variables or its input name a secret.
    #[must_use]
    pub fn names_a_secret(&self) -> bool {
        self.env.values().chain(&self.stdin).any(|text| text.contains(REFERENCE))
    }

    /// Where it would run.
    #[must_use]
    pub fn place(&self) -> Place<'_> {
        self.tool.as_deref().map_or(Place::Host, Place::Container)
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described at its verb")]
pub enum Action {
    ListContainers,
    ListTools,
    Status,
    Logs { tool: String, service: Option<String>, lines: u32 },
    Disk,
    Audit,
    ApprovalStatus { approval: ApprovalId },
    Restart { tool: String },
    Rotate { tool: String },
    OpenclawUpdate { to: String },
    Run(Run),
    Backup { tool: Option<String> },
    Restore { tool: String, date: String },
    Update { tool: String },
}

impl Action {
    /// Its verb.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::ListContainers => Verb::ListContainers,
            Self::ListTools => Verb::ListTools,
            Self::Status => Verb::Status,
            Self::Logs { .. } => Verb::Logs,
            Self::Disk => Verb::Disk,
            Self::Audit => Verb::Audit,
            Self::ApprovalStatus { .. } => Verb::ApprovalStatus,
            Self::Restart { .. } => Verb::Restart,
            Self::Rotate { .. } => Verb::Rotate,
            Self::OpenclawUpdate { .. } => Verb::OpenclawUpdate,
            Self::Run(_) => Verb::Run,
            Self::Backup { .. } => Verb::Backup,
            Self::Restore { .. } => Verb::Restore,
            Self::Update { .. } => Verb::Update,
        }
    }

    /// The tool it is about.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        match self {
            Self::Logs { tool, .. }
            | Self::Restart { tool }
            | Self::Rotate { tool }
            | Self::Restore { tool, .. }
            | Self::Update { tool } => Some(tool),
            Self::OpenclawUpdate { .. } => Some("openclaw"),
            Self::Run(Run { tool, .. }) | Self::Backup { tool } => tool.as_deref(),
            _ => None,
        }
    }

    /// The service it names.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Logs { service, .. } | Self::Run(Run { service, .. }) => service.as_deref(),
            _ => None,
        }
    }
}

/// A call of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Which agent.
    pub agent: String,
    /// What it asks for.
    pub action: Action,
}

/// SHA-256 of a call: an approval is for exactly this.
#[must_use]
pub fn fingerprint(call: &Call) -> String {
    let json = serde_json::to_vec(call).unwrap_or_default();
    hex::encode(Sha256::digest(json))
}

/// What is wrong with a call, field by field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub Vec<FieldError>);

#[cfg(test)]
mod tests;
