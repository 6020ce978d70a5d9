//! What all machines have in common, so that whatever serves one of them serves every one.

use std::fmt::{Debug, Display};

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

/// A workflow as a pure function: a state and an event in, a state and effects out.
pub trait Machine {
    /// Its name in messages and in the database.
    const NAME: &'static str;
    /// All effects that it can ask for.
    const EFFECTS: &'static [Self::Effect];
    /// All that its decisions need to know.
    type State: Clone + Debug + PartialEq;
    /// Where a state stands, in one word.
    type Phase: Copy + Debug + Display + PartialEq;
    /// What can happen.
    type Event: Clone + Debug;
    /// What it can ask for.
    type Effect: Copy + Debug + Eq + 'static;
    /// How long it waits for what.
    type Pace;

    /// Where a state stands.
    fn phase(state: &Self::State) -> Self::Phase;

    /// Whether anything is still to be done.
    fn activity(state: &Self::State) -> Activity;

    /// The name of an effect, its own within the machine.
    fn effect_name(effect: Self::Effect) -> &'static str;

    /// Decides what follows from `event`. Every pair of state and event has an answer.
    ///
    /// # Errors
    /// When the event makes no sense in this state; nothing changes then.
    fn transition(
        state: &Self::State,
        event: &Self::Event,
        now: DateTime<Utc>,
        pace: &Self::Pace,
    ) -> Answer<Self>;

    /// When an effect that failed is tried again.
    fn retries(effect: Self::Effect, pace: &Self::Pace) -> RetryPolicy;
}

/// What a machine answers to an event.
pub type Answer<M> = Result<
    Transition<<M as Machine>::State, <M as Machine>::Effect>,
    Refused<<M as Machine>::Phase, <M as Machine>::Event>,
>;

/// Whether anything is still to be done for a workflow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// Somebody, or something, has to act.
    Open,
    /// Nothing is to be done; an event may open it again.
    Idle,
    /// It stays as it is, whatever happens.
    Ended,
}

/// An effect and the moment from which it may be carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scheduled<E> {
    /// What to do.
    pub kind: E,
    /// Not before this moment.
    pub not_before: DateTime<Utc>,
}

/// What follows from an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transition<S, E> {
    /// The new state.
    pub state: S,
    /// What to do now.
    pub effects: Vec<Scheduled<E>>,
    /// Whether effects that have not started are void (the workflow took another turn).
    pub void_pending: bool,
}

/// An event that makes no sense in a state. Nothing changes.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the {machine} is {phase} and cannot take the event {event:?}")]
pub struct Refused<P, E> {
    /// Whose event.
    pub machine: &'static str,
    /// Where the workflow stands.
    pub phase: P,
    /// What was said to have happened.
    pub event: E,
}

/// The pauses before an effect that failed is tried again; after the last one a person decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetryPolicy {
    pauses: Vec<TimeDelta>,
}

impl RetryPolicy {
    /// Tries again after each of these pauses.
    #[must_use]
    pub fn after(pauses: &[TimeDelta]) -> Self {
        Self { pauses: pauses.to_vec() }
    }

    /// Never tries again by itself.
    #[must_use]
    pub const fn never() -> Self {
        Self { pauses: Vec::new() }
    }

    /// The pause after so many failures in a row; `None` when a person has to decide.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Option<TimeDelta> {
        let before = usize::try_from(failures).ok()?.checked_sub(1)?;
        self.pauses.get(before).copied()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::RetryPolicy;

    #[test]
    fn there_is_one_try_for_each_pause_and_then_none() {
        let [first, second] = [1, 5].map(TimeDelta::minutes);
        let policy = RetryPolicy::after(&[first, second]);
        let pauses = [0, 1, 2, 3].map(|failures| policy.pause(failures));
        assert_eq!(pauses, [None, Some(first), Some(second), None]);
        assert_eq!(RetryPolicy::never().pause(1), None);
    }
}
