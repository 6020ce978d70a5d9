//! What is written back.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    time::{Duration, SystemTime},
};

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
