//! How many calls a second: a bucket that fills up.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Calls that may come at once.
const MOST: f64 = 120.0;
/// Calls a second in the long run.
const PER_SECOND: f64 = 1.0;

/// Counts calls.
#[derive(Default)]
pub(crate) struct Limit(Mutex<Option<(f64, Instant)>>);

impl Limit {
    /// Whether one more call may come now.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = bucket.unwrap_or((MOST, now));
        let left = (left + now.saturating_duration_since(at).as_secs_f64() * PER_SECOND).min(MOST);
        let allowed = left >= 1.0;
        *bucket = Some((if allowed { left - 1.0 } else { left }, now));
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Limit;

    #[test]
    fn a_burst_is_cut_off_and_time_makes_room() {
        let (limit, now) = (Limit::default(), Instant::now());
        assert_eq!((0..200).filter(|_| limit.allows(now)).count(), 120);
        assert_eq!((0..100).filter(|_| limit.allows(now + Duration::from_secs(2))).count(), 2);
    }
}
