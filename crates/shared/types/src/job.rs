//! A provisioning job and the events of its run.
//!
//! The Hub hands a [`ProvisionJob`] to the provisioner on standard input. The provisioner hands [`DesiredServer`] to
//! the node program on the tenant's server. The node answers with [`RunEvent`]s, kept in a journal on that server.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    DomainName, EmailAddress, Problem, Tier,
    backup::Destination,
    ids::{JobId, ServerIdentity, SetId},
    link::ModelAccess,
};

/// All that a provisioner needs to know. Read from standard input: it carries a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionJob {
    /// The job, and the id of its run on the server.
    pub id: JobId,
    /// Where the server answers.
    pub address: IpAddr,
    /// Port of the SSH server of a fresh machine, normally 22.
    pub first_port: u16,
    /// File with the private key that the machine was installed with.
    pub private_key: std::path::PathBuf,
    /// The host key that the server must show (OpenSSH one-line form), or its fingerprint. With `None` nothing but a
    /// key exchange happens, and the job ends with the fingerprint that a person has to compare.
    pub host_key: Option<String>,
    /// Folder with the bundle: `letsbe-node`, `catalog/`.
    pub bundle: std::path::PathBuf,
    /// Where to report; `None` when there is no Hub (`letsbe provision`).
    pub report: Option<ReportTarget>,
    /// What the server shall become.
    pub desired: DesiredServer,
}

/// Where a provisioner reports to. The token is read from a file, so that no token stands in a serialised job.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportTarget {
    /// Base address of the Hub.
    pub hub_url: String,
    /// File that holds the runner token (mode 0600).
    pub token_file: std::path::PathBuf,
}

/// What a server shall become. Written to `/opt/letsbe/config.json` (0600) for the run and removed by step 10,
/// because it carries the registration token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesiredServer {
    /// Identity to plant; refused if the server already carries another one.
    pub identity: ServerIdentity,
    /// The customer's domain.
    pub domain: DomainName,
    /// The customer.
    pub owner_email: EmailAddress,
    /// IANA name, for example `Europe/Berlin`.
    pub timezone: String,
    /// What was bought.
    pub tier: Tier,
    /// Tools in dependency order.
    pub tools: Vec<String>,
    /// Public keys (OpenSSH one-line form) that may log in as `letsbe-admin`. Never empty.
    pub admin_keys: Vec<String>,
    /// Where Docker comes from.
    pub docker: DockerSource,
    /// Mirrors of the public image registry, asked first.
    pub registry_mirrors: Vec<String>,
    /// Where certificates come from.
    pub certificates: CertificateAuthority,
    /// The Hub, if there is one.
    pub hub: Option<HubLink>,
    /// Which models the AI runtime may use, and with which keys; `None` leaves it without a model.
    #[serde(default)]
    pub models: Option<ModelAccess>,
    /// Where backups go outside the server; `None` keeps them on the server only.
    #[serde(default)]
    pub backups: Option<Destination>,
    /// What a lost server is brought back from; `None` makes a new one (runbook 5.2).
    #[serde(default)]
    pub restore: Option<RestoreFrom>,
}

/// What a lost server is brought back from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreFrom {
    /// Where the copies are, with credentials that may read them.
    pub source: Destination,
    /// The newest sets before this moment; `None` is the newest of all.
    pub at: Option<DateTime<Utc>>,
    /// Read the far side as it was at this moment: after somebody deleted there what he could.
    pub as_of: Option<DateTime<Utc>>,
}

/// Where Docker is installed from (DESIGN section 6, step 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DockerSource {
    /// Docker's own package repository for the server's distribution.
    Upstream,
    /// The distribution's own packages.
    Distro,
}

/// The ACME authority that certificates are requested from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateAuthority {
    /// Address of the ACME directory; `None` is certbot's own default.
    pub directory_url: Option<String>,
    /// PEM of the authority that the directory's own HTTPS certificate chains to; `None` where the system trusts it.
    pub directory_roots_pem: Option<String>,
    /// PEM of the roots that issued certificates chain to, for our own checks; `None` where the system trusts them.
    pub issued_roots_pem: Option<String>,
    /// Contact for the ACME account.
    pub contact: EmailAddress,
}

/// How the agent reaches the Hub.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubLink {
    /// Base address, `https://…`; `http://` only for private addresses.
    pub url: String,
    /// One-time token for the registration. Travels inside the file only.
    pub registration_token: String,
    /// The Hub takes the agent's present key no more: it registers again, once with this token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

impl HubLink {
    /// Tells by which token an agent was registered, and no token.
    #[must_use]
    pub fn mark_of(registration_token: &str) -> String {
        use sha2::Digest as _;
        hex::encode(&sha2::Sha256::digest(registration_token)[..8])
    }
}

impl std::fmt::Debug for HubLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubLink").field("url", &self.url).finish_non_exhaustive()
    }
}

/// One line of a run's journal. `sequence` starts at 1 and has no gaps, over restarts too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvent {
    /// Number in this run.
    pub sequence: u64,
    /// The server's clock.
    pub at: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub event: RunEventKind,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEventKind {
    /// The run began, or began again after it was killed.
    Started {
        /// 1 for the first time.
        attempt: u32,
    },
    /// A step began.
    StepStarted {
        /// 1 to 10 as in the runbook, 11 for the verification.
        step: u8,
        /// The step in words.
        title: String,
    },
    /// An operation ended.
    Operation {
        /// Its step.
        step: u8,
        /// Its name, for example `packages.installed`.
        operation: String,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        milliseconds: u64,
    },
    /// SSH listens on the new port too; a login from outside must confirm it before the deadline, else it reverts.
    SshConfirmationNeeded {
        /// The new port.
        port: u16,
        /// The user to log in as.
        user: String,
        /// To be given to `letsbe-node confirm-ssh`.
        nonce: String,
        /// When the change reverts.
        deadline: DateTime<Utc>,
    },
    /// The run brings a lost server back and needs the keys from the escrow, sealed to this recipient whose secret
    /// half exists in this server's memory only.
    KeysNeeded {
        /// An age recipient (`age1…`).
        recipient: String,
        /// When the run gives up.
        deadline: DateTime<Utc>,
    },
    /// What came back of a lost server. Told again whenever a tool is back; the last one counts.
    Restored {
        /// What is back so far, in the order in which it came.
        tools: Vec<RestoredTool>,
    },
    /// A step ended.
    StepFinished {
        /// The step.
        step: u8,
        /// The gravest outcome of its operations.
        result: StepResult,
        /// How long it took.
        milliseconds: u64,
    },
    /// The run ended.
    Finished {
        /// `None` is success.
        problem: Option<Problem>,
    },
}

/// A tool, or a part of the platform, that came back from a backup onto a new server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoredTool {
    /// Its name.
    pub tool: String,
    /// The set it came from.
    pub set: SetId,
    /// When that set was taken.
    pub taken_at: DateTime<Utc>,
    /// Rows in its databases, as compared with the set's manifest.
    pub rows: u64,
    /// Files, likewise.
    pub files: u64,
    /// How long it took.
    pub milliseconds: u64,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing had to change.
    Converged {
        /// What was read that shows it.
        why: String,
    },
    /// Something was changed, and read back.
    Changed {
        /// What was found before, and why that had to change.
        what: String,
    },
    /// It works, with a blemish that a person should know.
    Warned {
        /// What is not as it should be.
        warning: String,
    },
    /// Not wanted here.
    Skipped {
        /// Why.
        why: String,
    },
    /// It did not work.
    Failed {
        /// Why, and what to do.
        problem: Problem,
    },
}

/// The gravest outcome of a step's operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// Nothing had to change.
    Converged,
    /// Something changed.
    Changed,
    /// Something is not as it should be.
    Warned,
    /// The step failed.
    Failed,
}

impl Outcome {
    /// What this outcome means for its step.
    #[must_use]
    pub const fn result(&self) -> StepResult {
        match self {
            Self::Converged { .. } | Self::Skipped { .. } => StepResult::Converged,
            Self::Changed { .. } => StepResult::Changed,
            Self::Warned { .. } => StepResult::Warned,
            Self::Failed { .. } => StepResult::Failed,
        }
    }
}

/// The runbook's ten steps and the verification that follows them (runbook 3.1, 3.4).
pub const STEPS: [(u8, &str); 11] = [
    (1, "System packages"),
    (2, "Docker"),
    (3, "Conflicting services"),
    (4, "nginx"),
    (5, "Firewall"),
    (6, "Admin user"),
    (7, "SSH hardening"),
    (8, "Security updates"),
    (9, "Tool stacks"),
    (10, "AI runtime and agent"),
    (11, "Verification"),
];
