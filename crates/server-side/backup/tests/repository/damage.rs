//! Wrong keys, foreign folders, interrupted starts, missing and changed files.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Stdio};

use letsbe_backup::{Location, Programs, Repository};
use tokio::io::AsyncReadExt;

use crate::place::{Place, files, programs, refused, repository_at, walk};

#[tokio::test]
async fn a_wrong_key_and_a_foreign_folder_are_refused_and_nothing_is_touched() {
    let place = Place::new().await;
    fs::write(place.path("other-key"), "another").unwrap();
    refused(repository_at(&place.folder, "repository", "other-key").ensure(None), "REPO002").await;

    fs::create_dir(place.path("foreign")).unwrap();
    fs::write(place.path("foreign/letter.txt"), "private").unwrap();
    let foreign = repository_at(&place.folder, "foreign", "key");
    refused(foreign.ensure(None), "REPO003").await;
    refused(foreign.snapshots(), "REPO003").await;
    assert_eq!(walk(&place.path("foreign")), [place.path("foreign/letter.txt")]);

    // A repository that lost its configuration is not made anew over its data.
    place.store(&files("data"), place.file("data", 1, 1000)).await;
    fs::remove_file(place.path("repository/config")).unwrap();
    let before = walk(&place.path("repository")).len();
    refused(place.repository.ensure(None), "REPO003").await;
    assert_eq!(walk(&place.path("repository")).len(), before);
}

#[tokio::test]
async fn a_start_that_was_interrupted_is_made_again() {
    let place = Place::new().await;
    fs::remove_file(place.path("repository/config")).unwrap();
    place.repository.ensure(None).await.unwrap();
    place.store(&files("data"), place.file("data", 1, 1000)).await;
    place.by_hand(&["check", "--read-data"]);
}

#[tokio::test]
async fn a_missing_pack_and_a_flipped_byte_are_found_and_named_with_what_they_touch() {
    let place = Place::new().await;
    let small = place.store(&files("small"), place.file("small", 1, 1000)).await;
    let large = place.store(&files("large"), place.file("large", 2, 2_000_000)).await;
    assert_eq!(place.repository.check(None).await.unwrap(), []);
    let pack = place.largest_pack();
    let name = pack.file_name().unwrap().to_string_lossy().into_owned();
    let whole = fs::read(&pack).unwrap();

    let mut flipped = whole.clone();
    flipped[1000] ^= 1;
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&pack, &flipped).unwrap();
    assert_eq!(place.repository.check(None).await.unwrap(), [], "only reading the data shows it");
    let mut damages = vec![place.repository.check(Some((1, 1))).await.unwrap()];
    fs::write(&pack, &whole[..whole.len() - 10]).unwrap();
    damages.push(place.repository.check(None).await.unwrap());
    fs::remove_file(&pack).unwrap();
    damages.push(place.repository.check(None).await.unwrap());
    for damage in damages {
        assert_eq!(damage.len(), 1, "{damage:?}");
        assert!(damage[0].what.contains(&name), "{damage:?}");
        assert_eq!(damage[0].snapshots, [large.snapshot.as_str()], "and not {}", small.snapshot);
    }
    let target = place.path("target");
    let lost = place.path("large");
    let lost = lost.parent().unwrap().to_string_lossy();
    refused(place.repository.restore(&large.snapshot, &lost, &target), "REPO008").await;
}

#[tokio::test]
async fn a_damaged_list_of_a_folder_touches_the_snapshots_that_need_it() {
    let place = Place::new().await;
    place.file("one/inner/a", 1, 1000);
    let one = place.store(&files("one"), place.path("one")).await;
    let before = walk(&place.path("repository/data"));
    let two = place.store(&files("two"), place.file("two", 2, 1000)).await;
    for pack in before {
        fs::remove_file(&pack).unwrap();
    }
    let damage = place.repository.check(None).await.unwrap();
    assert!(!damage.is_empty());
    for found in damage {
        assert_eq!(found.snapshots, [one.snapshot.as_str()], "and not {}: {}", two.snapshot, found.what);
    }
}

#[tokio::test]
async fn locks_of_dead_processes_are_removed() {
    let place = Place::new().await;
    let stored = place.store(&files("data"), place.file("data", 1, 30_000_000)).await;
    // Whoever reads only the beginning of a dump keeps restic waiting, with its lock.
    let path = place.path("data").to_string_lossy().into_owned();
    let mut reader = place.repository.dump(&stored.snapshot, &path, Stdio::null()).unwrap();
    reader.stdout.as_mut().unwrap().read_u8().await.unwrap();
    assert_eq!(walk(&place.path("repository/locks")).len(), 1);
    reader.kill().await.unwrap();
    place.repository.unlock().await.unwrap();
    assert_eq!(walk(&place.path("repository/locks")), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn a_program_that_is_missing_or_too_old_is_told() {
    let place = Place::new().await;
    let old = place.path("old-restic");
    fs::write(&old, "#!/bin/sh\necho 'restic 0.16.4 compiled with go'\n").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    for restic in [old, place.path("no-restic")] {
        let programs = Programs { restic, ..programs() };
        let location = Location::folder(&place.path("repository"));
        let repository = Repository::new(&programs, location, &place.path("key"), &place.path("cache"));
        refused(repository.ensure(None), "REPO009").await;
    }
}
