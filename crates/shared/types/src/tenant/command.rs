//! Commands of the Hub for an agent, and their results.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Problem,
    ids::{ApprovalId, CommandId},
};

/// `GET /api/v1/tenant/commands?wait=<seconds>`: answers at once if something waits, else when something comes or
/// the time is over. A command is given again until its result has arrived; the agent begins it once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandsReply {
    /// Oldest first.
    pub commands: Vec<TenantCommand>,
}

/// Something that the Hub wants done on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantCommand {
    /// Its id; a command with an id that was begun before is never begun again.
    pub id: CommandId,
    /// When it was given.
    pub issued_at: DateTime<Utc>,
    /// After this it is not begun.
    pub expires_at: DateTime<Utc>,
    /// What.
    pub work: CommandWork,
}

/// What the Hub can ask for. There is no free command: a stolen Hub session can do this and nothing else. Nothing here
/// puts older data in the place of a tool's: that is for whoever is on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum CommandWork {
    /// Send a heartbeat now.
    Report,
    /// Restart a tool's containers.
    RestartTool {
        /// The tool's name in the catalog.
        tool: String,
    },
    /// Make new secrets.
    Rotate {
        /// The tool; `None` is every tool.
        tool: Option<String>,
    },
    /// Decide an approval.
    Decide {
        /// Which.
        approval: ApprovalId,
        /// Whether it may be done.
        approve: bool,
        /// Who decided, for the log.
        by: String,
    },
    /// Move OpenClaw to another version.
    UpdateOpenClaw {
        /// The version, `v2026.10`.
        to: String,
        /// Also on a Friday.
        force: bool,
    },
    /// Look for drift now.
    CheckDrift,
    /// Make a backup now.
    Backup {
        /// The tool; `None` is every tool and part of the platform.
        tool: Option<String>,
    },
    /// Prove the newest backup.
    Prove {
        /// The tool; `None` is whatever is due.
        tool: Option<String>,
    },
    /// A drill: prove the newest backups of everything, due or not, and tell how long each part took.
    Drill {
        /// The tool; `None` is every tool and part of the platform.
        tool: Option<String>,
    },
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandResult {
    /// Which.
    pub command: CommandId,
    /// When.
    pub finished_at: DateTime<Utc>,
    /// How.
    pub outcome: CommandOutcome,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum CommandOutcome {
    /// It was done.
    Done {
        /// In one line, without secrets.
        summary: String,
    },
    /// It was tried and did not work.
    Failed {
        /// Why.
        problem: Problem,
    },
    /// It was too old when it arrived; nothing was done.
    Expired,
    /// The agent ended while it was at work. It is not begun again; a person must look.
    Interrupted,
}
