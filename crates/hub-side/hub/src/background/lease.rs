//! A lease is extended as long as its work goes on.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::StoreError;
use letsbe_types::clock::Clock;
use tokio::time::Instant;

/// A lease of no length is taken to last this long.
const SHORTEST: Duration = Duration::from_millis(1);

/// Extends a lease of this length that begins now, at a third of it; returns when it is lost. It is lost, too, when it ended
/// before the database could be asked: another Hub may reach the database, and have the work by then.
pub(crate) async fn keep<F>(lease: TimeDelta, clock: &dyn Clock, extend: impl Fn(DateTime<Utc>) -> F)
where
    F: Future<Output = Result<bool, StoreError>>,
{
    let length = lease.to_std().unwrap_or_default().max(SHORTEST);
    let mut ends = Instant::now() + length;
    loop {
        tokio::time::sleep_until(ends.min(Instant::now() + length / 3)).await;
        let asked = Instant::now();
        match tokio::time::timeout_at(ends, extend(clock.now() + lease)).await {
            Ok(Ok(true)) => ends = asked + length,
            Ok(Ok(false)) => return,
            Ok(Err(error)) if Instant::now() < ends => {
                tracing::warn!(%error, "a lease could not be extended; trying again");
            }
            Ok(Err(error)) => return tracing::warn!(%error, "a lease ended and could not be extended"),
            Err(_) => return tracing::warn!("a lease ended before the database answered"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use chrono::TimeDelta;
    use letsbe_store::StoreError;
    use letsbe_types::clock::SystemClock;

    use super::keep;

    /// What the database answers.
    #[derive(Clone, Copy)]
    enum Says {
        KeptThrice,
        Failed,
        Nothing,
    }

    #[tokio::test]
    async fn a_lease_is_kept_until_it_is_lost_or_the_database_cannot_be_asked_until_its_end() {
        // Nothing ends here but by itself; no time is told.
        for (says, length, asked) in
            [(Says::KeptThrice, 300, Some(4)), (Says::Failed, 60, None), (Says::Nothing, 60, Some(1))]
        {
            let times = AtomicU32::new(0);
            let extend = |_| {
                let time = times.fetch_add(1, Ordering::Relaxed) + 1;
                async move {
                    match says {
                        Says::KeptThrice => Ok(time < 4),
                        Says::Failed => Err(StoreError::Unready("no connection".to_owned())),
                        Says::Nothing => std::future::pending().await,
                    }
                }
            };
            let kept = keep(TimeDelta::milliseconds(length), &SystemClock, extend);
            tokio::time::timeout(Duration::from_secs(60), kept).await.expect("it is lost");
            let times = times.into_inner();
            assert!(asked.is_none_or(|asked| asked == times), "asked {times} times");
        }
    }
}
