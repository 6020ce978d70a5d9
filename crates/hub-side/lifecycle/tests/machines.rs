//! What holds for every machine. A new one is added with its states to begin with and its events.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::{
    Machine,
    machine::{Activity, RetryPolicy},
    order::{self, OrderMachine, Phase},
    recovery::{self, RecoveryMachine, State},
};
use letsbe_types::{
    Code, Problem,
    ids::{RecoveryId, ServerId},
    recovery::LostServerFate,
};
use proptest::prelude::*;

/// More events than any state needs to come to rest.
const STEPS_TO_REST: usize = 8;
/// Events of one walk.
const WALK: std::ops::Range<usize> = 0..40;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("a valid moment")
}

/// Follows the events that these choices name as far as they are taken; on the way, what has ended stays ended.
fn walk<M: Machine>(start: M::State, events: &[M::Event], choices: &[usize], pace: &M::Pace) -> M::State {
    choices.iter().fold(start, |state, choice| {
        let event = &events[choice % events.len()];
        match M::transition(&state, event, now(), pace) {
            Ok(next) => {
                for effect in &next.effects {
                    assert!(effect.not_before >= now() && M::EFFECTS.contains(&effect.kind), "{effect:?}");
                }
                if M::activity(&state) == Activity::Ended {
                    assert_eq!(M::phase(&state), M::phase(&next.state), "{event:?} leaves an end");
                }
                next.state
            }
            Err(refused) => {
                assert_eq!((refused.machine, refused.phase), (M::NAME, M::phase(&state)));
                state
            }
        }
    })
}

/// Whether some events lead from this state to one in which nothing is left to be done.
fn comes_to_rest<M: Machine>(start: M::State, events: &[M::Event], pace: &M::Pace) -> bool {
    let mut seen = vec![start];
    let mut newest = 0;
    for _ in 0..STEPS_TO_REST {
        if seen.iter().any(|state| M::activity(state) != Activity::Open) {
            return true;
        }
        let from = seen[newest..].to_vec();
        newest = seen.len();
        for (state, event) in from.iter().flat_map(|state| events.iter().map(move |event| (state, event))) {
            if let Ok(next) = M::transition(state, event, now(), pace)
                && !seen.contains(&next.state)
            {
                seen.push(next.state);
            }
        }
    }
    seen.iter().any(|state| M::activity(state) != Activity::Open)
}

fn names_are_their_own<M: Machine>(pace: &M::Pace, retries: &RetryPolicy) {
    let names: BTreeSet<&str> = M::EFFECTS.iter().map(|effect| M::effect_name(*effect)).collect();
    assert_eq!(names.len(), M::EFFECTS.len(), "{}", M::NAME);
    for effect in M::EFFECTS {
        assert_eq!(&M::retries(*effect, pace), retries, "{effect:?}");
    }
}

fn server(number: u8) -> ServerId {
    ServerId(format!("netcup:{number}"))
}

fn recovery_id(number: u128) -> RecoveryId {
    format!("{number:032x}").parse().expect("an id")
}

fn order_events() -> Vec<order::Event> {
    use order::{EffectKind, Event};
    let address = [192, 0, 2, 1].into();
    let failed = |effect, problem| Event::EffectFailed { effect, problem };
    vec![
        Event::PaymentReceived,
        Event::PaymentDiffers { why: "1.00 eur".into() },
        Event::PaymentOverdue,
        Event::PaymentWithdrawn { why: "refund".into() },
        Event::ServerClaimed { server: server(1) },
        Event::PoolEmpty { why: "none".into(), by_hand: false },
        Event::ServerInstalled { address },
        Event::DnsComplete,
        Event::DnsIncomplete { missing: vec!["A blog".into()] },
        Event::ProvisioningPrepared,
        Event::ProvisioningSucceeded,
        Event::CustomerNotified,
        Event::ServerReleased,
        failed(EffectKind::Provision, Problem::transient(Code::WORK001, "t", "t")),
        failed(EffectKind::ReleaseServer, Problem::permanent(Code::WORK001, "p", "p")),
        Event::RetryDue,
        Event::OperatorRetry,
        Event::OperatorSkip { reason: "r".into() },
        Event::OperatorAbandon { reason: "r".into() },
        Event::OperatorAssign { server: server(2), address, host_key: None },
        Event::OperatorConverge,
        Event::ConvergenceEnded { problem: None },
        Event::OperatorRecover { recovery: recovery_id(1), region: None },
        Event::OperatorCancelRecovery { reason: "r".into() },
    ]
}

fn recovery_events() -> Vec<recovery::Event> {
    use recovery::Event;
    vec![
        Event::Requested,
        Event::RequestedAgain,
        Event::BegunAgain,
        Event::ServerNamed,
        Event::TakenBack,
        Event::Live { lost: true },
        Event::Live { lost: false },
        Event::Settled { became: LostServerFate::Wiped },
        Event::Settled { became: LostServerFate::Cancelled },
    ]
}

fn live() -> order::State {
    order::State {
        phase: Phase::Fulfilled,
        server: Some(server(1)),
        address: Some([192, 0, 2, 1].into()),
        ..order::State::new()
    }
}

#[test]
fn effects_have_names_of_their_own_and_a_policy_of_retries() {
    let pace = order::Pace::default();
    let minutes = [1, 5, 15].map(TimeDelta::minutes);
    names_are_their_own::<OrderMachine>(&pace, &RetryPolicy::after(&minutes));
    names_are_their_own::<RecoveryMachine>(&(), &RetryPolicy::never());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn from_wherever_an_order_went_it_can_come_to_rest_and_what_has_ended_stays_ended(
        choices in proptest::collection::vec(any::<usize>(), WALK),
        start in prop_oneof![Just(order::State::new()), Just(live())],
    ) {
        let (events, pace) = (order_events(), order::Pace::default());
        let state = walk::<OrderMachine>(start, &events, &choices, &pace);
        prop_assert!(comes_to_rest::<OrderMachine>(state.clone(), &events, &pace), "{state:?}");
    }

    /// Both machines together: an order's event never asks of its recovery what that one refuses, and no recovery of
    /// an order goes on without its order.
    #[test]
    fn whatever_an_order_does_its_recoveries_follow(
        choices in proptest::collection::vec(any::<usize>(), WALK),
    ) {
        let (events, pace) = (order_events(), order::Pace::default());
        let mut order = live();
        let mut recoveries: Vec<(RecoveryId, State)> = Vec::new();
        for (number, choice) in choices.iter().enumerate() {
            let event = match &events[choice % events.len()] {
                order::Event::OperatorRecover { region, .. } => {
                    order::Event::OperatorRecover { recovery: recovery_id(number as u128), region: *region }
                }
                event => event.clone(),
            };
            let Ok(next) = order::transition(&order, &event, now(), &pace) else { continue };
            for (id, event) in recovery::events_of(&order, &next.state, &event) {
                let at = recoveries.iter().position(|(known, _)| *known == id);
                let state = at.map_or(State::New, |at| recoveries[at].1);
                let after = recovery::transition(state, event, now());
                prop_assert!(after.is_ok(), "{after:?}");
                let Ok(after) = after else { continue };
                match at {
                    Some(at) => recoveries[at].1 = after.state,
                    None => recoveries.push((id, after.state)),
                }
            }
            order = next.state;
            let running: Vec<_> = recoveries.iter().filter(|(_, state)| *state == State::Running).collect();
            let running: Vec<RecoveryId> = running.into_iter().map(|(id, _)| *id).collect();
            let expected: Vec<RecoveryId> = order.recovery.iter().map(|recovery| recovery.id).collect();
            prop_assert_eq!(running, expected);
        }
    }
}

#[test]
fn every_pair_of_state_and_event_of_a_recovery_has_an_answer() {
    let line = |state: State, event: &recovery::Event| -> Option<String> {
        let next = recovery::transition(state, *event, now()).ok()?;
        let effects: Vec<&str> = next.effects.iter().map(|effect| effect.kind.as_str()).collect();
        Some(format!("{state} + {event:?} -> {} {}\n", next.state, effects.join(" ")))
    };
    let events = recovery_events();
    let table: String = State::ALL
        .into_iter()
        .flat_map(|state| events.iter().filter_map(move |event| line(state, event)))
        .collect();
    insta::assert_snapshot!(table);
}

#[test]
fn every_state_of_a_recovery_comes_to_rest_and_those_that_ended_take_nothing_more() {
    let events = recovery_events();
    for state in State::ALL {
        assert!(comes_to_rest::<RecoveryMachine>(state, &events, &()), "{state}");
        let taken = events.iter().any(|event| recovery::transition(state, *event, now()).is_ok());
        let ended = RecoveryMachine::activity(&state) == Activity::Ended;
        assert_eq!(taken, !ended, "{state}");
    }
}

#[test]
fn a_stored_recovery_is_read_as_the_state_that_was_stored() {
    for state in State::ALL {
        let read = state.stored().map(|stored| State::of(stored, state == State::Unaccounted));
        assert_eq!(read, Some(state).filter(|state| *state != State::New));
    }
}
