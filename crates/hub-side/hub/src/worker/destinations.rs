//! Where a new server's backups go: what a person gave for the order, or a bucket of its own, with a key that is made
//! once for each job and kept with the job's files. Repeatable at every point.

use letsbe_store::{NewDestination, NewEntry, Order};
use letsbe_types::{
    Problem,
    backup::{Destination, Protection},
    crash,
};

use super::{Worker, job_files::JobFiles, store_problem};
use crate::backups::{given, storage};

letsbe_types::crash_points! {
    /// Where the Hub can be killed while it makes a destination, in the order in which it comes to them.
    pub mod points {
        MADE = "destination.made",
        KEPT = "destination.kept",
        STORED = "destination.stored",
    }
}

/// The job's destination; `None` where nothing is configured and nobody gave one.
pub(super) async fn of_job(
    worker: &Worker,
    order: &Order,
    files: &JobFiles,
) -> Result<Option<Destination>, Problem> {
    let kept = files.destination()?;
    let made = match kept {
        Some(destination) => destination,
        None => match make(worker, order).await? {
            Some(destination) => {
                crash::point(&points::MADE);
                files.keep_destination(&destination)?;
                destination
            }
            None => return Ok(None),
        },
    };
    crash::point(&points::KEPT);
    remember(worker, order, &made).await?;
    crash::point(&points::STORED);
    Ok(Some(made))
}

async fn make(worker: &Worker, order: &Order) -> Result<Option<Destination>, Problem> {
    let given = given::read(&worker.jobs_folder, order.new.id)?;
    match (given, &worker.storage) {
        (Some(Destination::S3(given)), Some(storage)) if storage.has(&given) => {
            storage.with_protection(given).await.map(Some)
        }
        (Some(Destination::S3(given)), _) => storage::foreign_protection(given).await.map(Some),
        (Some(given), _) => Ok(Some(given)),
        (None, Some(storage)) => storage.make(order.new.id).await.map(Some),
        (None, None) => Ok(None),
    }
}

/// Once: a destination that is known already needs no second line in the timeline.
async fn remember(worker: &Worker, order: &Order, destination: &Destination) -> Result<(), Problem> {
    let known = worker.store.destination(order.new.id).await.map_err(store_problem)?;
    let same = known.is_some_and(|known| match destination {
        Destination::S3(s3) => {
            known.access_key_id.as_ref() == Some(&s3.access_key_id) && known.protection == s3.protection
        }
        Destination::Rclone(remote) => known.endpoint == remote.remote && known.bucket == remote.path,
    });
    if same {
        return Ok(());
    }
    let watched = match (destination, &worker.storage) {
        (Destination::S3(s3), Some(storage)) => storage.has(s3),
        _ => false,
    };
    let (level, words) = words(destination);
    let line = NewEntry::new("backup", level, words);
    let new = NewDestination { order: order.new.id, destination, watched, line };
    worker.store.save_destination(&new, worker.clock.now()).await.map_err(store_problem)
}

fn words(destination: &Destination) -> (&'static str, String) {
    let place = match destination {
        Destination::S3(s3) => format!("the bucket {} at {}", s3.bucket, s3.endpoint),
        Destination::Rclone(remote) => format!("{}:{}", remote.remote, remote.path),
    };
    match destination.protection() {
        Protection::Locked { days } => {
            ("ok", format!("Copies go to {place}, where what is deleted is locked for {days} days"))
        }
        Protection::Versioned => {
            ("ok", format!("Copies go to {place}, where what is deleted is kept, not locked"))
        }
        Protection::Unprotected => {
            ("warning", format!("Copies go to {place}: what is deleted there is gone"))
        }
    }
}
