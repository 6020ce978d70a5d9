//! What the Hub tells its staff about tenants' servers, and what staff can ask for (`/api/v1/admin/tenants`).

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    DomainName, Tier,
    ids::{CommandId, OrderId, ServerId},
    tenant::{
        Approval, Autonomy, CommandOutcome, CommandWork, Heartbeat, TenantConfiguration, TenantEventKind,
    },
};

/// How a tenant's server is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Heard lately, and nothing is wrong.
    Fine,
    /// Heard lately; something is wrong.
    Troubled,
    /// Not heard for too long.
    Silent,
    /// Registered, and never heard.
    Never,
    /// Its key was revoked.
    Revoked,
    /// Its server is lost; another one takes its place.
    Lost,
    /// Its order has ended.
    Ended,
}

impl Health {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Troubled => "troubled",
            Self::Silent => "silent",
            Self::Never => "never heard",
            Self::Revoked => "revoked",
            Self::Lost => "lost, being replaced",
            Self::Ended => "ended",
        }
    }
}

/// A tenant in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSummary {
    /// The order that the server was made for.
    pub id: OrderId,
    /// The customer's domain.
    pub domain: DomainName,
    /// What was bought.
    pub tier: Tier,
    /// How it is.
    pub health: Health,
    /// What is wrong, one sentence each.
    pub troubles: Vec<String>,
    /// When it was last heard.
    pub heard_at: Option<DateTime<Utc>>,
    /// Version of the node program.
    pub node_version: String,
    /// Containers.
    pub containers: usize,
    /// Containers that are not fine.
    pub containers_not_ok: usize,
    /// Share of the disk in use, in percent.
    pub disk_used_percent: Option<u8>,
    /// Tokens used in the present period.
    pub tokens_used: u64,
    /// Tokens in the pool.
    pub token_pool: u64,
    /// When the last backup ended, well or not.
    pub backup_at: Option<DateTime<Utc>>,
    /// When everything was last backed up.
    #[serde(default)]
    pub backup_succeeded_at: Option<DateTime<Utc>>,
    /// When the last backup ended, if it failed.
    #[serde(default)]
    pub backup_failed_at: Option<DateTime<Utc>>,
    /// Newer images that nobody has installed.
    pub updates: usize,
    /// Approvals that wait for a person.
    pub approvals_pending: u64,
}

/// A tenant with all that the Hub knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantDetail {
    /// In short.
    #[serde(flatten)]
    pub summary: TenantSummary,
    /// Where its server is reached.
    pub connection: Connection,
    /// The last heartbeat.
    pub heartbeat: Option<Heartbeat>,
    /// What was decided about it.
    pub configuration: TenantConfiguration,
    /// Commands, newest first.
    pub commands: Vec<CommandEntry>,
    /// Approvals, newest first.
    pub approvals: Vec<ApprovalEntry>,
    /// Tokens of the last two days, by hour and model, newest first.
    pub tokens_by_hour: Vec<TokenUse>,
    /// Tokens of the last 31 days, by day and model, newest first.
    pub tokens_by_day: Vec<TokenUse>,
    /// Tokens of the last 31 days as the Hub's relay counted them, by day and model, newest first.
    #[serde(default)]
    pub relayed_by_day: Vec<RelayedDay>,
    /// Heartbeats of the last two days, hour by hour, newest first.
    pub hours: Vec<Rollup>,
    /// Heartbeats of the last 31 days, day by day, newest first.
    pub days: Vec<Rollup>,
    /// What happened on the server, newest first.
    pub events: Vec<EventEntry>,
    /// The newest escrow, if there is one.
    pub escrow: Option<EscrowEntry>,
}

/// Tokens of one day and one model, as the Hub's relay counted them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayedDay {
    /// Start of the day.
    pub start: DateTime<Utc>,
    /// Provider and model, `openrouter/some-model`.
    pub model: String,
    /// Tokens read.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
    /// Requests.
    pub requests: u64,
    /// Requests for which the provider reported no usage: their tokens are an upper estimate.
    pub estimated: u64,
}

/// Where a tenant's server is reached, and how it is known again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The server; another one after a lost one was replaced.
    pub server: Option<ServerId>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its host key (OpenSSH one-line form, or the fingerprint until the first log-in).
    pub host_key: Option<String>,
}

/// A command and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEntry {
    /// Its id.
    pub id: CommandId,
    /// What was asked for.
    pub work: CommandWork,
    /// Who asked.
    pub issued_by: String,
    /// When.
    pub issued_at: DateTime<Utc>,
    /// After this it is not begun.
    pub expires_at: DateTime<Utc>,
    /// When the agent got it first.
    pub given_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: Option<CommandOutcome>,
}

/// An approval as the Hub mirrors it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalEntry {
    /// What is asked for, and how it stands.
    pub approval: Approval,
    /// Who decided.
    pub settled_by: Option<String>,
    /// When.
    pub settled_at: Option<DateTime<Utc>>,
}

/// Tokens of one model in one hour or day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    /// Start of the hour or day.
    pub start: DateTime<Utc>,
    /// Provider and model.
    pub model: String,
    /// Tokens read.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
    /// Requests.
    pub requests: u64,
}

/// Heartbeats of one hour or day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollup {
    /// Start of the hour or day.
    pub start: DateTime<Utc>,
    /// How many came.
    pub beats: u64,
    /// Share of the disk in use at the end, in percent.
    pub disk_used_percent: u8,
    /// The most of it.
    pub disk_max: u8,
    /// Memory in use at the end, in MiB.
    pub memory_used_mib: u64,
    /// The most of it.
    pub memory_max: u64,
    /// Fewest containers that were not fine.
    pub not_ok_min: u32,
    /// Most containers that were not fine.
    pub not_ok_max: u32,
    /// Tokens used of the period, at the end.
    pub tokens_used: u64,
}

/// Something that happened on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEntry {
    /// Its number on the server.
    pub sequence: u64,
    /// The server's clock.
    pub at: DateTime<Utc>,
    /// What.
    pub event: TenantEventKind,
}

/// Keys that were sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscrowEntry {
    /// Its number in the Hub; a recovery can name it.
    #[serde(default)]
    pub number: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who can open them.
    pub recipients: Vec<String>,
    /// SHA-256 of the keys, as the server said it; the same keys sealed again have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Keys that were sealed, with what they were sealed into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKeys {
    /// When, and for whom.
    #[serde(flatten)]
    pub entry: EscrowEntry,
    /// age file, armoured.
    pub sealed: String,
}

/// `PUT /api/v1/admin/tenants/{id}/configuration`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationRequest {
    /// The version that this change starts from; refused when somebody else was quicker. Unchecked if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// How much the AI team may do unasked.
    pub autonomy: Autonomy,
    /// Tools whose messages to outsiders may be sent unasked.
    pub external_unlocked: Vec<String>,
    /// Tokens in a calendar month.
    pub token_pool: u64,
    /// Version of OpenClaw that is expected; `null` for whatever was installed.
    pub openclaw_version: Option<String>,
}

impl From<TenantConfiguration> for ConfigurationRequest {
    fn from(now: TenantConfiguration) -> Self {
        Self {
            version: Some(now.version),
            autonomy: now.autonomy,
            external_unlocked: now.external_unlocked,
            token_pool: now.token_pool,
            openclaw_version: now.openclaw_version,
        }
    }
}

/// `POST /api/v1/admin/tenants/{id}/approvals/{approval}`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalDecision {
    /// Whether it may be done.
    pub approve: bool,
}

/// `GET /api/v1/admin/tenants/{id}/gate-heads`: an end of the gate's log as the Hub was told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateHead {
    /// Number of the line.
    pub entry: u64,
    /// Its hash.
    pub hash: String,
    /// When the Hub was told.
    pub received_at: DateTime<Utc>,
    /// Whether it follows on what the Hub was told before.
    pub linked: bool,
}
