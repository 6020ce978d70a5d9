//! What happened on a server, told to the Hub in order.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CommandResult, UpdateSign};
use crate::{
    Problem,
    backup::Proof,
    ids::{ApprovalId, SetId},
};

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
        /// SHA-256 of the two keys in hex: the same keys sealed again have the same. Older programs do not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
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
    /// A tool was brought back to what it had, or what a restore had put aside was.
    Restored {
        /// The tool.
        tool: String,
        /// The set that was restored, or whose restore was undone.
        set: SetId,
        /// When that set was taken.
        taken_at: DateTime<Utc>,
        /// Whether a restore was undone.
        undone: bool,
        /// Why the tool has what it had before, if it has.
        problem: Option<Problem>,
        /// How long it took.
        milliseconds: u64,
    },
    /// A backup was restored beside everything to see whether it holds.
    Proven {
        /// The evidence.
        proof: Proof,
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

impl Approval {
    /// Whether it cannot be taken back once it is done: it destroys, or something leaves the server. A class that is not
    /// known counts as such.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        !["GREEN", "YELLOW"].contains(&self.class.as_str())
    }
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
