//! Looking again, where the Hub may be away for a while.

use std::time::{Duration, Instant};

use letsbe_types::Problem;

/// How often what goes on is looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
/// A Hub that is away for longer is not waited for.
const HUB_AWAY: Duration = Duration::from_secs(10 * 60);

/// Looks until the Hub answers: one that is started again, or busy, is waited for; what it refuses is its answer.
pub(crate) async fn patiently<T>(look: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        match look().await {
            Err(error) if passes(&error) && began.elapsed() < HUB_AWAY => tokio::time::sleep(LOOK).await,
            looked => return looked,
        }
    }
}

fn passes(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_none_or(|problem| problem.retryable)
}
