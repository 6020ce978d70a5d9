//! The decisions of the recovery machine.

use chrono::{DateTime, Utc};
use letsbe_types::recovery::LostServerFate;

use super::{EffectKind as Effect, Event, RecoveryMachine, State};
use crate::machine::{Answer, Machine as _, Refused, Scheduled, Transition};

/// Decides what follows from `event`.
///
/// # Errors
/// When the event makes no sense in this state; nothing changes then.
pub fn transition(state: State, event: Event, now: DateTime<Utc>) -> Answer<RecoveryMachine> {
    let (state, kinds) =
        next(state, event).ok_or(Refused { machine: RecoveryMachine::NAME, phase: state, event })?;
    let effects = kinds.iter().map(|kind| Scheduled { kind: *kind, not_before: now }).collect();
    Ok(Transition { state, effects, void_pending: false })
}

const fn next(state: State, event: Event) -> Option<(State, &'static [Effect])> {
    Some(match (state, event) {
        (State::New, Event::Requested) => {
            (State::Running, &[Effect::ForgetServer, Effect::MarkLost, Effect::RevokeKey])
        }
        // The server that was lost is marked already.
        (State::New, Event::RequestedAgain) => (State::Running, &[Effect::ForgetServer, Effect::RevokeKey]),
        (State::Running, Event::BegunAgain) => (State::Superseded, &[Effect::ReleaseReplacement]),
        (State::Running, Event::ServerNamed) => (State::Running, &[Effect::NameReplacement]),
        (State::Running, Event::TakenBack) => {
            let effects =
                &[Effect::ReleaseReplacement, Effect::UnmarkLost, Effect::RestoreServer, Effect::RestoreKey];
            (State::Cancelled, effects)
        }
        (State::Running, Event::Live { lost: true }) => {
            (State::Unaccounted, &[Effect::Measure, Effect::OpenTask])
        }
        (State::Running, Event::Live { lost: false }) => (State::Finished, &[Effect::Measure]),
        (State::Unaccounted, Event::Settled { became: LostServerFate::Wiped }) => {
            (State::Finished, &[Effect::FreeLost, Effect::CloseTask])
        }
        // Its name is never used again.
        (State::Unaccounted, Event::Settled { became: LostServerFate::Cancelled }) => {
            (State::Finished, &[Effect::CloseTask])
        }
        _ => return None,
    })
}
