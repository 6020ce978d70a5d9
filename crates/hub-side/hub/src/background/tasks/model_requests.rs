//! Charges requests to models in full whose Hub died while they were under way: nobody knows what they cost.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::Store;
use letsbe_types::Problem;
use serde::Serialize;

use crate::{
    background::{Activate, Done, Task, registry::MODEL_REQUESTS},
    worker::store_problem,
};

/// Longer than any request takes.
const ABANDONED: TimeDelta = TimeDelta::minutes(15);

/// The task.
#[must_use]
pub fn model_requests(store: Store) -> Task {
    Task::new(MODEL_REQUESTS, ModelRequests(store))
}

struct ModelRequests(Store);

/// What one activation did.
#[derive(Default, PartialEq, Serialize)]
struct Report {
    charged_in_full: usize,
}

impl Activate for ModelRequests {
    type Report = Report;

    async fn activate(&self, now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        let settled = self.0.settle_abandoned_relays(now - ABANDONED, now).await.map_err(store_problem)?;
        Ok(Done { report: Report { charged_in_full: settled }, more: settled > 0 })
    }
}
