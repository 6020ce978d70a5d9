//! Schedules drills, begins what is due, and ends what has ended: one pass over all tenants.

use chrono::{DateTime, Utc};
use letsbe_store::Store;
use letsbe_types::Problem;

use crate::{
    background::{Activate, Done, Task, registry::DRILLS},
    backups::drills::{self, Round},
    worker::store_problem,
};

/// The task.
#[must_use]
pub fn drills(store: Store) -> Task {
    Task::new(DRILLS, Drills(store))
}

struct Drills(Store);

impl Activate for Drills {
    type Report = Round;

    async fn activate(&self, now: DateTime<Utc>) -> Result<Done<Round>, Problem> {
        let report = drills::round(&self.0, now).await.map_err(store_problem)?;
        Ok(Done { report, more: false })
    }
}
