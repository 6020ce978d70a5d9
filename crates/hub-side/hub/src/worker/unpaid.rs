//! Orders that nobody pays end after a time, and are removed after another.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::Pace;
use letsbe_store::{Store, StoreError};
use letsbe_types::clock::Clock;

use crate::config::UnpaidConfig;

/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(3600);

/// Ends and removes what nobody pays, for ever.
pub async fn keep(store: Store, terms: UnpaidConfig, pace: Pace, clock: Arc<dyn Clock>) {
    loop {
        match look(&store, &terms, &pace, clock.now()).await {
            Ok((0, 0)) => {}
            Ok((expired, removed)) => tracing::info!(expired, removed, "orders that nobody paid"),
            Err(error) => tracing::error!(%error, "orders that nobody paid could not be ended"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One look: how many orders were ended, and how many removed.
///
/// # Errors
/// When the database fails.
pub async fn look(
    store: &Store,
    terms: &UnpaidConfig,
    pace: &Pace,
    now: DateTime<Utc>,
) -> Result<(u64, u64), StoreError> {
    let expired = store.expire_unpaid(now - terms.expires_after(), pace, now).await?;
    let removed = store.remove_expired(now - terms.removed_after()).await?;
    Ok((expired, removed))
}
