//! The record of the guarded move of SSH to its new port.

use letsbe_types::Problem;
use serde::{Deserialize, Serialize};

use crate::{facts::text_of, machine::Machine};

/// Where the record lies.
pub const STATE_FILE: &str = letsbe_types::paths::SSH_MOVE;

/// How far the move has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// SSH is as the machine came.
    #[default]
    NotBegun,
    /// SSH listens on the old and the new port; a timer puts it back.
    Both,
    /// A login on the new port was seen from outside; nothing is ever put back.
    Confirmed,
}

/// The record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshState {
    /// How far the move has come.
    pub phase: Phase,
    /// Text of our drop-in file before the move; `None` if there was none.
    pub previous: Option<String>,
}

impl SshState {
    /// The record as it is written.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n", serde_json::json!(self))
    }
}

/// Reads the record. One that cannot be understood says nothing: the move then begins again, which is safe.
///
/// # Errors
/// When the file is there and cannot be read.
pub(super) async fn read(machine: &dyn Machine) -> Result<SshState, Problem> {
    let text = text_of(machine, STATE_FILE).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}
