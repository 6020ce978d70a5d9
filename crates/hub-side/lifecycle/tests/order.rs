//! The order machine: every state with every event, the walk to the end, and random walks.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::{EffectKind, Event, Pace, Phase, Recovery, State, transition, work_of};
use letsbe_types::{
    Code, Problem, Region,
    api::Convergence,
    ids::{RecoveryId, ServerId},
};
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

fn other_server() -> ServerId {
    ServerId("netcup:2".into())
}

fn recovery(number: u128) -> RecoveryId {
    format!("{number:032x}").parse().expect("an id")
}

fn recover(number: u128) -> Event {
    Event::OperatorRecover { recovery: recovery(number), region: None }
}

fn passing() -> Problem {
    Problem::transient(Code::WORK001, "t", "t")
}

fn lasting() -> Problem {
    Problem::permanent(Code::WORK001, "p", "p")
}

fn claim_failed(problem: Problem) -> Event {
    Event::EffectFailed { effect: EffectKind::ClaimServer, problem }
}

fn every_event() -> Vec<Event> {
    let problem = passing();
    let permanent = lasting();
    vec![
        Event::PaymentReceived,
        Event::PaymentOpened,
        Event::PaymentDiffers { why: "1.00 eur".into() },
        Event::PaymentFailed,
        Event::PaymentOverdue,
        Event::PaymentWithdrawn { why: "refund".into() },
        Event::ServerClaimed { server: server() },
        Event::PoolEmpty { why: "none".into(), by_hand: false },
        Event::ServerInstalled { address: address() },
        Event::DnsComplete,
        Event::DnsIncomplete { missing: vec!["A blog".into()] },
        Event::DnsUnreadable { why: "nobody is authoritative".into() },
        Event::ProvisioningPrepared,
        Event::ProvisioningSucceeded,
        Event::CustomerNotified,
        Event::ServerReleased,
        Event::PurchaseRequested,
        Event::EffectFailed { effect: EffectKind::Provision, problem },
        Event::EffectFailed { effect: EffectKind::NotifyCustomer, problem: permanent.clone() },
        Event::RetryDue,
        Event::OperatorRetry,
        Event::OperatorSkip { reason: "r".into() },
        Event::OperatorAbandon { reason: "r".into() },
        Event::OperatorAssign { server: server(), address: address(), host_key: None },
        Event::OperatorConfirmHostKey { host_key: "SHA256:…".into() },
        Event::OperatorConverge,
        Event::ConvergenceEnded { problem: None },
        Event::ConvergenceEnded { problem: Some(permanent) },
        recover(1),
        Event::OperatorCancelRecovery { reason: "r".into() },
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

/// What is legal for an order in this phase, one line for each event that is.
fn legal(state: &State) -> String {
    let lines = every_event().into_iter().filter_map(|event| {
        let name = format!("{event:?}");
        let name = name.split([' ', '{']).next().unwrap_or_default();
        let next = transition(state, &event, now(), &Pace::default()).ok()?;
        Some(format!("{} + {name} -> {}\n", state.phase, next.state.phase))
    });
    lines.collect()
}

#[test]
fn every_pair_of_phase_and_event_has_an_answer() {
    // The table of what is legal, by phase; a change of the machine must change this line by line.
    let in_an_order = |phase: &Phase| {
        !matches!(phase, Phase::ServerLost | Phase::ReplacementReady | Phase::RecoveryCancelled)
    };
    let mut table = String::new();
    for phase in Phase::ALL.into_iter().filter(in_an_order) {
        let state = State {
            phase,
            resume: (phase == Phase::Failed).then_some(Phase::DnsPending),
            server: (!matches!(phase, Phase::AwaitingPayment | Phase::Expired | Phase::PaymentConfirmed))
                .then(server),
            ..State::new()
        };
        table.push_str(&legal(&state));
        if phase == Phase::Fulfilled {
            table.push_str("while a run is under way\n");
            table.push_str(&legal(&State { convergence: Some(Convergence::Running), ..state }));
            table.push_str("with no run under way again\n");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_pair_of_phase_and_event_in_a_recovery_has_an_answer() {
    let mut table = String::new();
    for begun in [false, true] {
        table.push_str(if begun { "after provisioning began\n" } else { "before provisioning began\n" });
        for phase in Phase::ALL {
            let resume = if begun { Phase::Provisioning } else { Phase::ServerLost };
            let lost = Recovery {
                id: recovery(7),
                region: None,
                lost: Some(server()),
                lost_address: Some(address()),
                begun,
            };
            let state = State {
                phase,
                resume: (phase == Phase::Failed).then_some(resume),
                server: (!matches!(phase, Phase::ServerLost)).then(other_server),
                recovery: Some(lost),
                ..State::new()
            };
            // These are not reached with a recovery under way.
            let reached = !matches!(
                phase,
                Phase::AwaitingPayment
                    | Phase::Expired
                    | Phase::PaymentConfirmed
                    | Phase::DnsReady
                    | Phase::Fulfilled
                    | Phase::Stopped
            );
            if reached {
                table.push_str(&legal(&state));
            }
        }
    }
    insta::assert_snapshot!(table);
}

fn live() -> State {
    State { phase: Phase::Fulfilled, server: Some(server()), address: Some(address()), ..State::new() }
}

#[test]
fn a_lost_server_is_replaced_and_dns_comes_after_the_data() {
    let elsewhere = [192, 0, 2, 2].into();
    let region = Event::OperatorRecover { recovery: recovery(1), region: Some(Region::Na) };
    let walk = [
        (region, Phase::ServerLost, vec![EffectKind::ClaimServer]),
        (
            Event::PoolEmpty { why: "none".into(), by_hand: false },
            Phase::ServerLost,
            vec![EffectKind::ClaimServer, EffectKind::RequestPurchase],
        ),
        (
            Event::ServerClaimed { server: other_server() },
            Phase::AwaitingServer,
            vec![EffectKind::InstallServer],
        ),
        (
            Event::ServerInstalled { address: elsewhere },
            Phase::ReplacementReady,
            vec![EffectKind::PrepareProvisioning],
        ),
        (Event::ProvisioningPrepared, Phase::Provisioning, vec![EffectKind::Provision]),
        (Event::ProvisioningSucceeded, Phase::ServerReady, vec![EffectKind::CheckDns]),
        (Event::DnsIncomplete { missing: vec!["A".into()] }, Phase::DnsPending, vec![EffectKind::CheckDns]),
        (Event::DnsComplete, Phase::Fulfilled, vec![EffectKind::NotifyCustomer]),
    ];
    let mut state = live();
    for (event, phase, effects) in walk {
        if phase != Phase::Fulfilled && state.phase != Phase::Fulfilled {
            let withdrawn = after(&state, Event::PaymentWithdrawn { why: "refund".into() });
            assert_eq!(withdrawn, (state.clone(), vec![]), "who lost a server is still a customer");
        }
        let got = after(&state, event);
        assert_eq!((got.0.phase, got.1), (phase, effects));
        state = got.0;
    }
    assert_eq!((state.server, state.address), (Some(other_server()), Some(elsewhere)));
    assert_eq!((state.recovery, state.problem), (None, None));
}

#[test]
fn a_recovery_is_taken_back_until_provisioning_began() {
    let cancel = || Event::OperatorCancelRecovery { reason: "the cable was out".into() };
    let (mut state, _) = after(&live(), recover(1));
    for event in [
        Event::ServerClaimed { server: other_server() },
        Event::ServerInstalled { address: [192, 0, 2, 2].into() },
    ] {
        let (cancelled, effects) = after(&state, cancel());
        assert_eq!((cancelled.phase, effects), (Phase::RecoveryCancelled, vec![EffectKind::ReleaseServer]));
        let (back, effects) = after(&cancelled, Event::ServerReleased);
        assert_eq!((back, effects), (live(), vec![]));
        state = after(&state, event).0;
    }
    let (begun, _) = after(&state, Event::ProvisioningPrepared);
    let (failed, _) = after(&begun, claim_failed(lasting()));
    for state in [&begun, &failed] {
        assert!(transition(state, &cancel(), now(), &Pace::default()).is_err(), "{state:?}");
    }
}

#[test]
fn a_recovery_that_failed_begins_again_and_never_forgets_the_server_that_was_lost() {
    let (state, _) = after(&live(), recover(1));
    let again = transition(&state, &recover(2), now(), &Pace::default());
    assert!(again.is_err(), "one that is under way is not begun again");
    let (state, _) = after(&state, Event::ServerClaimed { server: other_server() });
    let (state, _) =
        after(&state, Event::EffectFailed { effect: EffectKind::ClaimServer, problem: lasting() });
    let (state, effects) = after(&state, recover(2));
    assert_eq!((state.phase, effects), (Phase::ServerLost, vec![EffectKind::ClaimServer]));
    let second = state.recovery.expect("is under way");
    assert_eq!((second.id, second.lost), (recovery(2), Some(server())));
    assert_eq!(state.server, None);
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
    for minutes in [1, 5, 15] {
        let next = transition(&state, &claim_failed(passing()), now(), &Pace::default())
            .expect("failures are taken");
        assert_eq!(next.effects[0].kind, EffectKind::Wait);
        assert_eq!(next.effects[0].not_before, now() + TimeDelta::minutes(minutes));
        let (resumed, effects) = after(&next.state, Event::RetryDue);
        assert_eq!((resumed.phase, effects), (Phase::PaymentConfirmed, vec![EffectKind::ClaimServer]));
        state = resumed;
    }
    let (desk, effects) = after(&state, claim_failed(passing()));
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
    let (state, effects) = after(&state, claim_failed(lasting()));
    assert!(state.needs_operator && effects.is_empty());
    assert_eq!(state.problem, Some(lasting()));
}

#[test]
fn what_dns_and_the_pool_lack_is_said_in_the_right_number_and_for_the_mode() {
    let message =
        |event| after(&State { phase: Phase::DnsPending, ..State::new() }, event).0.problem.unwrap();
    let missing = |count: usize| Event::DnsIncomplete { missing: vec!["A blog".into(); count] };
    assert_eq!(message(missing(1)).message, "1 DNS record is missing or wrong: A blog");
    assert_eq!(message(missing(2)).message, "2 DNS records are missing or wrong: A blog; A blog");
    let unread = message(Event::DnsUnreadable { why: "nobody is authoritative".into() });
    assert_eq!(unread.message, "The DNS records cannot be read: nobody is authoritative");
    let hint = |by_hand| {
        let (paid, _) = after(&State::new(), Event::PaymentReceived);
        after(&paid, Event::PoolEmpty { why: "none".into(), by_hand }).0.problem.unwrap().hint
    };
    assert!(hint(false).starts_with("Buy a server") && hint(false).contains("by itself"));
    assert!(hint(true).contains("letsbe orders assign") && !hint(true).contains("Buy"), "{}", hint(true));
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
    let (state, first) = after(&state, Event::PoolEmpty { why: "none".into(), by_hand: false });
    assert_eq!(first, [EffectKind::ClaimServer, EffectKind::RequestPurchase]);
    let (state, second) = after(&state, Event::PoolEmpty { why: "none".into(), by_hand: false });
    assert_eq!((state.phase, second), (Phase::PaymentConfirmed, vec![EffectKind::ClaimServer]));
}

proptest! {
    /// Whatever happens in whatever order: no panic, and an order that waits for work of ours has that work.
    #[test]
    fn random_walks_never_get_stuck(
        choices in proptest::collection::vec(0..every_event().len(), 0..60),
        start in prop_oneof![Just(State::new()), Just(live()), Just(after(&live(), recover(1)).0)],
    ) {
        let events = every_event();
        let mut state = start;
        let mut outstanding: Vec<EffectKind> = work_of(state.phase).into_iter().collect();
        for choice in choices {
            let event = &events[choice];
            let Ok(next) = transition(&state, event, now(), &Pace::default()) else { continue };
            // The effect whose result this is has ended.
            let ended = match event {
                Event::RetryDue => Some(EffectKind::Wait),
                Event::ServerClaimed { .. } | Event::PoolEmpty { .. } => Some(EffectKind::ClaimServer),
                Event::ServerInstalled { .. } => Some(EffectKind::InstallServer),
                Event::DnsComplete | Event::DnsIncomplete { .. } | Event::DnsUnreadable { .. } => {
                    Some(EffectKind::CheckDns)
                }
                Event::ProvisioningPrepared => Some(EffectKind::PrepareProvisioning),
                Event::ProvisioningSucceeded | Event::ConvergenceEnded { .. } => Some(EffectKind::Provision),
                Event::ServerReleased => Some(EffectKind::ReleaseServer),
                Event::EffectFailed { effect, .. } if state.phase == Phase::Fulfilled => Some(*effect),
                Event::EffectFailed { .. } => work_of(state.phase),
                _ => None,
            };
            outstanding.retain(|kind| Some(*kind) != ended && !next.void_pending);
            outstanding.extend(next.effects.iter().map(|effect| effect.kind));
            state = next.state;
            let waits_for = match state.phase {
                Phase::Failed if !state.needs_operator => Some(EffectKind::Wait),
                Phase::Fulfilled if state.convergence == Some(Convergence::Running) => {
                    Some(EffectKind::Provision)
                }
                phase => work_of(phase),
            };
            if let Some(kind) = waits_for {
                prop_assert!(outstanding.contains(&kind), "{state:?} has no {kind:?} in {outstanding:?}");
            }
        }
    }
}

#[test]
fn what_is_not_paid_in_time_expires_and_money_that_comes_after_all_revives_it() {
    let (expired, effects) = after(&State::new(), Event::PaymentOverdue);
    assert_eq!((expired.phase, effects), (Phase::Expired, vec![]));
    let (revived, effects) = after(&expired, Event::PaymentReceived);
    assert_eq!((revived.phase, effects), (Phase::PaymentConfirmed, vec![EffectKind::ClaimServer]));
    assert_eq!(after(&expired, Event::PaymentOpened).0.phase, Phase::AwaitingPayment);
    let (parked, effects) = after(&expired, Event::PaymentDiffers { why: "1.00 eur".into() });
    assert_eq!((parked.phase, parked.needs_operator, effects), (Phase::AwaitingPayment, true, vec![]));
    // Nothing that somebody paid for expires.
    for state in [&parked, &revived, &live()] {
        assert!(transition(state, &Event::PaymentOverdue, now(), &Pace::default()).is_err(), "{state:?}");
    }
}
