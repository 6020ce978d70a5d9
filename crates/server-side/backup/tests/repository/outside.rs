//! Copies, and places outside.

use std::{
    fs,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use letsbe_backup::{Location, NewItem, Repository, Snapshot, bring_back};
use letsbe_types::{
    Secret,
    backup::{Destination, Protection, S3Destination},
    ids::SetId,
};

use crate::{
    place::{Place, files, moment, programs, refused, repository_at},
    webdav::Webdav,
};

#[tokio::test]
async fn copies_deduplicate_carry_their_tags_and_can_be_repeated() {
    let place = Place::new().await;
    let far = repository_at(&place.folder, "far", "key");
    far.ensure(Some(&place.repository)).await.unwrap();
    far.ensure(Some(&place.repository)).await.unwrap();
    let data = place.file("data/a", 1, 3_000_000);
    let first = files("data");
    let second = NewItem { set: SetId::generate(), taken_at: moment() + TimeDelta::days(1), ..first.clone() };
    let one = place.store(&first, data.clone()).await;
    place.repository.copy_to(&far, std::slice::from_ref(&one.snapshot)).await.unwrap();
    let size = far.size().await.unwrap();
    assert!(size > 3_000_000);

    // The same content stored by the far side itself makes the same chunks.
    let direct = far.store_files(&files("other"), std::slice::from_ref(&data), &[]).await.unwrap();
    assert!(direct.added_bytes < 10_000, "{direct:?}");
    far.forget(&[direct.snapshot]).await.unwrap();

    let two = place.store(&second, data).await;
    assert!(two.added_bytes < 10_000, "{two:?}");
    for _ in 0..2 {
        place.repository.copy_to(&far, &[one.snapshot.clone(), two.snapshot.clone()]).await.unwrap();
    }
    assert!(far.size().await.unwrap() < size + 20_000);
    let (here, there) = (place.repository.snapshots().await.unwrap(), far.snapshots().await.unwrap());
    let plain =
        |found: Vec<Snapshot>| -> Vec<_> { found.into_iter().map(|s| (s.time, s.tags, s.paths)).collect() };
    assert_eq!(plain(here), plain(there));
}

#[tokio::test]
async fn an_rclone_remote_is_a_repository_like_any_other() {
    let place = Place::new().await;
    let work = place.path("work");
    fs::create_dir(&work).unwrap();
    fs::create_dir(place.path("remote")).unwrap();
    let served = Webdav::of(&place.path("remote"));
    let destination = served.destination("tenant");
    let open = |destination: &Destination| {
        let location = Location::outside(destination, &programs(), &work).unwrap();
        Repository::new(&programs(), location, &place.path("key"), &place.path("cache")).limited(100_000)
    };
    let far = open(&destination);
    far.reach().await.unwrap();
    far.ensure(Some(&place.repository)).await.unwrap();
    let one = place.store(&files("data"), place.file("data", 1, 100_000)).await;
    place.repository.copy_to(&far, &[one.snapshot]).await.unwrap();
    assert_eq!(far.check(Some((1, 1))).await.unwrap(), []);
    assert_eq!(far.snapshots().await.unwrap().len(), 1);
    assert!(far.size().await.unwrap() > 100_000);

    let at = moment();
    let back = place.path("back");
    refused(bring_back(&destination, at, &programs(), &work, &back), "REPO014").await;
    drop(served);
    let gone = open(&destination);
    refused(gone.reach(), "REPO001").await;
    refused(gone.snapshots(), "REPO001").await;
    assert!(!back.exists());
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_is_told_in_seconds() {
    let place = Place::new().await;
    let destination = Destination::S3(S3Destination {
        // Nothing listens on this port of the machine itself.
        endpoint: "http://127.0.0.1:1".to_owned(),
        region: "eu".to_owned(),
        bucket: "backups".to_owned(),
        prefix: "tenant".to_owned(),
        access_key_id: "AKIA".to_owned(),
        secret_access_key: Secret::new("hunter2hunter2".to_owned()),
        protection: Protection::Unprotected,
    });
    let location = Location::outside(&destination, &programs(), place.folder.path()).unwrap();
    let far = Repository::new(&programs(), location, &place.path("key"), &place.path("cache"));
    let started = Instant::now();
    let problem = refused(far.ensure(None), "REPO001").await;
    assert!(started.elapsed() < Duration::from_secs(40));
    assert!(problem.retryable);
    assert!(!problem.message.contains("hunter2"));
}
