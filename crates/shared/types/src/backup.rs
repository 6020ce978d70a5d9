//! Backups as several programs speak of them: where they go, what `backup-status.json` says, what a proof found.

pub mod rclone;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Problem, Secret, ids::SetId, tenant::limits};

/// The oldest restic whose commands and answers are those that we use: major and minor number.
pub const RESTIC_MIN: (u32, u32) = (0, 18);

/// Where the copies outside the server go (runbook 4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Destination {
    /// An S3 bucket: Netcup's, or the customer's own.
    S3(S3Destination),
    /// A remote of rclone's, of the types in [`rclone`].
    Rclone(RcloneDestination),
}

/// A folder in an S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Destination {
    /// Base address of the service, `https://…`; `http://` only for private addresses.
    pub endpoint: String,
    /// Region, as the service names it.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Folder in the bucket, without slashes at its ends. One tenant each.
    pub prefix: String,
    /// The tenant's own access key.
    pub access_key_id: String,
    /// Its secret half.
    #[serde(serialize_with = "exposed")]
    pub secret_access_key: Secret<String>,
    /// Whether the far side keeps what these credentials delete, as it was read back when the bucket was set up.
    pub protection: Protection,
}

/// A path on an rclone remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RcloneDestination {
    /// Name of the remote in `configuration`.
    pub remote: String,
    /// Path on it. One tenant each.
    pub path: String,
    /// Text of an `rclone.conf` with that remote. Never given to rclone as it is: see [`RcloneDestination::checked`].
    #[serde(serialize_with = "exposed")]
    pub configuration: Secret<String>,
}

/// A destination travels to the server that it is for, with what opens it.
fn exposed<S: Serializer>(secret: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// What the far side does against whoever holds the tenant's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Protection {
    /// Every version is kept for so many days, whatever is deleted: versioning with object lock.
    Locked {
        /// Days.
        days: u32,
    },
    /// Versions are kept, but nothing locks them.
    Versioned,
    /// What is deleted is gone.
    Unprotected,
}

impl Destination {
    /// The hosts that it leads to, as an HTTP client reads them, with their ports. One that nobody can read is empty.
    #[must_use]
    pub fn hosts(&self) -> Vec<(String, u16)> {
        match self {
            Self::S3(s3) => {
                let url = url::Url::parse(&s3.endpoint).ok();
                let host = url.as_ref().and_then(url::Url::host_str).unwrap_or_default().to_owned();
                vec![(host, url.and_then(|url| url.port_or_known_default()).unwrap_or(443))]
            }
            Self::Rclone(rclone) => rclone.checked().map_or_else(
                |_| Vec::new(),
                |checked| checked.hosts().iter().map(|host| (host.clone(), 443)).collect(),
            ),
        }
    }

    /// What the far side does against whoever holds the tenant's credentials.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        match self {
            Self::S3(s3) => s3.protection,
            Self::Rclone(_) => Protection::Unprotected,
        }
    }

    /// Where it is, in words without what opens it; as short as a name in a message.
    #[must_use]
    pub fn place(&self) -> String {
        let place = match self {
            Self::S3(s3) => format!("{}/{}/{}", s3.endpoint.trim_end_matches('/'), s3.bucket, s3.prefix),
            Self::Rclone(rclone) => format!("{}:{}", rclone.remote, rclone.path),
        };
        plain(&place, limits::NAME, "")
    }
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All of it worked.
    Success,
    /// Some of it worked.
    Partial,
    /// None of it worked.
    Failed,
}

/// How the copy outside the server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteSync {
    /// It was made and read back.
    Success,
    /// It was tried and did not work.
    Failed,
    /// No destination is set.
    NotConfigured,
}

/// `/opt/letsbe/backups/backup-status.json`: the runbook's fields (4.4), and more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupStatus {
    /// When the last run ended.
    pub timestamp: DateTime<Utc>,
    /// How.
    pub status: Ending,
    /// How long it took.
    pub duration_seconds: u64,
    /// Databases in the sets of this run.
    pub databases_backed_up: u32,
    /// Whether every declared file of every tool is in them.
    pub files_backed_up: bool,
    /// The copy outside.
    pub remote_sync: RemoteSync,
    /// Size of what the newest sets hold, before deduplication, in GB (10^9 bytes).
    pub total_size_gb: f64,
    /// What did not work, a line each.
    pub errors: Vec<String>,
    /// What somebody should know of a run that worked, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Bytes that this run added to the local repository.
    #[serde(default)]
    pub added_bytes: u64,
    /// Bytes of the local repository on disk.
    #[serde(default)]
    pub repository_bytes: u64,
    /// When the copy outside was last made and read back.
    #[serde(default)]
    pub remote_at: Option<DateTime<Utc>>,
    /// The last share of the data outside that was read back, pack by pack, and found whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_check: Option<RepositoryCheck>,
    /// What the far side does against whoever holds this server's credentials; `None` without a destination.
    #[serde(default)]
    pub protection: Option<Protection>,
    /// Per tool (and per part of the platform: `nginx`, `openclaw`, `letsbe`).
    #[serde(default)]
    pub tools: BTreeMap<String, ToolBackup>,
    /// The last look at the repository itself.
    #[serde(default)]
    pub check: Option<RepositoryCheck>,
}

/// One tool in `backup-status.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolBackup {
    /// The newest complete set.
    pub set: Option<SetId>,
    /// When it was taken.
    pub taken_at: Option<DateTime<Utc>>,
    /// Its size before deduplication.
    pub bytes: u64,
    /// Rows in its databases.
    pub rows: u64,
    /// Files in it.
    pub files: u64,
    /// Why the last run made no set of it, if it made none.
    pub problem: Option<Problem>,
    /// Databases that somebody made on the tool's own database server, by name: the catalog does not know them, and no set
    /// has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// When a set of it was last restored, started, probed and compared without a difference.
    pub proven_at: Option<DateTime<Utc>>,
    /// Which set that was.
    pub proven_set: Option<SetId>,
    /// Why its last proof failed, if it did.
    pub proof_problem: Option<Problem>,
    /// Its proofs from the copy outside; `None` where there is no such copy, or nobody has looked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<OutsideProof>,
}

/// How the proofs of a tool from the copy outside stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideProof {
    /// Where that copy is. A proof of another place says nothing about this one.
    pub place: String,
    /// Since when there has been a copy of the tool there.
    pub since: DateTime<Utc>,
    /// When a set of it was last restored from there, started, probed and compared without a difference.
    #[serde(default)]
    pub proven_at: Option<DateTime<Utc>>,
    /// Which set that was.
    #[serde(default)]
    pub proven_set: Option<SetId>,
    /// Why the last proof from there failed, if it did.
    #[serde(default)]
    pub problem: Option<Problem>,
}

impl ToolBackup {
    /// There is a copy of the tool at this place. What was proven at another is over.
    pub fn found_outside(&mut self, place: &str, at: DateTime<Utc>) {
        if self.outside.as_ref().is_none_or(|known| known.place != place) {
            let place = place.to_owned();
            let (proven_at, proven_set, problem) = (None, None, None);
            self.outside = Some(OutsideProof { place, since: at, proven_at, proven_set, problem });
        }
    }
}

/// A look at a repository's own structure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryCheck {
    /// When.
    pub at: DateTime<Utc>,
    /// Which share of the data was read: part `0` of `parts`.
    pub part: u32,
    /// Into how many parts the data is divided.
    pub parts: u32,
    /// What is damaged, and which sets that touches; empty is fine.
    pub damage: Vec<String>,
}

/// Evidence of one proof: a set that was restored beside everything, started, probed and compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The tool.
    pub tool: String,
    /// The set.
    pub set: SetId,
    /// When the set was taken.
    pub taken_at: DateTime<Utc>,
    /// When the proof began.
    pub began_at: DateTime<Utc>,
    /// How long each part took, in milliseconds, in order: `restore`, `compare`, `start`, `probe`, `remove`.
    pub steps: Vec<ProofStep>,
    /// What was compared and found equal, in words with numbers.
    pub equal: Vec<String>,
    /// What was different from the manifest; empty is a proof.
    pub differences: Vec<String>,
    /// Why it could not be carried through, if it could not.
    pub problem: Option<Problem>,
    /// The copy outside that it was restored from, as [`Destination::place`] says it; `None` is the local repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
}

impl Proof {
    /// Whether it proves the set.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.differences.is_empty() && self.problem.is_none()
    }

    /// The evidence as messages take it: few, short, plain lines. What is left out is counted.
    #[must_use]
    pub fn bounded(self) -> Self {
        let Self { tool, set, taken_at, began_at, mut steps, equal, differences, problem, outside } = self;
        steps.truncate(limits::PROOF_STEPS);
        let problem = problem.map(|problem| Problem {
            message: plain(&problem.message, limits::TEXT, "\n\t"),
            hint: plain(&problem.hint, limits::TEXT, "\n\t"),
            ..problem
        });
        let (equal, differences) = (few(equal), few(differences));
        let outside = outside.map(|place| plain(&place, limits::NAME, ""));
        Self { tool, set, taken_at, began_at, steps, equal, differences, problem, outside }
    }
}

fn few(lines: Vec<String>) -> Vec<String> {
    let room = if lines.len() > limits::PROOF_LINES { limits::PROOF_LINES - 1 } else { lines.len() };
    let more = (lines.len() > room).then(|| format!("and {} more", lines.len() - room));
    lines.iter().take(room).map(|line| plain(line, limits::NAME, "")).chain(more).collect()
}

/// Text that cannot act on the terminal or page that shows it.
fn plain(text: &str, bytes: usize, kept: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let shown = |c: &char| !turns(*c) && (!c.is_control() || kept.contains(*c));
    let mut text: String = text.chars().filter(shown).collect();
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// One part of a proof or of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofStep {
    /// Its name.
    pub name: String,
    /// How long it took.
    pub milliseconds: u64,
}
