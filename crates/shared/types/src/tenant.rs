//! Messages between a tenant's agent and the Hub. The agent always calls; the Hub answers.
//!
//! Heartbeats carry counts, names and times from an allow-list of fields; never free text from logs, never a value
//! of a secret. Everything is bounded; [`limits`] says how.

mod command;
mod configuration;
mod event;
mod heartbeat;

pub use command::*;
pub use configuration::*;
pub use event::*;
pub use heartbeat::*;

/// Bounds of the messages. The Hub refuses what is beyond them with the field's name.
pub mod limits {
    /// The version of [`super::Heartbeat`] that this program writes.
    pub const HEARTBEAT_VERSION: u32 = 2;
    /// Bytes of a heartbeat.
    pub const HEARTBEAT_BYTES: usize = 64 * 1024;
    /// Containers, updates and drifting operations in one heartbeat.
    pub const LIST: usize = 200;
    /// Lines of the gate's log whose hashes one heartbeat tells.
    pub const LOG_HASHES: usize = 200;
    /// Tools in the sign of a backup.
    pub const BACKUP_TOOLS: usize = 64;
    /// Lines of each list in the evidence of a proof.
    pub const PROOF_LINES: usize = 40;
    /// Steps in the evidence of a proof.
    pub const PROOF_STEPS: usize = 16;
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
