//! Messages of the Hub's HTTP API (DESIGN section 8).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    DomainName, EmailAddress, Problem, Region, Tier,
    ids::{OrderId, ServerId},
    job::RunEvent,
};

/// The one shape of every successful reply: `{"success": true, "data": …, "meta": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply<T> {
    /// Always true.
    pub success: bool,
    /// What was asked for.
    pub data: T,
    /// Paging and the like; empty where there is nothing to say.
    #[serde(default)]
    pub meta: BTreeMap<String, serde_json::Value>,
}

impl<T> Reply<T> {
    /// A reply without meta data.
    pub fn new(data: T) -> Self {
        Self { success: true, data, meta: BTreeMap::new() }
    }
}

/// The one shape of every refusal: `{"success": false, "error": {…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// Always false.
    pub success: bool,
    /// What went wrong.
    pub error: ErrorBody,
}

/// A refusal's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Stable code, with a page in `docs/errors`.
    pub code: String,
    /// For people; carries no internals.
    pub message: String,
    /// What was wrong with which field; empty where the refusal is not about fields.
    #[serde(default)]
    pub details: Vec<FieldError>,
    /// What to do next; empty where the code's page says it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

/// One field that was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldError {
    /// Path of the field, for example `tools[2]`.
    pub field: String,
    /// Why, in words for the person who filled it in.
    pub message: String,
}

/// What somebody wants to buy: checked before a payment is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckoutRequest {
    /// The business's domain.
    pub domain: String,
    /// Where the customer is reached.
    pub email: String,
    /// `lite`, `build`, `scale` or `enterprise`.
    pub tier: String,
    /// `eu` or `na`.
    pub region: String,
    /// The tools by their catalog names.
    pub tools: Vec<String>,
    /// The language in which the customer is written to, as a tag (`de`, `de-AT`); English for all that is not spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// Answer to a checkout request that can be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutAccepted {
    /// The order; Stripe carries it as `client_reference_id`.
    pub order_id: OrderId,
}

/// An order as a member of staff sees it in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSummary {
    /// The order.
    pub id: OrderId,
    /// Its state, in the runbook's spelling (`DNS_PENDING`).
    pub state: String,
    /// The customer's domain.
    pub domain: DomainName,
    /// Where the customer is reached.
    pub email: EmailAddress,
    /// What was bought.
    pub tier: Tier,
    /// Where the server shall stand.
    pub region: Region,
    /// The tools bought.
    pub tools: Vec<String>,
    /// The claimed server.
    pub server: Option<ServerId>,
    /// When the order was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// What stands in the way at present.
    pub problem: Option<Problem>,
    /// Who it waits for: `needs_you`, `failing`, `waiting`, `working`, `unpaid`, `live` or `ended`.
    #[serde(default)]
    pub attention: String,
}

/// Something that only a person can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEntry {
    /// Its id.
    pub id: uuid::Uuid,
    /// The order that it is about.
    pub order: OrderId,
    /// The customer's domain.
    pub domain: DomainName,
    /// What kind, for example `purchase_server` or `payment_dispute`.
    pub kind: String,
    /// What is to be done; empty where the kind says it all.
    pub detail: String,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// Until when.
    pub deadline: DateTime<Utc>,
}

/// An order with all that happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDetail {
    /// The order.
    #[serde(flatten)]
    pub summary: OrderSummary,
    /// Everything that happened, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// How the newest run on the live server stands; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convergence: Option<Convergence>,
}

/// How a run of the ten steps on a live server stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Convergence {
    /// It is under way.
    Running,
    /// The server is what it should be.
    Done,
    /// It is not.
    Failed {
        /// Why.
        problem: Problem,
    },
}

/// What an action of the desk would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskPlan {
    /// What would follow, a sentence each.
    pub consequences: Vec<String>,
    /// What stands in the way; nothing would be done then.
    pub problem: Option<Problem>,
}

/// What a run on a live server would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvergencePlan {
    /// Each operation and what it would do, as `letsbe-node run plan` prints it.
    pub operations: Vec<serde_json::Value>,
    /// What would stop the run before its first step.
    pub problem: Option<Problem>,
}

/// One line of an order's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Grows by one with each entry of the Hub; the cursor of the live stream.
    pub sequence: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Short machine name: `state`, `effect`, `step`, `operation`, `operator`.
    pub kind: String,
    /// `ok`, `running`, `waiting`, `warning` or `failed`: never colour alone.
    pub level: String,
    /// One sentence.
    pub message: String,
}

/// What an operator does about an order that is stuck (DESIGN section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum DeskAction {
    /// Try again now.
    Retry,
    /// Go on without what fails; only where the machine allows it (DNS).
    Skip {
        /// Why; kept in the timeline.
        reason: String,
    },
    /// Give the order up and release its server.
    Abandon {
        /// Why; kept in the timeline.
        reason: String,
    },
    /// Give the order a server by hand (MANUAL mode).
    AssignServer {
        /// The provider's id or an address.
        server: ServerId,
        /// Where it answers.
        address: std::net::IpAddr,
        /// Its SSH host key, or the fingerprint of it. Without it the order stops before the first log-in, with the
        /// fingerprint to be confirmed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host_key: Option<String>,
    },
    /// Say which host key the server has, after a person compared it on the provider's console. A failed order goes on.
    ConfirmHostKey {
        /// The key, or the fingerprint of it.
        host_key: String,
    },
    /// Run the ten steps again on a live server, so that it becomes what is wanted now.
    Converge,
}

/// `PATCH /api/v1/jobs/{id}`: what the provisioner reports. Events are numbered by the run, so a second report of
/// the same event changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobReport {
    /// `RUNNING`, `COMPLETED` or `FAILED`.
    pub status: JobStatus,
    /// New events of the run.
    #[serde(default)]
    pub events: Vec<RunEvent>,
    /// Host key in OpenSSH's one-line form, once seen.
    #[serde(default)]
    pub host_key: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub problem: Option<Problem>,
}

/// The state of a provisioning job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Work goes on.
    Running,
    /// All ten steps and the verification are done.
    Completed,
    /// It ended without success.
    Failed,
}

/// `POST /api/v1/tenant/register`: the agent introduces itself once, with the token it was provisioned with
/// (`Authorization: Bearer …`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// The identity planted on the server.
    pub identity: String,
    /// Version of the node program.
    pub node_version: String,
}

/// The key for all later calls; shown once, stored hashed by the Hub. The same token registers the same server
/// again (a crash may lose the first reply) until the first heartbeat; each registration replaces the key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterReply {
    /// Bearer key of the agent.
    pub agent_key: String,
}
