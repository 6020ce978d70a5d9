//! The contract of an operation.

use async_trait::async_trait;
use letsbe_types::{Problem, job::DesiredServer};
use serde::Serialize;

use crate::{change::Change, machine::Machine};

/// What an operation found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "assessment", rename_all = "snake_case")]
pub enum Assessment {
    /// Nothing to do.
    Converged {
        /// What was read that shows it.
        why: String,
    },
    /// These changes make it so.
    Needed {
        /// What is not as it should be, in words.
        because: String,
        /// In order; never empty.
        changes: Vec<Change>,
    },
    /// It works, with a blemish that no change of ours mends.
    Warned {
        /// The blemish.
        warning: String,
    },
    /// Not wanted on this server.
    Skipped {
        /// Why.
        why: String,
    },
}

impl Assessment {
    /// Converged, because of what was read.
    pub fn converged(why: impl Into<String>) -> Self {
        Self::Converged { why: why.into() }
    }

    /// Changes that are needed.
    pub fn needed(because: impl Into<String>, changes: Vec<Change>) -> Self {
        Self::Needed { because: because.into(), changes }
    }
}

/// One thing that must be true on the server, written as a reading half and a deciding half.
///
/// `converge` is pure, so that fixture tables test it: facts and the desired server in, changes out.
#[async_trait]
pub trait Converge: Send + Sync + 'static {
    /// What is read from the server.
    type Facts: Send + Sync;
    /// Stable name `<subject>.<state>`, for example `packages.installed`.
    const NAME: &'static str;
    /// The runbook's step, 1 to 10; 11 is the verification.
    const STEP: u8;
    /// A convenience: where it cannot be made so, the run warns and goes on.
    const OPTIONAL: bool = false;

    /// Reads the facts. Changes nothing.
    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Self::Facts, Problem>;

    /// Decides what has to change.
    ///
    /// # Errors
    /// When the facts forbid any change (an unsupported system, a foreign identity).
    fn converge(&self, facts: &Self::Facts, desired: &DesiredServer) -> Result<Assessment, Problem>;
}

/// [`Converge`] with its facts hidden, so that operations of all kinds stand in one list.
#[async_trait]
pub trait Operation: Send + Sync {
    /// See [`Converge::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Converge::STEP`].
    fn step(&self) -> u8;
    /// See [`Converge::OPTIONAL`].
    fn is_optional(&self) -> bool {
        false
    }
    /// Reads the facts and decides. Changes nothing.
    async fn assess(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Assessment, Problem>;
}

#[async_trait]
impl<C: Converge> Operation for C {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn step(&self) -> u8 {
        C::STEP
    }

    fn is_optional(&self) -> bool {
        C::OPTIONAL
    }

    async fn assess(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let facts = self.probe(machine, desired).await?;
        self.converge(&facts, desired)
    }
}
