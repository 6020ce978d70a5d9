//! What the Hub tells its staff about backups (`/api/v1/admin/backups`, `/api/v1/admin/tenants/{id}/backups`).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    DomainName, Problem,
    backup::{Proof, Protection},
    ids::{AlarmId, DrillId, OrderId},
    tenant::BackupSign,
};

/// How a tenant's backups are, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// Made, outside, proven.
    Fine,
    /// The server is too new to have one.
    Awaited,
    /// There is one; something about it is not as it should be.
    Troubled,
    /// There is none that counts: none at all, too old, or something outside is wrong.
    Failed,
    /// The tenant's order has ended: no more are made.
    Ended,
}

impl BackupState {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Awaited => "awaited",
            Self::Troubled => "troubled",
            Self::Failed => "failed",
            Self::Ended => "ended",
        }
    }
}

/// A tenant's backups in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSummary {
    /// Whose.
    pub tenant: OrderId,
    /// The customer's domain.
    pub domain: DomainName,
    /// How they are.
    pub state: BackupState,
    /// What is wrong, one sentence each.
    pub troubles: Vec<String>,
    /// When everything was last backed up.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// What the server said last.
    pub sign: Option<BackupSign>,
    /// When the tool that was proven longest ago was proven; `None` when some tool never was.
    pub oldest_proof_at: Option<DateTime<Utc>>,
    /// Where the copies outside go.
    pub destination: Option<DestinationEntry>,
    /// What is there, as the Hub counted it without the tenant's key.
    pub look: Option<Look>,
    /// What the counting found wrong, and nobody has acknowledged.
    pub alarms: Vec<Alarm>,
}

/// A tenant's backups with all that the Hub knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantBackups {
    /// In short.
    #[serde(flatten)]
    pub summary: BackupSummary,
    /// Proofs, newest first.
    pub proofs: Vec<Proof>,
    /// What was counted in the last two days, newest first.
    pub hours: Vec<Look>,
    /// What was counted at the end of each day, newest first.
    pub days: Vec<Look>,
    /// Alarms that ended or were acknowledged, newest first.
    pub past_alarms: Vec<Alarm>,
    /// Drills, newest first.
    pub drills: Vec<Drill>,
}

/// Where a tenant's copies go. It holds nothing that opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationEntry {
    /// `s3` or `rclone`.
    pub kind: String,
    /// Address of the service, or name of the remote.
    pub endpoint: String,
    /// The bucket, or the path on the remote.
    pub bucket: String,
    /// The tenant's folder in it.
    pub prefix: String,
    /// The public half of the tenant's key.
    pub access_key_id: Option<String>,
    /// What it does against whoever holds the tenant's key, as it was read back.
    pub protection: Protection,
    /// When this was set up.
    pub made_at: DateTime<Utc>,
    /// Whether the Hub's own account made it, so that the Hub can count what is in it.
    pub watched: bool,
}

/// What a tenant's folder held at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When.
    pub at: DateTime<Utc>,
    /// Objects as a visitor sees them.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Versions that were deleted or written over and are still kept.
    pub noncurrent_objects: u64,
    /// Their bytes.
    pub noncurrent_bytes: u64,
    /// Marks that something was deleted.
    pub delete_markers: u64,
    /// When an object was last written.
    pub newest_at: Option<DateTime<Utc>>,
}

/// What is wrong with a tenant: with its folder, as seen from outside, or with what its server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Much of it is gone within a day.
    Shrunk,
    /// Much of it was deleted or written over within a day, whatever came instead.
    Replaced,
    /// It has grown to a multiple within a day.
    Grown,
    /// Nothing new came for more than a day.
    Quiet,
    /// It could not be counted for hours.
    Unseen,
    /// The server sent keys for the escrow that were not kept.
    KeysRefused,
    /// The keys in escrow are others than before, and nothing that the Hub knows of explains it.
    KeysChanged,
    /// The server sent more than any server has to say.
    Flooded,
}

impl AlarmKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Shrunk,
        Self::Replaced,
        Self::Grown,
        Self::Quiet,
        Self::Unseen,
        Self::KeysRefused,
        Self::KeysChanged,
        Self::Flooded,
    ];
    /// Those that counting the folder finds, and ends.
    pub const COUNTED: [Self; 5] = [Self::Shrunk, Self::Replaced, Self::Grown, Self::Quiet, Self::Unseen];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shrunk => "shrunk",
            Self::Replaced => "replaced",
            Self::Grown => "grown",
            Self::Quiet => "quiet",
            Self::Unseen => "unseen",
            Self::KeysRefused => "keys_refused",
            Self::KeysChanged => "keys_changed",
            Self::Flooded => "flooded",
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Shrunk | Self::Replaced | Self::Grown | Self::Quiet | Self::Unseen => "copies outside",
            Self::KeysRefused | Self::KeysChanged => "keys in escrow",
            Self::Flooded => "messages of the server",
        }
    }

    /// Whether the numbers go back to normal by themselves when the days pass, although nothing is well again: such
    /// an alarm ends only when what was there is there again, or a person has looked.
    #[must_use]
    pub const fn lasts(self) -> bool {
        matches!(self, Self::Shrunk | Self::Replaced | Self::Grown)
    }
}

/// Something that was found wrong with a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its id.
    pub id: AlarmId,
    /// What.
    pub kind: AlarmKind,
    /// What, with numbers.
    pub message: String,
    /// When it was found.
    pub began_at: DateTime<Utc>,
    /// What was there before; nothing for what no counting found.
    pub before: Look,
    /// When it was well again.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who has looked at it.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at: Option<DateTime<Utc>>,
}

/// Which drill (runbook 9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillKind {
    /// Every tool of a tenant is restored beside everything, started, probed and compared, by its own server.
    Monthly,
    /// A whole server is brought back on a spare one, by a person.
    Quarterly,
}

impl DrillKind {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
        }
    }
}

/// A drill and what it showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// Its id.
    pub id: DrillId,
    /// Whose backups.
    pub tenant: OrderId,
    /// Which drill.
    pub kind: DrillKind,
    /// When it is to be done.
    pub due_at: DateTime<Utc>,
    /// When it began.
    pub began_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it showed.
    pub report: Option<DrillReport>,
}

/// What a drill showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillReport {
    /// Whether it showed that the backups can be restored.
    pub passed: bool,
    /// In one line.
    pub summary: String,
    /// Who did it: an operator, or nobody.
    #[serde(default)]
    pub by: Option<String>,
    /// The proofs that belong to it.
    #[serde(default)]
    pub proofs: Vec<Proof>,
    /// Seconds from the loss to a server that serves again.
    #[serde(default)]
    pub rto_seconds: Option<u64>,
    /// Seconds between the loss and the newest data that came back.
    #[serde(default)]
    pub rpo_seconds: Option<u64>,
    /// Why it could not be carried through.
    #[serde(default)]
    pub problem: Option<Problem>,
}

/// `POST /api/v1/admin/tenants/{id}/drills`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillRequest {
    /// Which drill.
    pub kind: DrillKind,
}

/// `POST /api/v1/admin/tenants/{id}/drills/{drill}`: what an operator's drill showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillOutcome {
    /// Whether the server came back with everything.
    pub passed: bool,
    /// Seconds from the loss to a server that serves again.
    pub rto_seconds: u64,
    /// Seconds between the loss and the newest data that came back.
    pub rpo_seconds: u64,
    /// What was seen, in a few words.
    pub notes: String,
}

/// How the Hub's own backup is (`/api/v1/admin/backups/hub`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubBackup {
    /// In one word.
    pub state: BackupState,
    /// What is wrong, one sentence each.
    pub troubles: Vec<String>,
    /// When one last succeeded.
    pub succeeded_at: Option<DateTime<Utc>>,
}

/// What `letsbe backups list --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupList {
    /// The Hub's own backup.
    pub hub: HubBackup,
    /// A page of tenants' backups.
    pub tenants: Vec<BackupSummary>,
    /// Which page of how many, and how many there are of each kind.
    #[serde(default)]
    pub meta: std::collections::BTreeMap<String, serde_json::Value>,
}

/// What the Hub's own database holds; a copy must hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubCounts {
    /// Orders.
    pub orders: u64,
    /// Tenants: orders whose server has an agent.
    pub tenants: u64,
    /// Members of staff.
    pub staff: u64,
    /// Keys that servers sealed away.
    pub escrows: u64,
}
