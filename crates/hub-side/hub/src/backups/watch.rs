//! Counting what is in tenants' folders, without any key of theirs: whoever has a server can make it say what he
//! likes, but not what is counted here.

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use letsbe_buckets::Totals;
use letsbe_store::{Store, StoreError};
use letsbe_types::{
    backups::{DestinationEntry, Look},
    clock::Clock,
    ids::OrderId,
};
use serde::Serialize;

use super::{alarms, storage::Storage};

/// Folders that are counted at the same time.
const AT_ONCE: usize = 4;

/// What one round did.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Folders that were counted.
    pub counted: u64,
    /// Folders that could not be.
    pub not_counted: u64,
}

/// Counts every folder once, and opens and ends alarms.
///
/// # Errors
/// When the list of folders cannot be read; what goes wrong with one folder is logged.
pub async fn round(store: &Store, storage: &Storage, clock: &dyn Clock) -> Result<Round, StoreError> {
    let all = store.watched_destinations().await?;
    let work = futures::stream::iter(all).map(|(order, destination)| async move {
        one(store, storage, clock, order, &destination).await.unwrap_or_else(|error| {
            tracing::error!(%order, %error, "a tenant's bucket could not be looked at");
            false
        })
    });
    let add = |done: Round, counted: bool| async move {
        match counted {
            true => Round { counted: done.counted + 1, ..done },
            false => Round { not_counted: done.not_counted + 1, ..done },
        }
    };
    Ok(work.buffer_unordered(AT_ONCE).fold(Round::default(), add).await)
}

/// Whether the folder was counted.
async fn one(
    store: &Store,
    storage: &Storage,
    clock: &dyn Clock,
    order: OrderId,
    destination: &DestinationEntry,
) -> Result<bool, StoreError> {
    let totals = storage.account.totals(&destination.bucket, &destination.prefix).await;
    let counted = totals.is_ok();
    match totals {
        Ok(totals) => store.keep_look(order, &look(&totals, clock.now())).await?,
        // Whoever is not seen for hours is an alarm too.
        Err(error) => tracing::warn!(%order, bucket = destination.bucket, %error, "not counted"),
    }
    let now = clock.now();
    let known = store.alarms(order).await?;
    let mut history = store.looks_by_hour(order, now - alarms::WINDOW - TimeDelta::hours(1)).await?;
    history.reverse();
    let changes = alarms::decide(&history, &known, destination.made_at, now);
    if changes.opened.is_empty() && changes.ended.is_empty() {
        return Ok(counted);
    }
    for alarm in &changes.opened {
        tracing::error!(%order, kind = alarm.kind.as_str(), "{}", alarm.message);
    }
    store.change_alarms(order, &changes.opened, &changes.ended, now).await?;
    Ok(counted)
}

fn look(totals: &Totals, at: DateTime<Utc>) -> Look {
    Look {
        at,
        objects: totals.objects,
        bytes: totals.bytes,
        noncurrent_objects: totals.noncurrent_objects,
        noncurrent_bytes: totals.noncurrent_bytes,
        delete_markers: totals.delete_markers,
        newest_at: totals.newest_at,
    }
}
