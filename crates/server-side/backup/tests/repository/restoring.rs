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

/// As the kernel takes it: version 2, entries of tag, rights and id, little endian. The user 1234 may read and write.
fn acl() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, 6, 1234), (4, 4, u32::MAX), (16, 6, u32::MAX), (32, 0, u32::MAX)];
    let entry = |(tag, rights, id): (u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    2_u32.to_le_bytes().into_iter().chain(entries.into_iter().flat_map(entry)).collect()
}

/// That a program may listen on ports below 1024 (capabilities(7), version 2 of their form).
fn listens() -> Vec<u8> {
    [0x0200_0001_u32, 1 << 10, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 1 << 10];
    let length = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let read = |name: &[u8]| {
        let name = String::from_utf8(name.to_vec()).unwrap();
        let mut value = vec![0; 1 << 10];
        let length = rustix::fs::lgetxattr(path, &name, &mut value[..]).unwrap();
        (name, value[..length].to_vec())
    };
    names.map(read).collect()
}

#[tokio::test]
async fn acls_capabilities_and_what_a_tool_writes_beside_a_file_come_back() {
    let place = Place::new().await;
    // On the disk: not every temporary folder in memory keeps such things.
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (data, target) = (disk.path().join("data"), disk.path().join("target"));
    let (inner, file) = (data.join("inner"), data.join("inner/file"));
    fs::create_dir_all(&inner).unwrap();
    fs::write(&file, "x").unwrap();
    let set = |path: &Path, name: &str, value: &[u8]| {
        rustix::fs::setxattr(path, name, value, rustix::fs::XattrFlags::empty()).unwrap();
    };
    for path in [&data, &inner] {
        set(path, "user.note", path.as_os_str().as_bytes());
        set(path, "system.posix_acl_default", &acl());
    }
    set(&data, "system.posix_acl_access", &acl());
    set(&file, "user.mark", b"\0\xff");
    set(&file, "system.posix_acl_access", &acl());
    // Only root gives a program a capability.
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        set(&file, "security.capability", &listens());
    }
    let stored = place.store(&files("data"), data.clone()).await;
    fs::create_dir(&target).unwrap();
    place.repository.restore(&stored.snapshot, &data.to_string_lossy(), &target).await.unwrap();
    for (was, is) in
        [(&data, target.clone()), (&inner, target.join("inner")), (&file, target.join("inner/file"))]
    {
        assert!(attributes(was).len() >= 2, "{}: {:?}", was.display(), attributes(was));
        assert_eq!(attributes(&is), attributes(was), "{}", was.display());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode();
        assert_eq!(mode(&is), mode(was), "{}", was.display());
    }
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
