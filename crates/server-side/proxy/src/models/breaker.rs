//! Leaves a provider's model in peace for a while after it has failed again and again.
//!
//! [`Breaker`] is pure: the time is passed in, as the time since some beginning.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use letsbe_types::link::Target;

/// So many failures …
const FAILURES: usize = 3;
/// … within this time open it …
const WINDOW: Duration = Duration::from_secs(60);
/// … for this long. Then one request may try.
const REST: Duration = Duration::from_secs(30);

/// The breaker of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Breaker {
    failures: VecDeque<Duration>,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        since: Duration,
    },
    Trial,
}

impl Breaker {
    /// Whether a request may go there. Where it may, its end must be told.
    pub(crate) fn admit(&mut self, now: Duration) -> bool {
        match self.state {
            State::Closed => true,
            State::Trial => false,
            State::Open { since } => {
                let rested = now.saturating_sub(since) >= REST;
                if rested {
                    self.state = State::Trial;
                }
                rested
            }
        }
    }

    /// A request was answered.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A request failed.
    pub(crate) fn failed(&mut self, now: Duration) {
        self.failures.push_back(now);
        self.failures.retain(|at| now.saturating_sub(*at) < WINDOW);
        if self.state == State::Trial || self.failures.len() >= FAILURES {
            self.failures.clear();
            self.state = State::Open { since: now };
        }
    }

    /// A request ended without a verdict, for example because the caller went away.
    pub(crate) fn abandoned(&mut self, now: Duration) {
        if self.state == State::Trial {
            // The next one may try at once.
            self.state = State::Open { since: now.saturating_sub(REST) };
        }
    }
}

/// The breakers of all targets, by provider and model.
#[derive(Debug)]
pub(crate) struct Breakers {
    began: Instant,
    by_target: Mutex<BTreeMap<(String, String), Breaker>>,
}

/// Leave to ask a target once. Dropped without a verdict it counts as none.
#[derive(Debug)]
pub(crate) struct Pass {
    breakers: Arc<Breakers>,
    key: Option<(String, String)>,
}

impl Breakers {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), by_target: Mutex::default() })
    }

    /// Leave to ask this target, unless it rests.
    pub(crate) fn admit(self: &Arc<Self>, target: &Target) -> Option<Pass> {
        let key = (target.provider.clone(), target.model.clone());
        let admitted = self.by_target().entry(key.clone()).or_default().admit(self.began.elapsed());
        admitted.then(|| Pass { breakers: Arc::clone(self), key: Some(key) })
    }

    fn by_target(&self) -> MutexGuard<'_, BTreeMap<(String, String), Breaker>> {
        self.by_target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    pub(crate) fn succeeded(mut self) {
        self.end(|breaker, _| breaker.succeeded());
    }

    pub(crate) fn failed(mut self) {
        self.end(Breaker::failed);
    }

    fn end(&mut self, tell: impl FnOnce(&mut Breaker, Duration)) {
        let now = self.breakers.began.elapsed();
        if let Some(key) = self.key.take()
            && let Some(breaker) = self.breakers.by_target().get_mut(&key)
        {
            tell(breaker, now);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.end(Breaker::abandoned);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Breaker, FAILURES, REST, WINDOW};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn three_failures_in_a_minute_open_it_for_half_a_minute_and_one_may_try() {
        let mut breaker = Breaker::default();
        for second in 0..3 {
            assert!(breaker.admit(SECOND * second));
            breaker.failed(SECOND * second);
        }
        assert!(!breaker.admit(SECOND * 31));
        assert!(breaker.admit(SECOND * 32));
        assert!(!breaker.admit(SECOND * 32), "only one may try");
        breaker.failed(SECOND * 33);
        assert!(!breaker.admit(SECOND * 62));
        assert!(breaker.admit(SECOND * 63));
        breaker.abandoned(SECOND * 63);
        assert!(breaker.admit(SECOND * 63), "a try without a verdict is given to the next");
        breaker.succeeded();
        assert_eq!(breaker, Breaker::default());
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Ask,
        Succeed,
        Fail,
        Abandon,
    }

    proptest! {
        #[test]
        fn a_target_is_asked_if_and_only_if_it_has_not_just_failed(
            steps in prop::collection::vec(
                (prop_oneof![
                    Just(Step::Ask), Just(Step::Ask), Just(Step::Fail), Just(Step::Fail), Just(Step::Succeed),
                    Just(Step::Abandon),
                ], 0_u64..40),
                0..200,
            ),
        ) {
            let mut breaker = Breaker::default();
            let mut now = Duration::ZERO;
            let mut under_way = 0_u32;
            let mut failures: Vec<Duration> = Vec::new();
            for (step, wait) in steps {
                now += SECOND * u32::try_from(wait).unwrap();
                let recent = failures.iter().filter(|at| now - **at < WINDOW).count();
                let rested = failures.last().is_none_or(|at| now - *at >= REST);
                match step {
                    Step::Ask => {
                        let admitted = breaker.admit(now);
                        // Few failures never close it, and after a rest with nobody under way somebody may try.
                        prop_assert!(admitted || recent > 0 || under_way > 0 || !rested);
                        prop_assert!(admitted || under_way > 0 || !rested);
                        under_way += u32::from(admitted);
                    }
                    Step::Succeed if under_way > 0 => {
                        breaker.succeeded();
                        under_way -= 1;
                        failures.clear();
                        prop_assert!(breaker.clone().admit(now));
                    }
                    Step::Fail if under_way > 0 => {
                        breaker.failed(now);
                        under_way -= 1;
                        failures.push(now);
                        let last = failures.iter().rev().take(FAILURES).collect::<Vec<_>>();
                        if last.len() == FAILURES && last.iter().all(|at| now - **at < SECOND) {
                            prop_assert!(!breaker.clone().admit(now), "three at once open it");
                        }
                    }
                    Step::Abandon if under_way > 0 => {
                        breaker.abandoned(now);
                        under_way -= 1;
                    }
                    _ => {}
                }
            }
        }
    }
}
