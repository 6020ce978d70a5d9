//! Where servers come from: a port that every host implements, the choice of a server from a pool, and two
//! providers (Netcup's pool, and servers that an operator assigns).
//!
//! It must never claim a server that is not beyond doubt free, never repeat a write whose outcome is unknown, and
//! never report a server as ordered or cancelled: what a host cannot do is declared in [`Capabilities`].

mod choose;
mod manual;
mod netcup;
mod planted;
mod view;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use letsbe_types::{DomainName, Problem, ids::ServerId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use choose::{NoServer, Refusal, TierSize, Wanted, choose_server};
pub use letsbe_netcup::{TaskEnd, TaskState};
pub use manual::Manual;
pub use netcup::NetcupPool;
pub use planted::PlantedKey;
pub use view::{Power, Resources, ServerView};

/// What a provider can do by itself; the rest is a task for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent abilities, not states")]
pub struct Capabilities {
    /// Order a server.
    pub can_order: bool,
    /// Cancel a server's contract.
    pub can_cancel: bool,
    /// Filter traffic outside the server.
    pub can_firewall: bool,
    /// Take snapshots.
    pub can_snapshot: bool,
    /// Install an operating system.
    pub can_install: bool,
}

/// An operating system to install.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OsImage {
    /// Debian 12, minimal.
    Debian12,
}

/// The provider's name of a running task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub String);

impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a server shall become.
#[derive(Debug, Clone)]
pub struct InstallRequest {
    /// The host name of the installed system.
    pub hostname: DomainName,
    /// The operating system.
    pub image: OsImage,
    /// Public keys (OpenSSH format) that may log in as root; passwords may not.
    pub public_keys: Vec<String>,
    /// The SSH host key that it gets.
    pub host_key: PlantedKey,
    /// When this installation was first asked for. The same request with the same time is the same installation.
    pub requested_at: DateTime<Utc>,
}

/// An installation that is under way or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// By this call: the server gets what it asked for.
    Now(TaskId),
    /// By an earlier call with the same request, whose answer was lost: the server gets what that asked for.
    Before(TaskId),
}

impl Begun {
    /// Its task.
    #[must_use]
    pub fn into_task(self) -> TaskId {
        match self {
            Self::Now(task) | Self::Before(task) => task,
        }
    }
}

/// A provider could not do something.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct ProviderError {
    /// What happened, what to do, and whether trying again can help.
    pub problem: Problem,
    /// How long the provider asked to wait before the next try.
    pub retry_after: Option<std::time::Duration>,
    /// Whether it may have been done all the same: the answer was lost.
    pub outcome_unknown: bool,
}

impl ProviderError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        self.problem.retryable
    }
}

impl From<Problem> for ProviderError {
    fn from(problem: Problem) -> Self {
        Self { problem, retry_after: None, outcome_unknown: false }
    }
}

/// A host of servers.
#[async_trait]
pub trait ServerProvider: Send + Sync {
    /// The word in front of its server ids, for example `netcup`.
    fn name(&self) -> &'static str;

    /// What it can do by itself.
    fn capabilities(&self) -> Capabilities;

    /// Every server the account has, with what matters for adoption. A server that is plainly not free may come
    /// without its details.
    async fn list(&self) -> Result<Vec<ServerView>, ProviderError>;

    /// One server with its addresses, power state and size.
    async fn server(&self, id: &ServerId) -> Result<ServerView, ProviderError>;

    /// The installation that was asked for at this moment, if it was begun: running or finished.
    async fn find_install(
        &self,
        id: &ServerId,
        requested_at: DateTime<Utc>,
    ) -> Result<Option<TaskId>, ProviderError>;

    /// Starts an installation, or finds it when an earlier call with the same request got through.
    async fn start_install(&self, id: &ServerId, request: &InstallRequest) -> Result<Begun, ProviderError>;

    /// Where a task stands.
    async fn task(&self, id: &ServerId, task: &TaskId) -> Result<TaskState, ProviderError>;
}
