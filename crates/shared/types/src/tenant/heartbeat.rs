//! The heartbeat: the state of a server.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::backup::{Protection, RemoteSync};

/// `POST /api/v1/tenant/heartbeat`: the state of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Version of this message ([`super::limits::HEARTBEAT_VERSION`]).
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
    /// Last entry of the command gate's log: number and SHA-256 in hex; where more lines are new than a heartbeat may
    /// tell, the last one that it tells.
    pub gate_log: LogHead,
    /// How the log goes on to there from what the Hub said that it knows. `None` where the Hub said nothing, or the
    /// server's program is too old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_chain: Option<LogChain>,
    /// The owner of a tool can upload nothing more: its folder, or the disk, is full.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uploads_full: bool,
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
    /// How often of these within the last hour, as far as the agent has seen it; an older agent tells none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub restarts_last_hour: u32,
    /// Whether it was killed for want of memory when it last ended.
    pub out_of_memory: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_none(count: &u32) -> bool {
    *count == 0
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The copy outside the server; `None` where the server's program is too old to say.
    #[serde(default)]
    pub remote: Option<RemoteSync>,
    /// When the copy outside was last made and read back.
    #[serde(default)]
    pub remote_at: Option<DateTime<Utc>>,
    /// What the far side does against whoever holds this server's credentials; `None` without a destination.
    #[serde(default)]
    pub protection: Option<Protection>,
    /// Bytes of the local repository on disk.
    #[serde(default)]
    pub repository_bytes: u64,
    /// When the repository itself was last looked at.
    #[serde(default)]
    pub checked_at: Option<DateTime<Utc>>,
    /// What that look found damaged.
    #[serde(default)]
    pub damage: u32,
    /// Per tool and part of the platform; at most [`super::limits::BACKUP_TOOLS`].
    #[serde(default)]
    pub tools: Vec<ToolBackupSign>,
}

/// How the backups of one tool stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolBackupSign {
    /// The tool, or part of the platform.
    pub tool: String,
    /// When its newest complete set was taken.
    pub taken_at: Option<DateTime<Utc>>,
    /// When a set of it was last restored, started, probed and compared without a difference.
    pub proven_at: Option<DateTime<Utc>>,
    /// Whether the last run made a set of it.
    pub ok: bool,
    /// Whether its last proof did not fail. One that could not be carried through did not fail: it is overdue one day.
    pub proof_ok: bool,
    /// Its proofs from the copy outside; `None` without such a copy, or where the server's program is too old to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<OutsideProofSign>,
}

/// How the proofs of one tool from the copy outside stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideProofSign {
    /// Since when there has been a copy of it there.
    pub since: DateTime<Utc>,
    /// When a set of it was last restored from there, started, probed and compared without a difference.
    pub proven_at: Option<DateTime<Utc>>,
    /// Whether the last proof from there did not fail.
    pub ok: bool,
}

impl OutsideProofSign {
    /// A week without a proof.
    #[must_use]
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        now - self.proven_at.unwrap_or(self.since) > TimeDelta::days(7)
    }
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
    /// The release that its image is (`v2026.10`); an older agent does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
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

/// A piece of a hash chain: hashes of lines, never what stands in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogChain {
    /// The line before the first, as it is on the server now.
    pub after: LogHead,
    /// Hashes of the lines that follow on it, one after the other; at most [`super::limits::LOG_HASHES`].
    pub hashes: Vec<String>,
}

impl LogChain {
    /// The hash of the line of this number, if it is in this piece.
    #[must_use]
    pub fn hash_of(&self, entry: u64) -> Option<&str> {
        match entry.checked_sub(self.after.entry)? {
            0 => Some(&self.after.hash),
            place => Some(self.hashes.get(usize::try_from(place - 1).ok()?)?),
        }
    }
}
