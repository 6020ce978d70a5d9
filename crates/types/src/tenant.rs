//! Messages between a tenant's agent and the Hub. The agent always calls; the Hub answers.
//!
//! Heartbeats carry counts, names and times from an allow-list of fields; never free text from logs, never a value
//! of a secret. Everything is bounded; [`limits`] says how.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Problem,
    ids::{ApprovalId, CommandId},
};

/// Bounds of the messages. The Hub refuses what is beyond them with the field's name.
pub mod limits {
    /// The version of [`super::Heartbeat`] that this program writes.
    pub const HEARTBEAT_VERSION: u32 = 2;
    /// Bytes of a heartbeat.
    pub const HEARTBEAT_BYTES: usize = 64 * 1024;
    /// Containers, updates and drifting operations in one heartbeat.
    pub const LIST: usize = 200;
    /// Events in one message.
    pub const EVENTS: usize = 100;
    /// Bytes of one message of events.
    pub const EVENT_BYTES: usize = 512 * 1024;
    /// Bytes of a name: a container, an image, an operation.
    pub const NAME: usize = 200;
    /// Bytes of the text that explains an approval to a person.
    pub const TEXT: usize = 4_000;
    /// Longest time that a question for commands may stay open, in seconds.
    pub const WAIT_SECONDS: u64 = 25;
}

/// `POST /api/v1/tenant/heartbeat`: the state of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Version of this message ([`limits::HEARTBEAT_VERSION`]).
    pub version: u32,
    /// Version of the node program.
    pub node_version: String,
    /// The server's clock.
    pub sent_at: DateTime<Utc>,
    /// Seconds since the server booted.
    pub uptime_seconds: u64,
    /// Share of the disk in use, in percent.
    pub disk_used_percent: u8,
    /// Memory in use, in MiB.
    pub memory_used_mib: u64,
    /// Memory of the agent itself, in MiB.
    pub agent_memory_mib: u64,
    /// Every container that belongs to a stack.
    pub containers: Vec<ContainerSign>,
    /// Tokens of the present period.
    pub tokens: TokenSign,
    /// The last backup, once there is one.
    pub backup: Option<BackupSign>,
    /// When the earliest certificate ends.
    pub certificate_expires_at: Option<DateTime<Utc>>,
    /// Newer images that Diun has seen and that nobody has installed.
    pub updates: Vec<UpdateSign>,
    /// What differs from what was provisioned; `None` before the first look.
    pub drift: Option<DriftSign>,
    /// The AI runtime.
    pub openclaw: Option<OpenClawSign>,
    /// The vault.
    pub vault: VaultSign,
    /// Approvals that wait for a person.
    pub approvals_pending: u32,
    /// Events that wait to be sent.
    pub events_waiting: u32,
    /// Events that were dropped because the queue was full, since the agent was installed.
    pub events_dropped: u64,
    /// Version of the configuration in force; 0 before the first.
    pub configuration: u64,
    /// Last entry of the command gate's log: number and SHA-256 in hex. A later head that is not above this one
    /// means that somebody cut the log.
    pub gate_log: LogHead,
}

impl Heartbeat {
    /// Containers that run and are healthy (or have no health check).
    #[must_use]
    pub fn containers_ok(&self) -> usize {
        self.containers.iter().filter(|container| container.state == ContainerState::Fine).count()
    }

    /// Containers in any other state.
    #[must_use]
    pub fn containers_not_ok(&self) -> usize {
        self.containers.len() - self.containers_ok()
    }
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerSign {
    /// Its name, for example `letsbe-ghost-db`.
    pub name: String,
    /// How it is.
    pub state: ContainerState,
    /// How often Docker has restarted it.
    pub restarts: u32,
    /// Whether it was killed for want of memory when it last ended.
    pub out_of_memory: bool,
}

/// How a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerState {
    /// Running, and healthy where it has a health check.
    Fine,
    /// Running; its health check has no result yet.
    Starting,
    /// Running; its health check fails.
    Unhealthy,
    /// Restarting again and again.
    Restarting,
    /// Not running.
    Stopped,
}

/// Tokens of one period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSign {
    /// First day of the period, `2026-11`.
    pub period: String,
    /// Tokens in the pool.
    pub pool: u64,
    /// Tokens used.
    pub used: u64,
    /// Tokens held for requests that are under way.
    pub reserved: u64,
}

/// The last backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupSign {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Whether everything in it, the remote copy too, succeeded.
    pub succeeded: bool,
    /// Its size in bytes.
    pub bytes: u64,
    /// Errors that it names.
    pub errors: u32,
}

/// A newer image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateSign {
    /// Image with tag.
    pub image: String,
    /// The new digest, where Diun says it.
    pub digest: Option<String>,
    /// When it was first seen.
    pub seen_at: DateTime<Utc>,
}

/// What differs from what was provisioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftSign {
    /// When it was looked for.
    pub checked_at: DateTime<Utc>,
    /// Names of the operations that would change something.
    pub operations: Vec<String>,
}

/// The AI runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenClawSign {
    /// What it calls itself.
    pub version: Option<String>,
    /// Whether `/health` answers.
    pub healthy: bool,
}

/// The vault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultSign {
    /// How many secrets it holds.
    pub secrets: u32,
    /// Whether the secrets proxy has them.
    pub proxy_ready: bool,
    /// When one was last rotated.
    pub rotated_at: Option<DateTime<Utc>>,
    /// A rotation that was begun and not ended: the tool.
    pub rotating: Option<String>,
    /// Recipients that the escrowed keys are sealed to.
    pub escrow_recipients: Vec<String>,
}

/// The end of a hash chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// Number of the last entry; 0 for an empty log.
    pub entry: u64,
    /// Its hash; empty for an empty log.
    pub hash: String,
}

/// Answer to a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// The configuration, if the agent has another one.
    pub configuration: Option<TenantConfiguration>,
    /// Commands that wait (the same that [`CommandsReply`] would give).
    pub commands: Vec<TenantCommand>,
}

/// What the Hub decides about a tenant; kept by the agent, so that it goes on without the Hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantConfiguration {
    /// Grows with each change.
    pub version: u64,
    /// How much the AI team may do unasked.
    pub autonomy: Autonomy,
    /// Tools whose messages to outsiders may be sent unasked (unlocked by the customer); all others are held.
    pub external_unlocked: Vec<String>,
    /// Tokens in a calendar month.
    pub token_pool: u64,
    /// age recipients (`age1…`) that the backup key and the registry key are sealed to.
    pub escrow_recipients: Vec<String>,
    /// Version of OpenClaw that the Hub expects.
    pub openclaw_version: Option<String>,
}

impl Default for TenantConfiguration {
    /// What holds until the Hub has said anything: the most careful.
    fn default() -> Self {
        Self {
            version: 0,
            autonomy: Autonomy::Level1,
            external_unlocked: Vec::new(),
            token_pool: 0,
            escrow_recipients: Vec::new(),
            openclaw_version: None,
        }
    }
}

/// How much the AI team may do unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Autonomy {
    /// Reads only.
    Level1,
    /// Reads, and changes that can be undone.
    Level2,
    /// Also changes that are hard to undo; what destroys is always asked for.
    Level3,
}

impl From<Autonomy> for u8 {
    fn from(level: Autonomy) -> Self {
        match level {
            Autonomy::Level1 => 1,
            Autonomy::Level2 => 2,
            Autonomy::Level3 => 3,
        }
    }
}

impl TryFrom<u8> for Autonomy {
    type Error = &'static str;

    fn try_from(level: u8) -> Result<Self, Self::Error> {
        match level {
            1 => Ok(Self::Level1),
            2 => Ok(Self::Level2),
            3 => Ok(Self::Level3),
            _ => Err("an autonomy level is 1, 2 or 3"),
        }
    }
}

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

/// What the Hub can ask for. There is no free command: a stolen Hub session can do this and nothing else.
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

/// `POST /api/v1/tenant/events`: what happened on a server, in order, told until the Hub has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantEvents {
    /// Oldest first, numbers without gaps but where the full queue dropped some.
    pub events: Vec<TenantEvent>,
}

/// Answer to events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsReply {
    /// Every event up to this number is kept by the Hub and need not be sent again.
    pub taken_through: u64,
}

/// Something that happened on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantEvent {
    /// Number on this server, from 1; the Hub takes each once.
    pub sequence: u64,
    /// The server's clock.
    pub at: DateTime<Utc>,
    /// What.
    pub event: TenantEventKind,
}

/// What can happen on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TenantEventKind {
    /// A command ended.
    CommandFinished {
        /// How.
        result: CommandResult,
    },
    /// The AI team asks for something.
    ApprovalRequested {
        /// What.
        approval: Approval,
    },
    /// An approval was decided on the server, by the Hub's word, or by time.
    ApprovalSettled {
        /// Which.
        approval: ApprovalId,
        /// How.
        state: ApprovalState,
        /// Who decided; `time` for an expiry.
        by: String,
    },
    /// Tokens of one hour, one model: added to what the Hub has of that hour.
    TokensUsed {
        /// Start of the hour.
        hour: DateTime<Utc>,
        /// Provider and model, `openrouter/some-model`.
        model: String,
        /// Tokens read.
        input: u64,
        /// Tokens written.
        output: u64,
        /// Requests.
        requests: u64,
    },
    /// A newer image was seen.
    UpdateSeen {
        /// Which.
        update: UpdateSign,
    },
    /// A rotation ended.
    Rotated {
        /// The tool.
        tool: String,
        /// How many secrets are new.
        secrets: u32,
        /// Why it did not work; the old secrets are in force then.
        problem: Option<Problem>,
    },
    /// The backup key and the registry key, sealed to the escrow recipients.
    Escrowed {
        /// age file, armoured.
        sealed: String,
        /// Who can open it.
        recipients: Vec<String>,
    },
    /// OpenClaw was moved to another version, or back.
    OpenClawUpdated {
        /// From.
        from: String,
        /// To.
        to: String,
        /// Why the old version is back, if it is.
        problem: Option<Problem>,
    },
    /// Something on the server needs a person.
    Trouble {
        /// What.
        problem: Problem,
    },
}

/// Something that waits for a person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// After this it counts as refused.
    pub expires_at: DateTime<Utc>,
    /// The verb, for example `restart`.
    pub action: String,
    /// The tool it is about, if any.
    pub tool: Option<String>,
    /// `GREEN`, `YELLOW`, `YELLOW_EXTERNAL`, `RED` or `CRITICAL_RED`.
    pub class: String,
    /// What would be done, in words, with every secret taken out.
    pub plan: String,
    /// Which agent asks.
    pub agent: String,
    /// How it stands.
    pub state: ApprovalState,
}

/// How an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// It waits.
    Pending,
    /// It may be done, once.
    Approved,
    /// It may not be done.
    Refused,
    /// Nobody said anything in time.
    Expired,
    /// It was approved and done.
    Done,
}
