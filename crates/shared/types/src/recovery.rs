//! Bringing a lost server back, as the Hub and its staff speak of it (runbook 5.2).

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    DomainName, Problem, Region,
    backup::Destination,
    ids::{OrderId, RecoveryId, ServerId},
    job::RestoredTool,
};

/// `POST /api/v1/admin/tenants/{id}/recovery`: the server is lost, another one shall take its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverRequest {
    /// What happened, for the record.
    pub reason: String,
    /// Where the other server shall stand; absent is where the order wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The newest data before this moment; absent is the newest of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// Read the copies outside as they were at this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
    /// Where the copies are; absent is where the Hub knows them to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Destination>,
}

/// `POST /api/v1/admin/tenants/{id}/recovery/plan`: what the same request would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryPlan {
    /// One sentence each, in order.
    pub steps: Vec<String>,
    /// What is not as one would wish it before a recovery.
    pub warnings: Vec<String>,
}

/// `POST /api/v1/admin/tenants/{id}/recovery/cancel`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelRecovery {
    /// Why, for the record.
    pub reason: String,
}

/// `POST /api/v1/admin/tenants/{id}/recovery/keys`: the keys from the escrow, sealed for the new server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveKeys {
    /// The recipient that they are sealed to; refused when the run asks for another one meanwhile.
    pub recipient: String,
    /// age file, armoured.
    pub sealed: String,
}

/// `GET /api/v1/jobs/{id}/keys`: what the provisioner carries to the new server. It cannot open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedKeys {
    /// The recipient that they are sealed to.
    pub recipient: String,
    /// age file, armoured.
    pub sealed: String,
}

/// `POST /api/v1/admin/tenants/{id}/recovery/lost`: what became of the server that was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettleLost {
    /// Which server.
    pub server: ServerId,
    /// What was done about it.
    pub became: LostServerFate,
    /// What shows it: the provider's ticket, the task that wiped it, a date.
    pub evidence: String,
}

/// How a lost server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostServerFate {
    /// It was found and wiped; it may be returned to the pool.
    Wiped,
    /// It was given back to the provider; its name is never used again.
    Cancelled,
}

/// How far a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryState {
    /// Under way.
    Running,
    /// The customer is live again.
    Finished,
    /// The server was not lost after all.
    Cancelled,
    /// It failed, and another one began in its place.
    Superseded,
}

/// What a recovery waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// A server from the pool.
    Server,
    /// The new server's system.
    System,
    /// The run on the new server.
    Run,
    /// The keys from the escrow: a person with an identity file.
    Keys,
    /// The customer's DNS records.
    Dns,
    /// The next try.
    Retry,
    /// The operator's decision.
    Operator,
    /// What was claimed is taken out of use.
    Release,
    /// It has ended.
    Nothing,
}

/// One recovery with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryEntry {
    /// Its id.
    pub id: RecoveryId,
    /// Whose server.
    pub tenant: OrderId,
    /// The customer's domain.
    pub domain: DomainName,
    /// How far it is.
    pub state: RecoveryState,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// By whom.
    pub requested_by: String,
    /// What had happened.
    pub reason: String,
    /// From when the time is counted: the request, or that of a recovery that failed before.
    pub clock_started_at: DateTime<Utc>,
    /// The newest data before this moment was asked for.
    pub at: Option<DateTime<Utc>>,
    /// The copies outside were to be read as of this moment.
    pub as_of: Option<DateTime<Utc>>,
    /// Where the other server was to stand, if not where the order wants it.
    pub region: Option<Region>,
    /// The lost server.
    pub lost: LostServer,
    /// When it was last heard.
    pub last_heard_at: Option<DateTime<Utc>>,
    /// The server in its place.
    pub server: Option<ServerId>,
    /// Where that one answers.
    pub address: Option<IpAddr>,
    /// The order's phase, while it is under way.
    pub phase: Option<String>,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// Whether it can be taken back; a Hub that does not say so yet is not asked to.
    #[serde(default)]
    pub can_be_cancelled: bool,
    /// What stands in the way.
    pub problem: Option<Problem>,
    /// The keys that its run asked for.
    pub keys: Option<KeysRequest>,
    /// What came back.
    pub restored: Vec<RestoredTool>,
    /// The moment of the oldest data that came back.
    pub data_as_of: Option<DateTime<Utc>>,
    /// When the customer was live again, or it ended otherwise.
    pub finished_at: Option<DateTime<Utc>>,
    /// How long the customer was, or has been, without a server.
    pub rto_seconds: u64,
    /// How much time of data is gone; known once something came back.
    pub rpo_seconds: Option<u64>,
}

/// The server that was lost, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostServer {
    /// Which.
    pub server: Option<ServerId>,
    /// Where it answered.
    pub address: Option<IpAddr>,
    /// What became of it; a person finds out.
    pub settled: Option<SettledServer>,
}

/// What became of a lost server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledServer {
    /// What was done about it.
    pub became: LostServerFate,
    /// What shows it.
    pub evidence: String,
    /// Who says so.
    pub by: String,
    /// When they said so.
    pub at: DateTime<Utc>,
}

/// A run's request for the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysRequest {
    /// An age recipient; its secret half exists in the new server's memory only.
    pub recipient: String,
    /// Since when they are needed.
    pub needed_at: DateTime<Utc>,
    /// When the run gives up.
    pub deadline: DateTime<Utc>,
    /// When they were given to the Hub, sealed.
    pub given_at: Option<DateTime<Utc>>,
    /// By whom.
    pub given_by: Option<String>,
    /// When the provisioner got them.
    pub handed_at: Option<DateTime<Utc>>,
}

impl RecoveryEntry {
    /// Whether a person has still to find out what became of the lost server.
    #[must_use]
    pub const fn lost_server_is_open(&self) -> bool {
        matches!(self.state, RecoveryState::Finished)
            && self.lost.server.is_some()
            && self.lost.settled.is_none()
    }
}

/// The short form of an age recipient that two people compare: groups of its last characters, `…5h2k 9qxw 7d3m p0tz`.
#[must_use]
pub fn recipient_fingerprint(recipient: &str) -> String {
    let characters: Vec<char> = recipient.chars().collect();
    let last = &characters[characters.len().saturating_sub(FINGERPRINT_CHARACTERS)..];
    let groups: Vec<String> = last.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

/// 5 bits each.
const FINGERPRINT_CHARACTERS: usize = 24;

#[cfg(test)]
mod tests {
    use super::recipient_fingerprint;

    #[test]
    fn a_fingerprint_is_the_end_of_the_recipient_in_groups() {
        let recipient = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqabcdefghijklmnopqrstuvwx";
        assert_eq!(recipient_fingerprint(recipient), "abcd efgh ijkl mnop qrst uvwx");
        assert_eq!(recipient_fingerprint("short"), "shor t");
        assert_ne!(
            recipient_fingerprint(recipient),
            recipient_fingerprint(&recipient.replace("uvwx", "uvwy"))
        );
    }
}
