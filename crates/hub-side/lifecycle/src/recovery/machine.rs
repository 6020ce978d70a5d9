//! The recovery as one machine among others.

use chrono::{DateTime, Utc};

use super::{EffectKind, Event, State, transition};
use crate::machine::{Activity, Answer, Machine, RetryPolicy};

/// The machine of recoveries.
#[derive(Debug, Clone, Copy)]
pub struct RecoveryMachine;

impl Machine for RecoveryMachine {
    const NAME: &'static str = "recovery";
    const EFFECTS: &'static [EffectKind] = &EffectKind::ALL;
    type State = State;
    type Phase = State;
    type Event = Event;
    type Effect = EffectKind;
    /// It waits for nothing but events.
    type Pace = ();

    fn phase(state: &State) -> State {
        *state
    }

    fn activity(state: &State) -> Activity {
        match state {
            State::New | State::Running | State::Unaccounted => Activity::Open,
            State::Finished | State::Cancelled | State::Superseded => Activity::Ended,
        }
    }

    fn effect_name(effect: EffectKind) -> &'static str {
        effect.as_str()
    }

    fn transition(state: &State, event: &Event, now: DateTime<Utc>, (): &()) -> Answer<Self> {
        transition(*state, *event, now)
    }

    /// An effect is stored with its event, or the event is not stored either.
    fn retries(_: EffectKind, (): &()) -> RetryPolicy {
        RetryPolicy::never()
    }
}
