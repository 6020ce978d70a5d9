//! Rates what was heard before by today's rules, some hundred tenants at a time, and then finds whose tokens differ.

use chrono::{DateTime, Utc};
use letsbe_store::Store;
use letsbe_types::Problem;
use serde::Serialize;

use crate::{
    background::{Activate, Done, Task, registry::HEALTH_RATINGS},
    tenants::standings,
    worker::store_problem,
};

/// The task.
#[must_use]
pub fn health_ratings(store: Store) -> Task {
    Task::new(HEALTH_RATINGS, HealthRatings(store))
}

struct HealthRatings(Store);

/// What one activation did.
#[derive(Default, PartialEq, Serialize)]
struct Report {
    rated: usize,
    tokens_differ: usize,
}

impl Activate for HealthRatings {
    type Report = Report;

    async fn activate(&self, now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        let rated = standings::rate_some(&self.0).await.map_err(store_problem)?;
        if rated > 0 {
            return Ok(Done { report: Report { rated, tokens_differ: 0 }, more: true });
        }
        let tokens_differ = standings::compare_tokens(&self.0, now).await.map_err(store_problem)?;
        Ok(Done { report: Report { rated, tokens_differ }, more: false })
    }
}
