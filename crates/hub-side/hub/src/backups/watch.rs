//! Counting what is in tenants' folders, without any key of theirs: whoever has a server can make it say what he
//! likes, but not what is counted here.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use letsbe_buckets::Totals;
use letsbe_store::{Store, StoreError};
use letsbe_types::{
    backups::{DestinationEntry, Look},
    clock::Clock,
    ids::OrderId,
};

use super::{alarms, storage::Storage};

/// The name of this work in the database.
const WORK: &str = "backup_looks";
/// How often it is looked whether counting is due.
const LOOK: Duration = Duration::from_secs(20);
/// Folders that are counted at the same time.
const AT_ONCE: usize = 4;

/// Counts whenever it is due; of several Hubs on one database one does it.
pub async fn keep(store: Store, storage: Storage, clock: Arc<dyn Clock>, every: TimeDelta) {
    loop {
        match store.take_turn(WORK, every, clock.now()).await {
            Ok(true) => {
                if let Err(error) = round(&store, &storage, clock.as_ref()).await {
                    tracing::error!(%error, "what is in tenants' buckets could not be looked at");
                }
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "whether tenants' buckets are to be counted is not known"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Counts every folder once, and opens and ends alarms.
///
/// # Errors
/// When the list of folders cannot be read; what goes wrong with one folder is logged.
pub async fn round(store: &Store, storage: &Storage, clock: &dyn Clock) -> Result<(), StoreError> {
    let all = store.watched_destinations().await?;
    let work = futures::stream::iter(all).map(|(order, destination)| async move {
        if let Err(error) = one(store, storage, clock, order, &destination).await {
            tracing::error!(%order, %error, "a tenant's bucket could not be looked at");
        }
    });
    work.buffer_unordered(AT_ONCE).collect::<()>().await;
    Ok(())
}

async fn one(
    store: &Store,
    storage: &Storage,
    clock: &dyn Clock,
    order: OrderId,
    destination: &DestinationEntry,
) -> Result<(), StoreError> {
    match storage.account.totals(&destination.bucket, &destination.prefix).await {
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
        return Ok(());
    }
    for alarm in &changes.opened {
        tracing::error!(%order, kind = alarm.kind.as_str(), "{}", alarm.message);
    }
    store.change_alarms(order, &changes.opened, &changes.ended, now).await
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
