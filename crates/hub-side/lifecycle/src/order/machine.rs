//! The order as one machine among others.

use chrono::{DateTime, Utc};

use super::{EffectKind, Event, Pace, Phase, State, transition};
use crate::machine::{Activity, Answer, Machine, RetryPolicy};

/// The machine of orders.
#[derive(Debug, Clone, Copy)]
pub struct OrderMachine;

impl Machine for OrderMachine {
    const NAME: &'static str = "order";
    const EFFECTS: &'static [EffectKind] = &EffectKind::ALL;
    type State = State;
    type Phase = Phase;
    type Event = Event;
    type Effect = EffectKind;
    type Pace = Pace;

    fn phase(state: &State) -> Phase {
        state.phase
    }

    fn activity(state: &State) -> Activity {
        match state.phase {
            Phase::Fulfilled | Phase::Expired => Activity::Idle,
            Phase::Stopped => Activity::Ended,
            _ => Activity::Open,
        }
    }

    fn effect_name(effect: EffectKind) -> &'static str {
        effect.as_str()
    }

    fn transition(state: &State, event: &Event, now: DateTime<Utc>, pace: &Pace) -> Answer<Self> {
        transition(state, event, now, pace)
    }

    /// The same for all: what differs is what follows when there is no try left.
    fn retries(_: EffectKind, pace: &Pace) -> RetryPolicy {
        RetryPolicy::after(&pace.retries)
    }
}
