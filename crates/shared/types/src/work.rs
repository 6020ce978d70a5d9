//! Workflows of every machine, as the Hub and its staff speak of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{DomainName, Problem, ids::OrderId};

/// `GET /api/v1/admin/work` and `GET /api/v1/admin/work/{id}`: a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkEntry {
    /// Its id: an order's, or a recovery's.
    pub id: Uuid,
    /// Which machine decides, for example `order` or `recovery`.
    pub machine: String,
    /// The order that it belongs to.
    pub order: OrderId,
    /// The customer's domain.
    pub domain: DomainName,
    /// Where it stands, for example `DNS_PENDING`.
    pub phase: String,
    /// Whether anything is still to be done.
    pub activity: WorkActivity,
    /// It does not go on without a person.
    pub needs_operator: bool,
    /// What stands in the way.
    pub problem: Option<Problem>,
    /// When its order last changed.
    pub updated_at: DateTime<Utc>,
    /// What an operator can do about it now.
    pub actions: Vec<WorkActionKind>,
}

/// Whether anything is still to be done for a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkActivity {
    /// Somebody, or something, has to act.
    Open,
    /// Nothing is to be done; an event may open it again.
    Idle,
    /// It stays as it is, whatever happens.
    Ended,
}

/// What an operator can do about a workflow of any machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkActionKind {
    /// Try again now.
    Retry,
    /// Go on without what fails.
    Skip,
    /// Give it up.
    Abandon,
}

impl WorkActionKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Retry, Self::Skip, Self::Abandon];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Abandon => "abandon",
        }
    }
}

/// `POST /api/v1/admin/work/{id}/actions`, and what would follow: `POST /api/v1/admin/work/{id}/actions/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkAction {
    /// Try again now.
    Retry,
    /// Go on without what fails.
    Skip {
        /// Why; kept in the timeline.
        reason: String,
    },
    /// Give it up: an order ends, a recovery is taken back.
    Abandon {
        /// Why; kept in the timeline.
        reason: String,
    },
}
