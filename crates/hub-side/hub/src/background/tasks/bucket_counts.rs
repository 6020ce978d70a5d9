//! Counts what is in tenants' buckets, and opens and ends alarms: one pass over all of them.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use letsbe_store::Store;
use letsbe_types::{Problem, clock::Clock};

use crate::{
    background::{Activate, Done, Task, registry::BUCKET_COUNTS},
    backups::{
        storage::Storage,
        watch::{self, Round},
    },
    worker::store_problem,
};

/// The task.
#[must_use]
pub fn bucket_counts(store: Store, storage: Storage, clock: Arc<dyn Clock>, every: Duration) -> Task {
    Task::new(BUCKET_COUNTS, BucketCounts { store, storage, clock }).every(every)
}

struct BucketCounts {
    store: Store,
    storage: Storage,
    clock: Arc<dyn Clock>,
}

impl Activate for BucketCounts {
    type Report = Round;

    async fn activate(&self, _now: DateTime<Utc>) -> Result<Done<Round>, Problem> {
        let round = watch::round(&self.store, &self.storage, self.clock.as_ref()).await;
        Ok(Done { report: round.map_err(store_problem)?, more: false })
    }
}
