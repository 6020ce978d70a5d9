//! What is written back.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt, PermissionsExt, chown, symlink},
    },
    path::Path,
    time::{Duration, SystemTime},
};

use letsbe_backup::spelled;

use crate::place::{Place, files, refused};

#[tokio::test]
async fn a_folder_comes_back_with_owners_modes_links_and_times() {
    let place = Place::new().await;
    let secret = place.file("data/deep/secret", 1, 10_000);
    let data = place.path("data");
    symlink("deep/secret", data.join("link")).unwrap();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for (path, mode) in [(&secret, 0o4750), (&data, 0o2770)] {
        // Only root gives files away.
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            chown(path, Some(1234), Some(4321)).unwrap();
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        fs::File::open(path).unwrap().set_modified(at).unwrap();
    }
    let stored = place.store(&files("data"), data.clone()).await;

    let listed = place.repository.list(&stored.snapshot).await.unwrap();
    let entry = listed.iter().find(|entry| entry.path == secret.to_string_lossy()).unwrap();
    assert_eq!((entry.size, entry.mode, entry.kind.as_str()), (10_000, 0o4750, "file"));
    let link = listed.iter().find(|entry| entry.kind == "symlink").unwrap();
    assert_eq!(link.link.as_deref(), Some("deep/secret"));

    let target = place.path("target");
    fs::create_dir(&target).unwrap();
    place.repository.restore(&stored.snapshot, &data.to_string_lossy(), &target).await.unwrap();
    assert_eq!(fs::read(target.join("deep/secret")).unwrap(), fs::read(&secret).unwrap());
    assert_eq!(fs::read_link(target.join("link")).unwrap(), Path::new("deep/secret"));
    let facts = |path: &Path| {
        let facts = fs::metadata(path).unwrap();
        (facts.mode() & 0o7777, facts.uid(), facts.gid(), facts.mtime())
    };
    assert_eq!(facts(&target), facts(&data));
    assert_eq!(facts(&target.join("deep/secret")), facts(&secret));
    refused(place.repository.restore(&stored.snapshot, "/no/such/folder", &target), "REPO011").await;
}

#[tokio::test]
async fn names_that_are_no_text_are_spelt_as_restic_lists_them() {
    let place = Place::new().await;
    let folder = place.path("odd");
    fs::create_dir(&folder).unwrap();
    let names =
        [&b"Angebot \xe2\x80.pdf"[..], b"\xff\xfe", "ä € 😀".as_bytes(), b"line\nbreak", b"\xed\xa0\x80"];
    let mut wanted = BTreeMap::new();
    for name in names {
        let path = folder.join(OsStr::from_bytes(name));
        fs::write(&path, "x").unwrap();
        wanted.insert(spelled(&path), None);
    }
    for (name, target) in
        [(&b"link \xe2\x80"[..], &b"to \xe2\x80.pdf"[..]), (b"plain", b"\xff"), (b"q", b"a\tb \"c\"")]
    {
        let path = folder.join(OsStr::from_bytes(name));
        symlink(OsStr::from_bytes(target), &path).unwrap();
        wanted.insert(spelled(&path), Some(spelled(OsStr::from_bytes(target))));
    }
    // Of a line break in a link the node's listing knows the same.
    for (name, target, told) in [("broken", "first\nsecond", Some("first")), ("a\nlink", "there", None)] {
        let path = folder.join(name);
        symlink(target, &path).unwrap();
        wanted.insert(spelled(&path), told.map(str::to_owned));
    }
    let stored = place.store(&files("odd"), folder.clone()).await;
    let listed = place.repository.list(&stored.snapshot).await.unwrap();
    let found: BTreeMap<String, Option<String>> = listed
        .into_iter()
        .filter(|entry| entry.kind != "dir")
        .map(|entry| (entry.path, entry.link))
        .collect();
    assert_eq!(found, wanted);
}
