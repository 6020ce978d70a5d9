//! Requests whose process died are charged in full: nobody knows what they cost.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use letsbe_store::Store;
use letsbe_types::clock::Clock;

/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(60);
/// Longer than any request takes.
const ABANDONED: TimeDelta = TimeDelta::minutes(15);

/// Settles what was abandoned, for ever.
pub async fn keep(store: Store, clock: Arc<dyn Clock>) {
    loop {
        let now = clock.now();
        match store.settle_abandoned_relays(now - ABANDONED, now).await {
            Ok(0) => {}
            Ok(requests) => tracing::warn!(requests, "abandoned requests to models are charged in full"),
            Err(error) => tracing::error!(%error, "abandoned requests to models could not be settled"),
        }
        tokio::time::sleep(EVERY).await;
    }
}
