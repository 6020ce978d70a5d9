//! Ends orders that nobody pays after a time, and removes them after another; a page of them at a time.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::Pace;
use letsbe_store::{Store, StoreError};
use letsbe_types::Problem;
use serde::Serialize;

use crate::{
    background::{Activate, Done, Task, registry::UNPAID_ORDERS},
    config::UnpaidConfig,
    worker::store_problem,
};

/// The task.
#[must_use]
pub fn unpaid_orders(store: Store, terms: UnpaidConfig, pace: Pace) -> Task {
    Task::new(UNPAID_ORDERS, UnpaidOrders { store, terms, pace })
}

struct UnpaidOrders {
    store: Store,
    terms: UnpaidConfig,
    pace: Pace,
}

/// What one activation did.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Orders that were ended.
    pub expired: u64,
    /// Orders that were removed.
    pub removed: u64,
}

impl Activate for UnpaidOrders {
    type Report = Report;

    async fn activate(&self, now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        let report = expire(&self.store, &self.terms, &self.pace, now).await.map_err(store_problem)?;
        let more = report != Report::default();
        Ok(Done { report, more })
    }
}

/// Ends and removes a page of them.
///
/// # Errors
/// When the database fails.
pub async fn expire(
    store: &Store,
    terms: &UnpaidConfig,
    pace: &Pace,
    now: DateTime<Utc>,
) -> Result<Report, StoreError> {
    let expired = store.expire_unpaid(now - terms.expires_after(), pace, now).await?;
    let removed = store.remove_expired(now - terms.removed_after()).await?;
    Ok(Report { expired, removed })
}
