//! The order machine: every state with every event, the walk to the end, and random walks.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::{EffectKind, Event, Pace, Phase, State, transition, work_of};
use letsbe_types::{Problem, ids::ServerId};
use proptest::prelude::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("a valid moment")
}

fn server() -> ServerId {
    ServerId("netcup:1".into())
}

fn address() -> std::net::IpAddr {
    [192, 0, 2, 1].into()
}

fn every_event() -> Vec<Event> {
    let problem = Problem::transient("T", "t", "t");
    let permanent = Problem::permanent("P", "p", "p");
    vec![
        Event::PaymentReceived,
        Event::PaymentOpened,
        Event::PaymentFailed,
        Event::PaymentWithdrawn { why: "refund".into() },
        Event::ServerClaimed { server: server() },
        Event::PoolEmpty { why: "none".into() },
        Event::ServerInstalled { address: address() },
        Event::DnsComplete,
        Event::DnsIncomplete { missing: vec!["A blog".into()] },
        Event::ProvisioningPrepared,
        Event::ProvisioningSucceeded,
        Event::CustomerNotified,
        Event::ServerReleased,
        Event::PurchaseRequested,
        Event::EffectFailed { problem },
        Event::EffectFailed { problem: permanent },
        Event::RetryDue,
        Event::OperatorRetry,
        Event::OperatorSkip { reason: "r".into() },
        Event::OperatorAbandon { reason: "r".into() },
        Event::OperatorAssign { server: server(), address: address() },
    ]
}

fn after(state: &State, event: Event) -> (State, Vec<EffectKind>) {
    let next = transition(state, &event, now(), &Pace::default()).unwrap_or_else(|error| panic!("{error}"));
    (next.state, next.effects.iter().map(|effect| effect.kind).collect())
}

#[test]
fn a_paid_order_walks_to_fulfilled() {
    let walk = [
        (Event::PaymentReceived, Phase::PaymentConfirmed, vec![EffectKind::ClaimServer]),
        (Event::ServerClaimed { server: server() }, Phase::AwaitingServer, vec![EffectKind::InstallServer]),
        (Event::ServerInstalled { address: address() }, Phase::ServerReady, vec![EffectKind::CheckDns]),
        (Event::DnsIncomplete { missing: vec!["A".into()] }, Phase::DnsPending, vec![EffectKind::CheckDns]),
        (Event::DnsComplete, Phase::DnsReady, vec![EffectKind::PrepareProvisioning]),
        (Event::ProvisioningPrepared, Phase::Provisioning, vec![EffectKind::Provision]),
        (Event::ProvisioningSucceeded, Phase::Fulfilled, vec![EffectKind::NotifyCustomer]),
        (Event::CustomerNotified, Phase::Fulfilled, vec![]),
    ];
    let mut state = State::new();
    for (event, phase, effects) in walk {
        let got = after(&state, event);
        assert_eq!((got.0.phase, got.1), (phase, effects));
        state = got.0;
    }
    assert_eq!(state.server, Some(server()));
    assert_eq!(state.problem, None);
}

#[test]
fn every_pair_of_phase_and_event_has_an_answer() {
    // The table of what is legal, by phase; a change of the machine must change this line by line.
    let mut table = String::new();
    for phase in Phase::ALL {
        let state = State {
            phase,
            resume: (phase == Phase::Failed).then_some(Phase::DnsPending),
            server: (!matches!(phase, Phase::AwaitingPayment | Phase::PaymentConfirmed)).then(server),
            ..State::new()
        };
        for event in every_event() {
            let name = format!("{event:?}");
            let name = name.split([' ', '{']).next().unwrap_or_default();
            if let Ok(next) = transition(&state, &event, now(), &Pace::default()) {
                table.push_str(&format!("{phase} + {name} -> {}\n", next.state.phase));
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn an_open_payment_starts_nothing_and_a_late_message_about_it_changes_nothing() {
    let (state, effects) = after(&State::new(), Event::PaymentOpened);
    assert_eq!((state.phase, effects.len()), (Phase::AwaitingPayment, 0));
    let (paid, _) = after(&state, Event::PaymentReceived);
    for late in [Event::PaymentOpened, Event::PaymentReceived] {
        let (state, effects) = after(&paid, late);
        assert_eq!((state, effects), (paid.clone(), vec![]));
    }
}

#[test]
fn failures_are_retried_after_1_5_and_15_minutes_and_then_wait_for_the_operator() {
    let (mut state, _) = after(&State::new(), Event::PaymentReceived);
    let problem = Problem::transient("T", "t", "t");
    for minutes in [1, 5, 15] {
        let next =
            transition(&state, &Event::EffectFailed { problem: problem.clone() }, now(), &Pace::default())
                .expect("failures are taken");
        assert_eq!(next.effects[0].kind, EffectKind::Wait);
        assert_eq!(next.effects[0].not_before, now() + TimeDelta::minutes(minutes));
        let (resumed, effects) = after(&next.state, Event::RetryDue);
        assert_eq!((resumed.phase, effects), (Phase::PaymentConfirmed, vec![EffectKind::ClaimServer]));
        state = resumed;
    }
    let (desk, effects) = after(&state, Event::EffectFailed { problem });
    assert!(desk.needs_operator && effects.is_empty());
    assert!(transition(&desk, &Event::RetryDue, now(), &Pace::default()).is_err());
    let (again, effects) = after(&desk, Event::OperatorRetry);
    assert_eq!(
        (again.phase, again.failures, effects),
        (Phase::PaymentConfirmed, 0, vec![EffectKind::ClaimServer])
    );
}

#[test]
fn a_permanent_problem_goes_straight_to_the_desk() {
    let (state, _) = after(&State::new(), Event::PaymentReceived);
    let problem = Problem::permanent("P", "p", "p");
    let (state, effects) = after(&state, Event::EffectFailed { problem: problem.clone() });
    assert!(state.needs_operator && effects.is_empty());
    assert_eq!(state.problem, Some(problem));
}

#[test]
fn a_refund_before_the_end_releases_the_server() {
    let (state, _) = after(&State::new(), Event::PaymentReceived);
    let (state, _) = after(&state, Event::ServerClaimed { server: server() });
    let (state, effects) = after(&state, Event::PaymentWithdrawn { why: "refund".into() });
    assert_eq!((state.phase, effects), (Phase::Stopped, vec![EffectKind::ReleaseServer]));
}

#[test]
fn an_empty_pool_asks_for_a_purchase_once_and_keeps_looking() {
    let (state, _) = after(&State::new(), Event::PaymentReceived);
    let (state, first) = after(&state, Event::PoolEmpty { why: "none".into() });
    assert_eq!(first, [EffectKind::ClaimServer, EffectKind::RequestPurchase]);
    let (state, second) = after(&state, Event::PoolEmpty { why: "none".into() });
    assert_eq!((state.phase, second), (Phase::PaymentConfirmed, vec![EffectKind::ClaimServer]));
}

proptest! {
    /// Whatever happens in whatever order: no panic, and an order that waits for work of ours has that work.
    #[test]
    fn random_walks_never_get_stuck(choices in proptest::collection::vec(0..21_usize, 0..60)) {
        let events = every_event();
        let mut state = State::new();
        let mut outstanding: Vec<EffectKind> = Vec::new();
        for choice in choices {
            let event = &events[choice];
            let Ok(next) = transition(&state, event, now(), &Pace::default()) else { continue };
            // The effect whose result this is has ended.
            let ended = match event {
                Event::RetryDue => Some(EffectKind::Wait),
                Event::ServerClaimed { .. } | Event::PoolEmpty { .. } => Some(EffectKind::ClaimServer),
                Event::ServerInstalled { .. } => Some(EffectKind::InstallServer),
                Event::DnsComplete | Event::DnsIncomplete { .. } => Some(EffectKind::CheckDns),
                Event::ProvisioningPrepared => Some(EffectKind::PrepareProvisioning),
                Event::ProvisioningSucceeded => Some(EffectKind::Provision),
                Event::EffectFailed { .. } => work_of(state.phase),
                _ => None,
            };
            outstanding.retain(|kind| Some(*kind) != ended && !next.void_pending);
            outstanding.extend(next.effects.iter().map(|effect| effect.kind));
            state = next.state;
            let waits_for = match state.phase {
                Phase::Failed if !state.needs_operator => Some(EffectKind::Wait),
                phase => work_of(phase),
            };
            if let Some(kind) = waits_for {
                prop_assert!(outstanding.contains(&kind), "{state:?} has no {kind:?} in {outstanding:?}");
            }
        }
    }
}
