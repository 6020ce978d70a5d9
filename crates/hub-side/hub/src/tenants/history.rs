//! The upkeep of the history: looks whether a day is over, and has it summed up.

use std::{sync::Arc, time::Duration};

use letsbe_store::Store;
use letsbe_types::clock::Clock;

/// How often it is looked whether something is due. What is due is decided by the store.
const LOOK: Duration = Duration::from_secs(600);

pub(super) async fn keep(store: Store, clock: Arc<dyn Clock>) {
    loop {
        match store.keep_up(clock.now()).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the history of tenants' servers could not be kept up"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
