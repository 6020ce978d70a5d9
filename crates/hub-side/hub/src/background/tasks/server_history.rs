//! Sums up the history of tenants' servers, one day that is over at a time, and forgets what is too old.

use chrono::{DateTime, Utc};
use letsbe_store::Store;
use letsbe_types::Problem;
use serde::Serialize;

use crate::{
    background::{Activate, Done, Task, registry::SERVER_HISTORY},
    worker::store_problem,
};

/// The task.
#[must_use]
pub fn server_history(store: Store) -> Task {
    Task::new(SERVER_HISTORY, ServerHistory(store))
}

struct ServerHistory(Store);

/// What one activation did.
#[derive(Default, PartialEq, Serialize)]
struct Report {
    days: u64,
}

impl Activate for ServerHistory {
    type Report = Report;

    async fn activate(&self, now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        // What is due is decided by the store.
        let more = self.0.keep_up(now).await.map_err(store_problem)?;
        Ok(Done { report: Report { days: more.into() }, more })
    }
}
