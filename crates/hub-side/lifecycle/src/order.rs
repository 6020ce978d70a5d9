//! The order machine (event log and outbox; runbook 3.1, DESIGN section 5).
//!
//! `AWAITING_PAYMENT → PAYMENT_CONFIRMED → AWAITING_SERVER → SERVER_READY → DNS_PENDING → DNS_READY → PROVISIONING
//! → FULFILLED`, with `FAILED` on the side (retried after 1, 5 and 15 minutes, then the operator's desk) and
//! `STOPPED` as the other end (refund, dispute, abandoned). What is not paid in time is `EXPIRED`; a late payment revives it.
//! A lost server is replaced by this machine, too (runbook 5.2): `FULFILLED → SERVER_LOST → AWAITING_SERVER →
//! REPLACEMENT_READY → PROVISIONING → SERVER_READY → DNS_PENDING → FULFILLED`; until provisioning began this can be taken
//! back (`RECOVERY_CANCELLED → FULFILLED`). The ten steps may run again on a live server; its order stays `FULFILLED`.

mod attention;
mod converge;
mod decide;
mod machine;
mod recovery;

use std::{fmt, net::IpAddr};

use chrono::TimeDelta;
use letsbe_types::{
    Problem, Region,
    api::Convergence,
    ids::{RecoveryId, ServerId},
};
use serde::{Deserialize, Serialize};

use crate::machine::{Refused, Scheduled, Transition};

pub use attention::Attention;
pub use decide::{transition, work_of};
pub use machine::OrderMachine;

/// Where an order stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    /// Checked out; no money yet.
    AwaitingPayment,
    /// Paid; a server is being claimed.
    PaymentConfirmed,
    /// A server is claimed; its system is being installed.
    AwaitingServer,
    /// The server runs; DNS has not been looked at.
    ServerReady,
    /// Records are missing.
    DnsPending,
    /// All records are there.
    DnsReady,
    /// The ten steps are running.
    Provisioning,
    /// Proven from outside; the customer is told.
    Fulfilled,
    /// Waiting for a retry, or for the operator.
    Failed,
    /// Ended without a live server.
    Stopped,
    /// The server is lost; another one is being claimed.
    ServerLost,
    /// Another server runs; it has nothing of the customer's yet.
    ReplacementReady,
    /// The server was not lost after all; what was claimed in its place is taken out of use.
    RecoveryCancelled,
    /// Not paid in time; a payment that comes after all is taken.
    Expired,
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 14] = [
        Self::AwaitingPayment,
        Self::PaymentConfirmed,
        Self::AwaitingServer,
        Self::ServerReady,
        Self::DnsPending,
        Self::DnsReady,
        Self::Provisioning,
        Self::Fulfilled,
        Self::Failed,
        Self::Stopped,
        Self::ServerLost,
        Self::ReplacementReady,
        Self::RecoveryCancelled,
        Self::Expired,
    ];

    /// The runbook's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "AWAITING_PAYMENT",
            Self::PaymentConfirmed => "PAYMENT_CONFIRMED",
            Self::AwaitingServer => "AWAITING_SERVER",
            Self::ServerReady => "SERVER_READY",
            Self::DnsPending => "DNS_PENDING",
            Self::DnsReady => "DNS_READY",
            Self::Provisioning => "PROVISIONING",
            Self::Fulfilled => "FULFILLED",
            Self::Failed => "FAILED",
            Self::Stopped => "STOPPED",
            Self::ServerLost => "SERVER_LOST",
            Self::ReplacementReady => "REPLACEMENT_READY",
            Self::RecoveryCancelled => "RECOVERY_CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The whole state of an order, as far as decisions need it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Where it stands.
    pub phase: Phase,
    /// While `FAILED`: where to go on.
    pub resume: Option<Phase>,
    /// Failures in a row since the last phase that succeeded.
    pub failures: u32,
    /// No further automatic try: a person has to decide.
    pub needs_operator: bool,
    /// The claimed server.
    pub server: Option<ServerId>,
    /// Where it answers.
    pub address: Option<IpAddr>,
    /// A purchase task was opened for the operator because the pool was empty.
    pub purchase_asked: bool,
    /// What stands in the way.
    pub problem: Option<Problem>,
    /// The replacement of a lost server that is under way.
    #[serde(default)]
    pub recovery: Option<Recovery>,
    /// How the newest run on the live server stands.
    #[serde(default)]
    pub convergence: Option<Convergence>,
}

/// The replacement of a lost server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recovery {
    /// Which.
    pub id: RecoveryId,
    /// Where the other server shall stand; `None` is where the order wants it.
    pub region: Option<Region>,
    /// The lost server. A replacement that is lost in its turn does not change it.
    pub lost: Option<ServerId>,
    /// Where it answered.
    pub lost_address: Option<IpAddr>,
    /// A replacement was provisioned, or nearly: from here there is no way back to the lost server.
    pub begun: bool,
}

impl State {
    /// A checked-out order.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::AwaitingPayment,
            resume: None,
            failures: 0,
            needs_operator: false,
            server: None,
            address: None,
            purchase_asked: false,
            problem: None,
            recovery: None,
            convergence: None,
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The money is there (a card payment, or a bank payment that has arrived).
    PaymentReceived,
    /// The payment was begun but is still open (SEPA); no work starts.
    PaymentOpened,
    /// Something was paid, but not what was ordered; no work starts until a person says so.
    PaymentDiffers {
        /// What differs.
        why: String,
    },
    /// An open payment failed.
    PaymentFailed,
    /// No payment came within the time that an order waits for it.
    PaymentOverdue,
    /// The money went back, or the bank disputes it.
    PaymentWithdrawn {
        /// `refund` or `dispute`.
        why: String,
    },
    /// A server was claimed.
    ServerClaimed {
        /// Which.
        server: ServerId,
    },
    /// No server in the pool fits.
    PoolEmpty {
        /// Why none fits, for the operator.
        why: String,
        /// Nobody looks for one: servers are assigned by hand (MANUAL mode).
        #[serde(default)]
        by_hand: bool,
    },
    /// The claimed server runs the wanted system.
    ServerInstalled {
        /// Where it answers.
        address: IpAddr,
    },
    /// All DNS records are as they must be.
    DnsComplete,
    /// Records are missing or wrong.
    DnsIncomplete {
        /// One line each: what to type where.
        missing: Vec<String>,
    },
    /// The zone cannot be read: nothing is known about the records.
    DnsUnreadable {
        /// Why.
        why: String,
    },
    /// The provisioning job exists.
    ProvisioningPrepared,
    /// All ten steps and the verification passed.
    ProvisioningSucceeded,
    /// The customer was told.
    CustomerNotified,
    /// The server of a stopped order was taken out of use.
    ServerReleased,
    /// A task says that a server is wanted.
    PurchaseRequested,
    /// An effect did not succeed.
    EffectFailed {
        /// What was not done.
        effect: EffectKind,
        /// Why.
        problem: Problem,
    },
    /// The pause before the next try is over.
    RetryDue,
    /// The operator wants another try now.
    OperatorRetry,
    /// The operator goes on without complete DNS, or with a payment that differs from what was ordered.
    OperatorSkip {
        /// Why.
        reason: String,
    },
    /// The operator gives up.
    OperatorAbandon {
        /// Why.
        reason: String,
    },
    /// The operator assigns a server that is ready (MANUAL mode).
    OperatorAssign {
        /// Which.
        server: ServerId,
        /// Where it answers.
        address: IpAddr,
        /// The host key that it must show, or its fingerprint, if the operator knows it.
        #[serde(default)]
        host_key: Option<String>,
    },
    /// The operator compared the server's host key on the provider's console.
    OperatorConfirmHostKey {
        /// The host key that it must show, or its fingerprint.
        host_key: String,
    },
    /// The operator wants the ten steps run again on the live server.
    OperatorConverge,
    /// That run came to its end.
    ConvergenceEnded {
        /// Why the server is not what it should be; `None` if it is.
        problem: Option<Problem>,
    },
    /// The operator says that the server is lost: another one takes its place, with the data of the backups.
    OperatorRecover {
        /// This recovery.
        recovery: RecoveryId,
        /// Where the other server shall stand; `None` is where the order wants it.
        region: Option<Region>,
    },
    /// The operator takes that back.
    OperatorCancelRecovery {
        /// Why.
        reason: String,
    },
}

/// What has to be done. Carried out at least once, so each is safe to repeat.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Claim a server of the right size and place.
    ClaimServer,
    /// Tell the operator to buy one.
    RequestPurchase,
    /// Install the system on the claimed server and wait for it.
    InstallServer,
    /// Ask the zone's authoritative servers.
    CheckDns,
    /// Make the job with its tokens.
    PrepareProvisioning,
    /// Run the provisioner.
    Provision,
    /// Tell the customer that all is ready.
    NotifyCustomer,
    /// Take the server of a stopped order out of use.
    ReleaseServer,
    /// Only a pause.
    Wait,
}

impl EffectKind {
    /// All kinds, for the registry of the crash tests.
    pub const ALL: [Self; 9] = [
        Self::ClaimServer,
        Self::RequestPurchase,
        Self::InstallServer,
        Self::CheckDns,
        Self::PrepareProvisioning,
        Self::Provision,
        Self::NotifyCustomer,
        Self::ReleaseServer,
        Self::Wait,
    ];

    /// Name in the database and in crash points.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClaimServer => "claim_server",
            Self::RequestPurchase => "request_purchase",
            Self::InstallServer => "install_server",
            Self::CheckDns => "check_dns",
            Self::PrepareProvisioning => "prepare_provisioning",
            Self::Provision => "provision",
            Self::NotifyCustomer => "notify_customer",
            Self::ReleaseServer => "release_server",
            Self::Wait => "wait",
        }
    }
}

/// An effect of an order and its moment.
pub type Effect = Scheduled<EffectKind>;

/// How long to wait for what. The runbook's values are the default; tests and the lab use shorter ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Pauses before the first, second and third retry (runbook 3.1: 1, 5, 15 minutes).
    pub retries: [TimeDelta; 3],
    /// Between two looks into an empty pool.
    pub pool: TimeDelta,
    /// Between two looks at incomplete DNS.
    pub dns: TimeDelta,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retries: [TimeDelta::minutes(1), TimeDelta::minutes(5), TimeDelta::minutes(15)],
            pool: TimeDelta::minutes(1),
            dns: TimeDelta::minutes(1),
        }
    }
}

/// An event that makes no sense for an order.
pub type IllegalEvent = Refused<Phase, Event>;

/// What follows from an event of an order.
pub type Next = Transition<State, EffectKind>;
