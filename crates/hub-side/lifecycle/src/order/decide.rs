//! The decisions of the order machine: one function per kind of event.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use letsbe_types::{Code, Problem, ids::ServerId};

use super::{
    Effect, EffectKind, Event, IllegalEvent, Next, OrderMachine, Pace, Phase, Recovery, State, converge,
    recovery,
};
use crate::machine::{Machine as _, RetryPolicy};

/// What to do about an empty pool.
const BUY: &str = "Buy a server of this tier and region at Netcup: it is found by itself, and the order goes on. Or assign \
                   one that is ready: letsbe orders assign ORDER --server ID --address ADDRESS.";
/// The same where nobody looks for servers.
const ASSIGN: &str = "Assign a server that is ready: at the order's desk, or with letsbe orders assign ORDER --server ID \
                      --address ADDRESS. The order does not go on by itself.";

/// The work that a phase waits for, if it waits for work of ours.
#[must_use]
pub const fn work_of(phase: Phase) -> Option<EffectKind> {
    match phase {
        Phase::PaymentConfirmed | Phase::ServerLost => Some(EffectKind::ClaimServer),
        Phase::AwaitingServer => Some(EffectKind::InstallServer),
        Phase::ServerReady | Phase::DnsPending => Some(EffectKind::CheckDns),
        Phase::DnsReady | Phase::ReplacementReady => Some(EffectKind::PrepareProvisioning),
        Phase::Provisioning => Some(EffectKind::Provision),
        Phase::RecoveryCancelled => Some(EffectKind::ReleaseServer),
        Phase::AwaitingPayment | Phase::Expired | Phase::Fulfilled | Phase::Failed | Phase::Stopped => None,
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
    let illegal = || IllegalEvent { machine: OrderMachine::NAME, phase: state.phase, event: event.clone() };
    match event {
        Event::PaymentReceived
        | Event::PaymentOpened
        | Event::PaymentDiffers { .. }
        | Event::PaymentFailed
        | Event::PaymentOverdue
        | Event::PaymentWithdrawn { .. } => payment(state, event, now),
        Event::ServerClaimed { .. }
        | Event::PoolEmpty { .. }
        | Event::ServerInstalled { .. }
        | Event::DnsComplete
        | Event::DnsIncomplete { .. }
        | Event::DnsUnreadable { .. }
        | Event::ProvisioningPrepared
        | Event::ProvisioningSucceeded => progress(state, event, now, pace),
        Event::ServerReleased if state.phase == Phase::RecoveryCancelled => Some(recovery::back(state, now)),
        Event::CustomerNotified | Event::ServerReleased | Event::PurchaseRequested => Some(stay(state)),
        // What brings a live server to its wishes is a run; how it ends stops nothing else.
        Event::EffectFailed { effect: EffectKind::Provision, problem } if state.phase == Phase::Fulfilled => {
            converge::ended(state, Some(problem))
        }
        Event::EffectFailed { effect, problem } => {
            failure(state, problem, &OrderMachine::retries(*effect, pace), now)
        }
        Event::RetryDue if state.needs_operator => None,
        Event::RetryDue | Event::OperatorRetry => resume(state, now),
        Event::OperatorSkip { .. } => skip(state, now),
        Event::OperatorAbandon { .. } => stop(state, now),
        Event::OperatorConfirmHostKey { .. } => host_key_confirmed(state, now),
        Event::OperatorAssign { server, address, .. } => assign(state, server, *address, now),
        Event::OperatorConverge => converge::request(state, now),
        Event::ConvergenceEnded { problem } => converge::ended(state, problem.as_ref()),
        Event::OperatorRecover { recovery, region } => recovery::request(state, *recovery, *region, now),
        Event::OperatorCancelRecovery { .. } => recovery::cancel(state, now),
    }
    .ok_or_else(illegal)
}

fn stay(state: &State) -> Next {
    Next { state: state.clone(), effects: Vec::new(), void_pending: false }
}

/// Enters a phase that was reached by success, with its work.
pub(super) fn enter(state: &State, phase: Phase, now: DateTime<Utc>) -> Next {
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
            let problem =
                Problem::permanent(Code::PAY002, "The payment failed.", "The customer may pay again.");
            Some(Next { state: State { problem: Some(problem), ..state.clone() }, ..stay(state) })
        }
        (Phase::AwaitingPayment, Event::PaymentDiffers { why }) => {
            let problem = Problem::permanent(
                Code::PAY010,
                format!("What was paid is not what was ordered: {why}"),
                "Compare both at Stripe. Then go on (skip), or give the order up and pay the money back.",
            );
            let parked = State { problem: Some(problem), needs_operator: true, ..state.clone() };
            Some(stay(&parked))
        }
        // What was paid and waits for a person does not go away by itself.
        (Phase::AwaitingPayment, Event::PaymentOverdue) if !state.needs_operator => {
            let expired = State { phase: Phase::Expired, problem: None, ..state.clone() };
            Some(stay(&expired))
        }
        (_, Event::PaymentOverdue) => None,
        // Money that comes after all is for what was ordered.
        (Phase::Expired, Event::PaymentReceived | Event::PaymentOpened | Event::PaymentDiffers { .. }) => {
            payment(&State { phase: Phase::AwaitingPayment, ..state.clone() }, event, now)
        }
        (Phase::Expired, Event::PaymentFailed) => Some(stay(state)),
        // Paid already: a second message about the same money, or a late one about its beginning.
        (Phase::Stopped, _) => None,
        (_, Event::PaymentReceived | Event::PaymentOpened | Event::PaymentDiffers { .. }) => {
            Some(stay(state))
        }
        // What is live is taken down by a departure, not by a message about money; what was lost is brought back.
        (Phase::Fulfilled, Event::PaymentWithdrawn { .. }) => Some(stay(state)),
        (_, Event::PaymentWithdrawn { .. }) if state.recovery.is_some() => Some(stay(state)),
        (_, Event::PaymentWithdrawn { .. }) => stop(state, now),
        _ => None,
    }
}

fn progress(state: &State, event: &Event, now: DateTime<Utc>, pace: &Pace) -> Option<Next> {
    match (state.phase, event) {
        (Phase::PaymentConfirmed | Phase::ServerLost, Event::ServerClaimed { server }) => {
            let state = State { server: Some(server.clone()), purchase_asked: false, ..state.clone() };
            Some(enter(&state, Phase::AwaitingServer, now))
        }
        (Phase::PaymentConfirmed | Phase::ServerLost, Event::PoolEmpty { why, by_hand }) => {
            let hint = if *by_hand { ASSIGN } else { BUY };
            Some(wait_for_pool(state, why, hint, now, pace))
        }
        (Phase::AwaitingServer, Event::ServerInstalled { address }) => {
            let state = State { address: Some(*address), ..state.clone() };
            Some(enter(&state, installed(&state), now))
        }
        (Phase::ServerReady | Phase::DnsPending, Event::DnsComplete) => Some(dns_done(state, now)),
        (Phase::ServerReady | Phase::DnsPending, Event::DnsIncomplete { missing }) => {
            let records = match missing.len() {
                1 => "1 DNS record is".to_owned(),
                count => format!("{count} DNS records are"),
            };
            let message = format!("{records} missing or wrong: {}", missing.join("; "));
            Some(wait_for_dns(state, message, now, pace))
        }
        (Phase::ServerReady | Phase::DnsPending, Event::DnsUnreadable { why }) => {
            Some(wait_for_dns(state, format!("The DNS records cannot be read: {why}"), now, pace))
        }
        (Phase::DnsReady | Phase::ReplacementReady, Event::ProvisioningPrepared) => {
            let begun = state.recovery.clone().map(|recovery| Recovery { begun: true, ..recovery });
            Some(enter(&State { recovery: begun, ..state.clone() }, Phase::Provisioning, now))
        }
        (Phase::Provisioning, Event::ProvisioningSucceeded) => Some(match state.recovery {
            Some(_) => enter(state, Phase::ServerReady, now),
            None => live(state, now),
        }),
        _ => None,
    }
}

/// Where an order goes on once its server has a system: DNS comes before the data of an order, and after that of a
/// recovery.
const fn installed(state: &State) -> Phase {
    match state.recovery {
        Some(_) => Phase::ReplacementReady,
        None => Phase::ServerReady,
    }
}

fn dns_done(state: &State, now: DateTime<Utc>) -> Next {
    match state.recovery {
        Some(_) => live(&State { recovery: None, ..state.clone() }, now),
        None => enter(state, Phase::DnsReady, now),
    }
}

fn live(state: &State, now: DateTime<Utc>) -> Next {
    let mut next = enter(state, Phase::Fulfilled, now);
    next.effects.push(Effect { kind: EffectKind::NotifyCustomer, not_before: now });
    next
}

fn wait_for_pool(state: &State, why: &str, hint: &str, now: DateTime<Utc>, pace: &Pace) -> Next {
    let problem = Problem::transient(Code::POOL001, format!("No server in the pool fits: {why}"), hint);
    let mut effects = vec![Effect { kind: EffectKind::ClaimServer, not_before: now + pace.pool }];
    if !state.purchase_asked {
        effects.push(Effect { kind: EffectKind::RequestPurchase, not_before: now });
    }
    let state = State { purchase_asked: true, problem: Some(problem), ..state.clone() };
    Next { state, effects, void_pending: false }
}

fn wait_for_dns(state: &State, message: String, now: DateTime<Utc>, pace: &Pace) -> Next {
    let hint = "Set the records as listed; they are looked at again every minute.";
    let problem = Problem::transient(Code::DNS001, message, hint);
    let state = State { phase: Phase::DnsPending, problem: Some(problem), failures: 0, ..state.clone() };
    let effects = vec![Effect { kind: EffectKind::CheckDns, not_before: now + pace.dns }];
    Next { state, effects, void_pending: false }
}

fn failure(state: &State, problem: &Problem, retries: &RetryPolicy, now: DateTime<Utc>) -> Option<Next> {
    let failures = state.failures + 1;
    let pause = retries.pause(failures);
    match state.phase {
        // The server is live or given up: what failed is a message or a release, tried again by the outbox.
        Phase::Fulfilled | Phase::Stopped => {
            let kind = if state.phase == Phase::Fulfilled {
                EffectKind::NotifyCustomer
            } else {
                EffectKind::ReleaseServer
            };
            let effects = pause.map(|pause| Effect { kind, not_before: now + pause });
            let problem = Some(problem.clone());
            let state = State { failures, needs_operator: effects.is_none(), problem, ..state.clone() };
            Some(Next { state, effects: effects.into_iter().collect(), void_pending: false })
        }
        Phase::AwaitingPayment | Phase::Expired | Phase::Failed => None,
        phase => {
            let pause = pause.filter(|_| problem.retryable);
            let effects = pause.map(|pause| Effect { kind: EffectKind::Wait, not_before: now + pause });
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
        (Phase::PaymentConfirmed | Phase::ServerLost | Phase::DnsPending, _) => {
            let effects =
                work_of(state.phase).map(|kind| Effect { kind, not_before: now }).into_iter().collect();
            Some(Next { state: state.clone(), effects, void_pending: true })
        }
        // A run on the live server would be given up with what is pending.
        (Phase::Fulfilled, _) if state.problem.is_some() && !converge::is_running(state) => {
            let effects = vec![Effect { kind: EffectKind::NotifyCustomer, not_before: now }];
            let state = State { failures: 0, needs_operator: false, problem: None, ..state.clone() };
            Some(Next { state, effects, void_pending: true })
        }
        _ => None,
    }
}

/// What failed goes on; what is under way is not disturbed. A live server's key is not changed from a desk.
fn host_key_confirmed(state: &State, now: DateTime<Utc>) -> Option<Next> {
    state.server.as_ref()?;
    match state.phase {
        Phase::Fulfilled | Phase::Stopped | Phase::RecoveryCancelled => None,
        Phase::Failed => resume(state, now),
        _ => Some(stay(state)),
    }
}

fn skip(state: &State, now: DateTime<Utc>) -> Option<Next> {
    if state.phase == Phase::AwaitingPayment && state.needs_operator {
        return Some(enter(state, Phase::PaymentConfirmed, now));
    }
    let waits_for_dns = |phase| matches!(phase, Phase::ServerReady | Phase::DnsPending);
    let skippable = waits_for_dns(state.phase)
        || (state.phase == Phase::Failed && state.resume.is_some_and(waits_for_dns));
    skippable.then(|| Next { void_pending: true, ..dns_done(state, now) })
}

fn stop(state: &State, now: DateTime<Utc>) -> Option<Next> {
    // A customer whose server was lost is still a customer.
    if matches!(state.phase, Phase::Fulfilled | Phase::Stopped) || state.recovery.is_some() {
        return None;
    }
    let effects =
        state.server.is_some().then_some(Effect { kind: EffectKind::ReleaseServer, not_before: now });
    let state =
        State { phase: Phase::Stopped, resume: None, failures: 0, needs_operator: false, ..state.clone() };
    Some(Next { state, effects: effects.into_iter().collect(), void_pending: true })
}

fn assign(state: &State, server: &ServerId, address: IpAddr, now: DateTime<Utc>) -> Option<Next> {
    let wants_server = |phase| matches!(phase, Phase::PaymentConfirmed | Phase::ServerLost);
    let open = state.server.is_none()
        && (wants_server(state.phase)
            || (state.phase == Phase::Failed && state.resume.is_some_and(wants_server)));
    open.then(|| {
        let (server, address) = (Some(server.clone()), Some(address));
        let state = State { server, address, purchase_asked: false, ..state.clone() };
        Next { void_pending: true, ..enter(&state, installed(&state), now) }
    })
}
