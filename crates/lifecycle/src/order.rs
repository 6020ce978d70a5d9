//! The order machine (event log and outbox; runbook 3.1, DESIGN section 5).
//!
//! `AWAITING_PAYMENT → PAYMENT_CONFIRMED → AWAITING_SERVER → SERVER_READY → DNS_PENDING → DNS_READY → PROVISIONING
//! → FULFILLED`, with `FAILED` on the side (retried after 1, 5 and 15 minutes, then the operator's desk) and
//! `STOPPED` as the other end (refund, dispute, abandoned).

use std::{fmt, net::IpAddr};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{Problem, ids::ServerId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

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
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 10] = [
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
    /// An open payment failed.
    PaymentFailed,
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
    /// The provisioning job exists.
    ProvisioningPrepared,
    /// All ten steps and the verification passed.
    ProvisioningSucceeded,
    /// The customer was told.
    CustomerNotified,
    /// The server of a stopped order was taken out of use.
    ServerReleased,
    /// The operator was asked to buy a server.
    PurchaseRequested,
    /// An effect did not succeed.
    EffectFailed {
        /// Why.
        problem: Problem,
    },
    /// The pause before the next try is over.
    RetryDue,
    /// The operator wants another try now.
    OperatorRetry,
    /// The operator goes on without complete DNS.
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

/// An effect and the moment from which it may be carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    /// What to do.
    pub kind: EffectKind,
    /// Not before this moment.
    pub not_before: DateTime<Utc>,
}

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

/// An event that makes no sense in a state. Nothing changes.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("an order that is {phase} cannot take the event {event:?}")]
pub struct IllegalEvent {
    /// Where the order stands.
    pub phase: Phase,
    /// What was said to have happened.
    pub event: Event,
}

/// What follows from an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Next {
    /// The new state.
    pub state: State,
    /// What to do now.
    pub effects: Vec<Effect>,
    /// Whether effects that have not started are void (the order took another turn).
    pub void_pending: bool,
}

/// The work that a phase waits for, if it waits for work of ours.
#[must_use]
pub const fn work_of(phase: Phase) -> Option<EffectKind> {
    match phase {
        Phase::PaymentConfirmed => Some(EffectKind::ClaimServer),
        Phase::AwaitingServer => Some(EffectKind::InstallServer),
        Phase::ServerReady | Phase::DnsPending => Some(EffectKind::CheckDns),
        Phase::DnsReady => Some(EffectKind::PrepareProvisioning),
        Phase::Provisioning => Some(EffectKind::Provision),
        Phase::AwaitingPayment | Phase::Fulfilled | Phase::Failed | Phase::Stopped => None,
    }
}

/// Decides what follows from `event`.
///
/// # Errors
/// When the event makes no sense in this state; the caller records that and changes nothing.
pub fn transition(
    state: &State,
    event: &Event,
    now: DateTime<Utc>,
    pace: &Pace,
) -> Result<Next, IllegalEvent> {
    let illegal = || IllegalEvent { phase: state.phase, event: event.clone() };
    match event {
        Event::PaymentReceived
        | Event::PaymentOpened
        | Event::PaymentFailed
        | Event::PaymentWithdrawn { .. } => payment(state, event, now),
        Event::ServerClaimed { .. }
        | Event::PoolEmpty { .. }
        | Event::ServerInstalled { .. }
        | Event::DnsComplete
        | Event::DnsIncomplete { .. }
        | Event::ProvisioningPrepared
        | Event::ProvisioningSucceeded => progress(state, event, now, pace),
        Event::CustomerNotified | Event::ServerReleased | Event::PurchaseRequested => Some(stay(state)),
        Event::EffectFailed { problem } => failure(state, problem, now, pace),
        Event::RetryDue if state.needs_operator => None,
        Event::RetryDue | Event::OperatorRetry => resume(state, now),
        Event::OperatorSkip { .. } => skip(state, now),
        Event::OperatorAbandon { .. } => stop(state, now),
        Event::OperatorAssign { server, address } => assign(state, server, *address, now),
    }
    .ok_or_else(illegal)
}

fn stay(state: &State) -> Next {
    Next { state: state.clone(), effects: Vec::new(), void_pending: false }
}

/// Enters a phase that was reached by success, with its work.
fn enter(state: &State, phase: Phase, now: DateTime<Utc>) -> Next {
    let effects = work_of(phase).map(|kind| Effect { kind, not_before: now }).into_iter().collect();
    let state =
        State { phase, resume: None, failures: 0, needs_operator: false, problem: None, ..state.clone() };
    Next { state, effects, void_pending: false }
}

fn payment(state: &State, event: &Event, now: DateTime<Utc>) -> Option<Next> {
    match (state.phase, event) {
        (Phase::AwaitingPayment, Event::PaymentReceived) => Some(enter(state, Phase::PaymentConfirmed, now)),
        (Phase::AwaitingPayment, Event::PaymentOpened) => Some(stay(state)),
        (Phase::AwaitingPayment, Event::PaymentFailed) => {
            let problem = Problem::permanent("PAY002", "The payment failed.", "The customer may pay again.");
            Some(Next { state: State { problem: Some(problem), ..state.clone() }, ..stay(state) })
        }
        // Paid already: a second message about the same money, or a late one about its beginning.
        (Phase::Stopped, _) => None,
        (_, Event::PaymentReceived | Event::PaymentOpened) => Some(stay(state)),
        // What is live is taken down by a departure, not by a message about money.
        (Phase::Fulfilled, Event::PaymentWithdrawn { .. }) => Some(stay(state)),
        (_, Event::PaymentWithdrawn { .. }) => stop(state, now),
        _ => None,
    }
}

fn progress(state: &State, event: &Event, now: DateTime<Utc>, pace: &Pace) -> Option<Next> {
    match (state.phase, event) {
        (Phase::PaymentConfirmed, Event::ServerClaimed { server }) => {
            let state = State { server: Some(server.clone()), purchase_asked: false, ..state.clone() };
            Some(enter(&state, Phase::AwaitingServer, now))
        }
        (Phase::PaymentConfirmed, Event::PoolEmpty { why }) => Some(wait_for_pool(state, why, now, pace)),
        (Phase::AwaitingServer, Event::ServerInstalled { address }) => {
            Some(enter(&State { address: Some(*address), ..state.clone() }, Phase::ServerReady, now))
        }
        (Phase::ServerReady | Phase::DnsPending, Event::DnsComplete) => {
            Some(enter(state, Phase::DnsReady, now))
        }
        (Phase::ServerReady | Phase::DnsPending, Event::DnsIncomplete { missing }) => {
            Some(wait_for_dns(state, missing, now, pace))
        }
        (Phase::DnsReady, Event::ProvisioningPrepared) => Some(enter(state, Phase::Provisioning, now)),
        (Phase::Provisioning, Event::ProvisioningSucceeded) => {
            let mut next = enter(state, Phase::Fulfilled, now);
            next.effects.push(Effect { kind: EffectKind::NotifyCustomer, not_before: now });
            Some(next)
        }
        _ => None,
    }
}

fn wait_for_pool(state: &State, why: &str, now: DateTime<Utc>, pace: &Pace) -> Next {
    let problem = Problem::transient(
        "POOL001",
        format!("No server in the pool fits: {why}"),
        "Buy a server of this tier and region and add it to the pool; the order goes on by itself.",
    );
    let mut effects = vec![Effect { kind: EffectKind::ClaimServer, not_before: now + pace.pool }];
    if !state.purchase_asked {
        effects.push(Effect { kind: EffectKind::RequestPurchase, not_before: now });
    }
    let state = State { purchase_asked: true, problem: Some(problem), ..state.clone() };
    Next { state, effects, void_pending: false }
}

fn wait_for_dns(state: &State, missing: &[String], now: DateTime<Utc>, pace: &Pace) -> Next {
    let problem = Problem::transient(
        "DNS001",
        format!("{} DNS records are missing or wrong: {}", missing.len(), missing.join("; ")),
        "Set the records as listed; they are looked at again every minute.",
    );
    let state = State { phase: Phase::DnsPending, problem: Some(problem), failures: 0, ..state.clone() };
    let effects = vec![Effect { kind: EffectKind::CheckDns, not_before: now + pace.dns }];
    Next { state, effects, void_pending: false }
}

fn failure(state: &State, problem: &Problem, now: DateTime<Utc>, pace: &Pace) -> Option<Next> {
    match state.phase {
        // The server is live or given up: what failed is a message or a release, tried again by the outbox.
        Phase::Fulfilled | Phase::Stopped => {
            let kind = if state.phase == Phase::Fulfilled {
                EffectKind::NotifyCustomer
            } else {
                EffectKind::ReleaseServer
            };
            let failures = state.failures + 1;
            let pause = pace.retries[(failures as usize - 1).min(2)];
            let needs_operator = failures > 3;
            let effects =
                if needs_operator { Vec::new() } else { vec![Effect { kind, not_before: now + pause }] };
            let state = State { failures, needs_operator, problem: Some(problem.clone()), ..state.clone() };
            Some(Next { state, effects, void_pending: false })
        }
        Phase::AwaitingPayment | Phase::Failed => None,
        phase => {
            let failures = state.failures + 1;
            let pause = pace.retries.get(failures as usize - 1).filter(|_| problem.retryable);
            let effects = pause.map(|pause| Effect { kind: EffectKind::Wait, not_before: now + *pause });
            let state = State {
                phase: Phase::Failed,
                resume: Some(phase),
                failures,
                needs_operator: effects.is_none(),
                problem: Some(problem.clone()),
                ..state.clone()
            };
            Some(Next { state, effects: effects.into_iter().collect(), void_pending: true })
        }
    }
}

fn resume(state: &State, now: DateTime<Utc>) -> Option<Next> {
    match (state.phase, state.resume) {
        (Phase::Failed, Some(phase)) => {
            let failures = if state.needs_operator { 0 } else { state.failures };
            let mut next = enter(state, phase, now);
            next.state.failures = failures;
            next.void_pending = true;
            Some(next)
        }
        // A person does not want to wait for the next look.
        (Phase::PaymentConfirmed | Phase::DnsPending, _) => {
            let effects =
                work_of(state.phase).map(|kind| Effect { kind, not_before: now }).into_iter().collect();
            Some(Next { state: state.clone(), effects, void_pending: true })
        }
        (Phase::Fulfilled, _) if state.problem.is_some() => {
            let effects = vec![Effect { kind: EffectKind::NotifyCustomer, not_before: now }];
            let state = State { failures: 0, needs_operator: false, problem: None, ..state.clone() };
            Some(Next { state, effects, void_pending: true })
        }
        _ => None,
    }
}

fn skip(state: &State, now: DateTime<Utc>) -> Option<Next> {
    let waits_for_dns = |phase| matches!(phase, Phase::ServerReady | Phase::DnsPending);
    let skippable = waits_for_dns(state.phase)
        || (state.phase == Phase::Failed && state.resume.is_some_and(waits_for_dns));
    skippable.then(|| Next { void_pending: true, ..enter(state, Phase::DnsReady, now) })
}

fn stop(state: &State, now: DateTime<Utc>) -> Option<Next> {
    if matches!(state.phase, Phase::Fulfilled | Phase::Stopped) {
        return None;
    }
    let effects =
        state.server.is_some().then_some(Effect { kind: EffectKind::ReleaseServer, not_before: now });
    let state =
        State { phase: Phase::Stopped, resume: None, failures: 0, needs_operator: false, ..state.clone() };
    Some(Next { state, effects: effects.into_iter().collect(), void_pending: true })
}

fn assign(state: &State, server: &ServerId, address: IpAddr, now: DateTime<Utc>) -> Option<Next> {
    let wants_server = |phase| matches!(phase, Phase::PaymentConfirmed);
    let open = state.server.is_none()
        && (wants_server(state.phase)
            || (state.phase == Phase::Failed && state.resume.is_some_and(wants_server)));
    open.then(|| {
        let state = State { server: Some(server.clone()), address: Some(address), ..state.clone() };
        Next { void_pending: true, ..enter(&state, Phase::ServerReady, now) }
    })
}
