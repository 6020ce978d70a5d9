//! What the node program prints for the provisioner: one JSON value a line.

use letsbe_types::{Problem, job::RunEvent};
use serde::{Deserialize, Serialize};

/// One line of the node program's output.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NodeLine {
    /// A line of the run's journal.
    Event(RunEvent),
    /// The node program refused.
    Refused {
        /// Why.
        problem: Problem,
    },
    /// Said before [`EXIT_STALE`].
    Stale {
        /// What is there instead of what was asked for.
        installed: Installed,
    },
}

/// What is installed on a server, as SHA-256 in hex; `None` is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The node program.
    pub node_sha256: Option<String>,
    /// The bundle's tar file.
    pub bundle_sha256: Option<String>,
}

/// One operation of a plan, as `letsbe-node run plan` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlannedOperation {
    /// The runbook's step.
    pub step: u8,
    /// The operation.
    pub operation: String,
    /// What would be done; a problem where the facts could not be read (yet).
    pub assessment: Result<PlannedAssessment, Problem>,
}

/// What an operation of a plan found; see `letsbe_host::Assessment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "assessment", rename_all = "snake_case")]
pub enum PlannedAssessment {
    /// Nothing to do.
    Converged {
        /// What was read that shows it.
        why: String,
    },
    /// These changes make it so.
    Needed {
        /// What is not as it should be.
        because: String,
        /// The changes, in words.
        changes: Vec<String>,
    },
    /// It works, with a blemish.
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

#[cfg(test)]
mod tests {
    use super::NodeLine;

    #[test]
    fn an_event_with_a_problem_is_not_a_refusal() {
        let problem = r#"{"code":"X","message":"m","hint":"h","retryable":false}"#;
        let event =
            format!(r#"{{"sequence":3,"at":"2026-11-21T10:00:00Z","event":"finished","problem":{problem}}}"#);
        assert!(matches!(serde_json::from_str(&event), Ok(NodeLine::Event(event)) if event.sequence == 3));
        let refusal = format!(r#"{{"problem":{problem}}}"#);
        assert!(matches!(serde_json::from_str(&refusal), Ok(NodeLine::Refused { .. })));
    }
}
