//! Running the ten steps again on a live server. The order stays live; what fails stops nothing.

use chrono::{DateTime, Utc};
use letsbe_types::{Problem, api::Convergence};

use super::{Effect, EffectKind, Next, Phase, State};

/// Whether a run on the live server is under way.
pub(super) fn is_running(state: &State) -> bool {
    state.convergence == Some(Convergence::Running)
}

/// One run at a time, on a live server.
pub(super) fn request(state: &State, now: DateTime<Utc>) -> Option<Next> {
    let open = state.phase == Phase::Fulfilled && !is_running(state);
    let effects = vec![Effect { kind: EffectKind::Provision, not_before: now }];
    open.then(|| Next { effects, ..with(state, Convergence::Running) })
}

pub(super) fn ended(state: &State, problem: Option<&Problem>) -> Option<Next> {
    let how = problem.map_or(Convergence::Done, |problem| Convergence::Failed { problem: problem.clone() });
    is_running(state).then(|| with(state, how))
}

fn with(state: &State, how: Convergence) -> Next {
    let state = State { convergence: Some(how), ..state.clone() };
    Next { state, effects: Vec::new(), void_pending: false }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use letsbe_types::{Code, Problem, api::Convergence};

    use super::super::{EffectKind, Event, Pace, Phase, State, transition};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).expect("a valid moment")
    }

    fn live() -> State {
        State { phase: Phase::Fulfilled, ..State::new() }
    }

    fn recover() -> Event {
        let recovery = "018f7b1e-0000-7000-8000-000000000001".parse().expect("an id");
        Event::OperatorRecover { recovery, region: None }
    }

    fn after(state: &State, event: Event) -> (State, Vec<EffectKind>) {
        let next = transition(state, &event, now(), &Pace::default()).expect("it is taken");
        (next.state, next.effects.iter().map(|effect| effect.kind).collect())
    }

    #[test]
    fn a_live_server_is_converged_by_one_run_at_a_time_and_stays_live_whatever_comes_of_it() {
        let (running, effects) = after(&live(), Event::OperatorConverge);
        assert_eq!((running.phase, effects), (Phase::Fulfilled, vec![EffectKind::Provision]));
        let again = transition(&running, &Event::OperatorConverge, now(), &Pace::default());
        assert!(again.is_err(), "one is under way");
        // What fails meanwhile is the message to the customer: trying that again does not give the run up.
        let troubled =
            State { problem: Some(Problem::transient(Code::WORK001, "t", "t")), ..running.clone() };
        assert!(transition(&troubled, &Event::OperatorRetry, now(), &Pace::default()).is_err());
        let problem = Problem::permanent(Code::WORK001, "p", "p");
        let (failed, effects) = after(&running, Event::ConvergenceEnded { problem: Some(problem.clone()) });
        assert_eq!((failed.phase, failed.needs_operator, effects), (Phase::Fulfilled, false, vec![]));
        assert_eq!(failed.convergence, Some(Convergence::Failed { problem }));
        // An effect that could not begin ends the run as well; the message to the customer is another matter.
        let could_not =
            |effect| Event::EffectFailed { effect, problem: Problem::transient(Code::WORK001, "w", "w") };
        let (unbegun, effects) = after(&running, could_not(EffectKind::Provision));
        assert_eq!((unbegun.problem, effects, unbegun.failures), (None, vec![], 0));
        assert!(
            matches!(unbegun.convergence, Some(Convergence::Failed { problem }) if problem.code == Code::WORK001)
        );
        let (unsent, effects) = after(&running, could_not(EffectKind::NotifyCustomer));
        assert_eq!(unsent.convergence, Some(Convergence::Running));
        assert_eq!(effects, vec![EffectKind::NotifyCustomer]);
        let (again, _) = after(&failed, Event::OperatorConverge);
        let (done, _) = after(&again, Event::ConvergenceEnded { problem: None });
        assert_eq!(done, State { convergence: Some(Convergence::Done), ..live() });
        let late = transition(&done, &Event::ConvergenceEnded { problem: None }, now(), &Pace::default());
        assert!(late.is_err(), "what ended has ended");
        let (lost, _) = after(&running, recover());
        assert_eq!(lost.convergence, None, "a run on a lost server is given up with it");
    }
}
