//! Tenants' servers: what they say (heartbeats, events) and what they are told (commands, configuration).

pub(crate) mod approvals;
pub(crate) mod commands;
pub(crate) mod configuration;
pub(crate) mod consequences;
mod escrows;
pub(crate) mod events;
pub(crate) mod gate_log;
pub(crate) mod heartbeats;
pub(crate) mod history;
pub(crate) mod list;
mod proofs;
pub(crate) mod quotas;
pub(crate) mod reads;
pub(crate) mod standings;

/// Why a key is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefused {
    /// No agent has it.
    Unknown,
    /// It was revoked.
    Revoked,
}

/// As the database counts. What is beyond it is capped.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Back again.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
