//! The answer to a heartbeat, and what the Hub decided about a tenant.

use serde::{Deserialize, Serialize};

use super::TenantCommand;

/// Answer to a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// The configuration, if the agent has another one.
    pub configuration: Option<TenantConfiguration>,
    /// Commands that wait (the same that [`CommandsReply`] would give).
    pub commands: Vec<TenantCommand>,
    /// The last line of the gate's log to which the Hub could follow; the next heartbeat goes on from there. `None` from
    /// an older Hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_log: Option<super::LogHead>,
    /// Fingerprint of the access to models that the server should have ([`crate::relay::fingerprint`]); a server with
    /// another one asks for it. `None`: the Hub relays no models, and the server keeps what it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<String>,
    /// Through which number the Hub has this agent's events. Less than the agent was told before: the Hub was brought
    /// back from its backup, and gets the rest again. `None`: it has none, or is an older one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_through: Option<u64>,
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
