//! What is stored: whole or not at all, and as it was named.

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use letsbe_backup::{Item, NewItem, Snapshot, sets};

use crate::place::{Place, files, item, moment, refused, sh};

#[tokio::test]
async fn a_set_is_stored_listed_and_read_back() {
    let place = Place::new().await;
    let database = item(Item::Database("ghost".to_owned()));
    let manifest = NewItem { item: Item::Manifest, ..database.clone() };
    let dump = place.repository.store_command(&database, "ghost.sql", &sh("echo 'one row'")).await.unwrap();
    let text = place.repository.store_text(&manifest, "manifest.json", "{}").await.unwrap();
    assert_eq!((dump.files, dump.bytes), (1, 8));

    let snapshots: Vec<Snapshot> = place.repository.snapshots().await.unwrap();
    let found = sets(&snapshots);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].taken_at), (database.set, moment()));
    assert!(found[0].is_complete());
    assert_eq!(found[0].items[&Item::Manifest], text.snapshot);

    assert_eq!(place.repository.read(&dump.snapshot, "/ghost.sql").await.unwrap(), b"one row\n");
    let piped = place.repository.dump(&dump.snapshot, "/ghost.sql", Stdio::null()).unwrap();
    let piped = piped.wait_with_output().await.unwrap();
    assert!(piped.status.success());
    assert_eq!(piped.stdout, b"one row\n");
    refused(place.repository.read(&dump.snapshot, "/other.sql"), "REPO011").await;
    assert!(place.repository.size().await.unwrap() > 0);
}

#[tokio::test]
async fn what_cannot_be_stored_whole_leaves_no_snapshot() {
    let place = Place::new().await;
    let database = item(Item::Database("ghost".to_owned()));
    let dying = sh("echo half; exit 3");
    refused(place.repository.store_command(&database, "ghost.sql", &dying), "REPO007").await;
    let absent = sh("exec /no/such/program");
    refused(place.repository.store_command(&database, "ghost.sql", &absent), "REPO007").await;

    let present = place.file("data/a", 1, 1000);
    let paths = [present.clone(), place.path("data/absent")];
    let problem = refused(place.repository.store_files(&files("data"), &paths, &[]), "REPO006").await;
    assert!(problem.message.contains("data/absent"), "{problem}");

    // Not even root reads a file of this kind.
    let paths = [present, PathBuf::from("/proc/self/mem")];
    refused(place.repository.store_files(&files("data"), &paths, &[]), "REPO006").await;
    assert_eq!(place.repository.snapshots().await.unwrap(), []);
    place.by_hand(&["check", "--read-data"]);
}

#[tokio::test]
async fn what_is_left_out_is_exactly_what_was_named() {
    let place = Place::new().await;
    place.file("data/[a]*.db", 1, 100);
    place.file("data/a.db", 2, 100);
    let excludes = [place.path("data/[a]*.db")];
    let stored =
        place.repository.store_files(&files("data"), &[place.path("data")], &excludes).await.unwrap();
    let listed = place.repository.list(&stored.snapshot).await.unwrap();
    let names: Vec<_> =
        listed.iter().filter(|entry| entry.kind == "file").map(|entry| entry.path.clone()).collect();
    assert_eq!(names, [place.path("data/a.db").to_string_lossy()]);
}

#[tokio::test]
async fn the_stock_program_accepts_and_restores_everything_that_was_written() {
    let place = Place::new().await;
    let database = item(Item::Database("ghost".to_owned()));
    place.repository.store_command(&database, "ghost.sql", &sh("seq 1 100000")).await.unwrap();
    let stored = place.store(&files("data"), place.file("data", 1, 500_000)).await;
    let text = NewItem { item: Item::Manifest, ..database };
    place.repository.store_text(&text, "manifest.json", "{\"version\":1}").await.unwrap();
    place.repository.forget(&[stored.snapshot]).await.unwrap();
    place.repository.prune().await.unwrap();
    let again = place.store(&files("data"), place.path("data")).await;
    place.by_hand(&["check", "--read-data"]);
    let target = place.path("by-hand");
    place.by_hand(&["restore", &again.snapshot, "--target", &target.to_string_lossy()]);
    let restored = target.join(place.path("data").strip_prefix("/").unwrap());
    assert_eq!(fs::read(restored).unwrap(), fs::read(place.path("data")).unwrap());
    let tags = format!("set={},item=manifest", text.set);
    let dumped = place.by_hand(&["dump", "--tag", &tags, "latest", "/manifest.json"]);
    assert_eq!(dumped.stdout, b"{\"version\":1}");
}

#[tokio::test]
async fn what_was_forgotten_is_gone_and_its_space_is_freed() {
    let place = Place::new().await;
    let old = place.store(&files("old"), place.file("old", 1, 2_000_000)).await;
    let kept = place.store(&files("kept"), place.file("kept", 2, 1_000_000)).await;
    place.repository.forget(&[]).await.unwrap();
    refused(place.repository.forget(&["latest".to_owned()]), "REPO010").await;
    for _ in 0..2 {
        place.repository.forget(std::slice::from_ref(&old.snapshot)).await.unwrap();
    }
    place.repository.prune().await.unwrap();
    assert!(place.repository.size().await.unwrap() < 1_500_000);
    let left = place.repository.snapshots().await.unwrap();
    assert_eq!(left.iter().map(|snapshot| &snapshot.id).collect::<Vec<_>>(), [&kept.snapshot]);
    assert_eq!(place.repository.check(Some((1, 1))).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_swapped_for_a_link_while_it_is_stored_brings_nothing_of_the_server_along() {
    let place = Place::new().await;
    let (volume, outside) = (place.path("volume"), place.path("outside"));
    let (inner, link) = (volume.join("inner"), volume.join("link"));
    for (folder, content) in [(&inner, "the tool's own"), (&outside, "SECRET of the server")] {
        fs::create_dir_all(folder).unwrap();
        for name in 0..3000 {
            fs::write(folder.join(name.to_string()), content).unwrap();
        }
    }
    symlink(&outside, &link).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapping = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let exchange = rustix::fs::RenameFlags::EXCHANGE;
            while !stop.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(rustix::fs::CWD, &inner, rustix::fs::CWD, &link, exchange).unwrap();
            }
        }
    });
    let mut stored = Vec::new();
    for _ in 0..4 {
        let item = files("volume");
        stored.extend(place.repository.store_files(&item, std::slice::from_ref(&volume), &[]).await.ok());
    }
    stop.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    for (index, one) in stored.iter().enumerate() {
        let back = place.path(&format!("back-{index}"));
        let path = volume.to_string_lossy().into_owned();
        place.repository.restore(&one.snapshot, &path, &back).await.unwrap();
        for file in
            walkdir::WalkDir::new(&back).into_iter().flatten().filter(|file| file.file_type().is_file())
        {
            assert_eq!(
                fs::read_to_string(file.path()).unwrap(),
                "the tool's own",
                "{}",
                file.path().display()
            );
        }
    }
}
