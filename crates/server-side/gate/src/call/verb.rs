//! What can be asked for, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Containers and how they are.
    ListContainers,
    /// Tools on this server, and these verbs.
    ListTools,
    /// Autonomy, approvals, the log's head.
    Status,
    /// The last lines of a tool's containers.
    Logs,
    /// Disk use.
    Disk,
    /// SSH logins, fail2ban, containers with too many rights.
    Audit,
    /// How an approval stands, and the result of what was approved.
    ApprovalStatus,
    /// Restart a tool.
    Restart,
    /// New secrets for a tool.
    Rotate,
    /// Another version of the AI runtime.
    OpenclawUpdate,
    /// A command in a tool's container, or on the server.
    Run,
    /// Make a backup.
    Backup,
    /// Put a tool back to a backup.
    Restore,
    /// Another version of a tool.
    Update,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::ListContainers,
        Self::ListTools,
        Self::Status,
        Self::Logs,
        Self::Disk,
        Self::Audit,
        Self::ApprovalStatus,
        Self::Restart,
        Self::Rotate,
        Self::OpenclawUpdate,
        Self::Run,
        Self::Backup,
        Self::Restore,
        Self::Update,
    ];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ListContainers => "list_containers",
            Self::ListTools => "list_tools",
            Self::Status => "status",
            Self::Logs => "logs",
            Self::Disk => "disk",
            Self::Audit => "audit",
            Self::ApprovalStatus => "approval_status",
            Self::Restart => "restart",
            Self::Rotate => "rotate",
            Self::OpenclawUpdate => "openclaw_update",
            Self::Run => "run",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Update => "update",
        }
    }

    /// The verb of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
