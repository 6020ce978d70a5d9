//! Tasks: what Netcup answers to everything that takes longer than a request.

use serde::{Deserialize, Serialize};

use crate::generated::types::TaskInfo;

/// How a task failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskEnd {
    /// `ERROR`.
    Error,
    /// `CANCELED`.
    Canceled,
    /// `ROLLBACK`: undone by Netcup.
    RolledBack,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Waiting or at work; percent done where Netcup says it.
    Running(Option<u8>),
    /// Done.
    Finished,
    /// Ended without having done its work, and what Netcup says about it.
    Failed(TaskEnd, String),
}

/// The word that a value of an enumeration has on the wire; empty for none. Unknown words pass unchanged.
#[must_use]
pub fn word<T: Serialize>(value: Option<&T>) -> String {
    let value = value.and_then(|value| serde_json::to_value(value).ok());
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A state that is not known yet counts as running: its caller's own deadline ends the wait.
pub(crate) fn state_of(task: &TaskInfo) -> TaskState {
    let end = match word(task.state.as_ref()).as_str() {
        "FINISHED" => return TaskState::Finished,
        "ERROR" => TaskEnd::Error,
        "CANCELED" => TaskEnd::Canceled,
        "ROLLBACK" => TaskEnd::RolledBack,
        _ => {
            let percent = task.task_progress.as_ref().and_then(|progress| progress.progress_in_percent);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to 0..=100"
            )]
            return TaskState::Running(percent.map(|percent| percent.clamp(0.0, 100.0) as u8));
        }
    };
    let error = task.response_error.as_ref();
    let parts = [
        task.message.as_deref(),
        error.and_then(|e| e.code.as_deref()),
        error.and_then(|e| e.message.as_deref()),
    ];
    let message = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    TaskState::Failed(end, message.chars().take(300).collect())
}
