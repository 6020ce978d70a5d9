//! What is looked at before anything is made: whether the tool can read what the set holds, and whether there is room.
//! Pure.

use std::collections::BTreeMap;

use letsbe_backup::{BackupSet, Image, Manifest, Source};
use letsbe_stacks::is_later;
use letsbe_types::{Code, Problem};
use serde_json::Value;

/// Left free on the disk whatever comes: for the tools that run.
const DISK_RESERVE: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// The manifest belongs to the set, and everything that the tool keeps today is in it.
pub(crate) fn whole(set: &BackupSet, manifest: &Manifest, sources: &[Source]) -> Result<(), Problem> {
    let broken = |why: String| {
        Problem::permanent(
            Code::RES001,
            format!("The set {} of {} is not whole: {why}", set.id, set.tool),
            "Use another set: `letsbe-node backup list`.",
        )
    };
    if manifest.version != 1 {
        return Err(broken(format!("its manifest has version {}, known is 1", manifest.version)));
    }
    if manifest.set != set.id || manifest.tool != set.tool {
        return Err(broken(format!("its manifest is that of {} {}", manifest.tool, manifest.set)));
    }
    let stored: Vec<String> = set.items.keys().map(ToString::to_string).collect();
    if let Some(item) = manifest.items.keys().find(|item| !stored.contains(item)) {
        return Err(broken(format!("{item} stands in the manifest, but there is no snapshot of it")));
    }
    let known: Vec<String> = sources.iter().map(|source| source.item().to_string()).collect();
    if let Some(item) = known.iter().find(|item| !manifest.items.contains_key(*item)) {
        return Err(broken(format!("{item} belongs to the tool, but is not in the set")));
    }
    match manifest.items.keys().find(|item| !known.contains(item)) {
        Some(item) => Err(broken(format!("{item} is in the set, but the tool of today keeps no such thing"))),
        None => Ok(()),
    }
}

/// What else is in the set is not looked at any more: a part's stack is not restored.
pub(crate) fn keep_only(manifest: &mut Manifest, sources: &[Source]) {
    let wanted: Vec<String> = sources.iter().map(|source| source.item().to_string()).collect();
    manifest.items.retain(|item, _| wanted.contains(item));
}

/// The images that a compose document runs, by service.
pub(crate) fn images(document: &Value) -> BTreeMap<String, String> {
    let image =
        |(name, service): (&String, &Value)| Some((name.clone(), service["image"].as_str()?.to_owned()));
    document["services"].as_object().into_iter().flatten().filter_map(image).collect()
}

/// Data of a newer release is refused: an older program may not read it, or may damage it. The versions that the images' own
/// labels name are compared where both have one, because a tag may float; the same image is the same program.
pub(crate) fn readable(
    manifest: &Manifest,
    images: &BTreeMap<String, String>,
    running: &BTreeMap<String, Image>,
) -> Result<(), Problem> {
    for (service, taken) in &manifest.images {
        let Some(present) = images.get(service) else { continue };
        let running = running.get(service).filter(|running| running.name == *present);
        if running.is_some_and(|running| running.id == taken.id && running.name == taken.name) {
            continue;
        }
        let labels = taken.version.as_deref().zip(running.and_then(|running| running.version.as_deref()));
        let ((name, tag), (present_name, present_tag)) = (split(&taken.name), split(present));
        let newer = exceeds(tag, present_tag) || labels.is_some_and(|(taken, here)| exceeds(taken, here));
        if name != present_name || newer {
            return Err(Problem::permanent(
                Code::RES002,
                format!(
                    "The set of {} holds data of {}{} (service {service}), but this server runs {present}{}",
                    manifest.tool,
                    taken.name,
                    labels.map(|(taken, _)| format!(" ({taken})")).unwrap_or_default(),
                    labels.map(|(_, here)| format!(" ({here})")).unwrap_or_default(),
                ),
                "Bring the tool to that release first, or use an older set.",
            ));
        }
    }
    Ok(())
}

/// Whether a release is later than another as far as both name it: `16.4` may well be what `16` is today, and `latest` may
/// be anything. What the data itself names is looked at besides ([`super::super::versions`]).
fn exceeds(release: &str, than: &str) -> bool {
    let numbers = |text: &str| {
        let parts = text.trim_start_matches('v').split(['.', '-', '_', '+']);
        parts.take_while(|part| part.parse::<u64>().is_ok()).count()
    };
    let named = numbers(release).min(numbers(than));
    let cut = |text: &str| text.split(['.', '-', '_', '+']).take(named).collect::<Vec<_>>().join(".");
    is_later(&cut(release), &cut(than))
}

/// Name and tag. A registry's port is no tag, a digest behind the tag says the same more exactly, and Docker's own registry
/// need not be named.
fn split(image: &str) -> (&str, &str) {
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    let image =
        ["docker.io/", "index.docker.io/"].iter().find_map(|one| image.strip_prefix(one)).unwrap_or(image);
    let image = image.strip_prefix("library/").unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// What the server has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FreeResources {
    /// Memory that programs may take, in bytes.
    pub(crate) memory: u64,
    /// Disk, in bytes: the smaller one where volumes and folders lie on two.
    pub(crate) disk: u64,
}

/// Disk that a sandbox of this set takes: what is in it, a third more for a loaded database's indexes, and the reserve.
pub(crate) fn disk_needed(manifest: &Manifest) -> u64 {
    let bytes = manifest.bytes();
    bytes.saturating_add(bytes / 3).saturating_add(DISK_RESERVE)
}

/// Whether a sandbox fits.
pub(crate) fn fits(manifest: &Manifest, ram_mb: u64, room: FreeResources) -> Result<(), Problem> {
    let (disk, memory) = (disk_needed(manifest), ram_mb.saturating_mul(MIB));
    let short = |what: &str, needed: u64, there: u64| {
        Problem::transient(
            Code::RES003,
            format!(
                "There is too little {what} to restore {} beside itself: it takes {} MiB, {} MiB are free",
                manifest.tool,
                needed / MIB,
                there / MIB
            ),
            "Free some: `letsbe-node restore temp list`, `docker system df`. Nothing was touched.",
        )
    };
    if room.disk < disk {
        return Err(short("disk", disk, room.disk));
    }
    if room.memory < memory {
        return Err(short("memory", memory, room.memory));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;
    use letsbe_backup::{
        BackupSet, Consistency, FilesFacts, Image, Item, ItemFacts, Manifest, SetKind, sources,
    };
    use letsbe_types::{Code, ids::SetId};

    use super::{FreeResources, disk_needed, fits, images, keep_only, readable, whole};
    use crate::restore::sandbox::compose::tests::catalog;

    /// A set of uptime-kuma with its manifest.
    pub(crate) fn set() -> (BackupSet, Manifest) {
        let (id, taken_at) = (SetId::generate(), DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        let files = ItemFacts::Files(FilesFacts {
            path: "/var/lib/docker/volumes/letsbe-uptime-kuma_data/_data".to_owned(),
            files: 3,
            bytes: 3 << 30,
            listing_sha256: "00".to_owned(),
        });
        let sqlite =
            ItemFacts::Sqlite(letsbe_backup::SqliteFacts { path: "/x".to_owned(), tables: BTreeMap::new() });
        let items = [("files:data".to_owned(), files), ("sqlite:data".to_owned(), sqlite)];
        let manifest = Manifest {
            version: 1,
            set: id,
            tool: "uptime-kuma".to_owned(),
            kind: SetKind::Nightly,
            taken_at,
            identity: "x".to_owned(),
            images: BTreeMap::new(),
            items: items.into(),
            consistency: Consistency::Single,
            data_version: None,
        };
        let items = [Item::Files("data".to_owned()), Item::Sqlite("data".to_owned()), Item::Manifest];
        let items = items.into_iter().map(|item| (item, "snapshot".to_owned())).collect();
        (BackupSet { id, tool: manifest.tool.clone(), taken_at, kind: SetKind::Nightly, items }, manifest)
    }

    #[test]
    fn data_of_a_newer_release_is_refused_and_both_are_named() {
        let (_, mut manifest) = set();
        // (taken from, runs now, readable)
        let table = [
            ("ghost:6", "ghost:6", true),
            ("ghost:5.9", "ghost:6", true),
            ("ghost:6.2.1", "ghost:6.10.0", true),
            ("ghost:6.10.0", "ghost:6.2.1", false),
            ("ghost:7", "ghost:6", false),
            ("postgres:17-alpine", "postgres:16-alpine", false),
            ("postgres:16-alpine", "postgres:17-alpine", true),
            ("nocodb/nocodb:0.301.10", "nocodb/nocodb:0.301.9", false),
            ("mysql:8.4", "mariadb:11.4", false),
            ("registry:5000/ghost", "registry:5000/ghost", true),
            ("v:v2026.10", "v:v2026.9", false),
            ("postgres:16.4-alpine3.20", "postgres:16-alpine", true),
            ("postgres:16-alpine", "postgres:16.4-alpine3.20", true),
            ("postgres:16.4-bookworm", "postgres:16.2-alpine3.20", false),
            ("postgres:17.1-alpine3.20", "postgres:16-alpine", false),
            ("nextcloud:31.0.9-apache", "nextcloud:31-apache", true),
            ("nextcloud:32.0.1-apache", "nextcloud:31-apache", false),
            ("ghost:6", "ghost:latest", true),
            ("ghost:6@sha256:11", "ghost:6@sha256:22", true),
            ("ghost:6", "ghost:6@sha256:22", true),
            ("ghost:7@sha256:11", "ghost:6@sha256:22", false),
            ("ghost@sha256:11", "ghost:6", true),
            ("docker.io/library/ghost:6", "ghost:6", true),
            ("docker.io/nocodb/nocodb:0.301.3", "nocodb/nocodb:0.301.3", true),
            ("docker.io/library/ghost:7", "ghost:6", false),
            ("registry:5000/ghost:6", "registry:5000/ghost:7", true),
            ("elsewhere.example/ghost:6", "ghost:6", false),
        ];
        for (taken, present, good) in table {
            let image = Image { name: taken.to_owned(), id: "sha256:0".to_owned(), version: None };
            manifest.images = [("app".to_owned(), image)].into();
            let document = serde_json::json!({ "services": { "app": { "image": present }, "db": {} } });
            let result = readable(&manifest, &images(&document), &BTreeMap::new());
            assert_eq!(result.is_ok(), good, "{taken} {present}");
            if let Err(problem) = result {
                assert!(problem.code == Code::RES002 && problem.message.contains(taken), "{problem}");
                assert!(problem.message.contains(present), "{problem}");
            }
        }
    }

    #[test]
    fn a_tag_that_floats_hides_no_newer_release_whose_image_names_it() {
        let (_, mut manifest) = set();
        let image = |id: &str, version: Option<&str>| Image {
            name: "portainer:lts".to_owned(),
            id: id.to_owned(),
            version: version.map(str::to_owned),
        };
        let present = [("app".to_owned(), "portainer:lts".to_owned())].into();
        for (taken, running, good) in [
            (image("a", Some("2.21.5")), image("b", Some("2.21.4")), false),
            (image("a", Some("2.21.5")), image("b", Some("2.27.0")), true),
            (image("a", Some("2.21.5")), image("b", None), true),
            (image("a", Some("9")), image("a", Some("1")), true),
            (image("a", Some("2.21.5")), image("b", Some("2.21")), true),
            (image("a", Some("v2.21.4")), image("b", Some("2.21.4+1")), true),
        ] {
            manifest.images = [("app".to_owned(), taken)].into();
            let result = readable(&manifest, &present, &[("app".to_owned(), running)].into());
            assert_eq!(result.is_ok(), good, "{manifest:?}");
            if let Err(problem) = result {
                assert!(
                    problem.message.contains("2.21.5") && problem.message.contains("2.21.4"),
                    "{problem}"
                );
            }
        }
    }

    #[test]
    fn a_set_that_is_not_whole_or_not_of_this_tool_is_refused() {
        let catalog = catalog();
        let tool = catalog.tools().find(|tool| tool.name.as_str() == "uptime-kuma").unwrap();
        let sources = sources(tool, "/".as_ref());
        let (set, manifest) = set();
        whole(&set, &manifest, &sources).unwrap();
        type Spoil = fn(&mut BackupSet, &mut Manifest);
        let table: [(&str, Spoil); 6] = [
            ("has version 2", |_, manifest| manifest.version = 2),
            ("is that of ghost", |_, manifest| manifest.tool = "ghost".to_owned()),
            ("is that of uptime-kuma", |_, manifest| manifest.set = SetId::generate()),
            ("there is no snapshot", |set, _| drop(set.items.remove(&Item::Files("data".to_owned())))),
            ("is not in the set", |_, manifest| drop(manifest.items.remove("files:data"))),
            ("keeps no such thing", |set, manifest| {
                set.items.insert(Item::Database("x".to_owned()), "s".to_owned());
                manifest.items.insert("database:x".to_owned(), manifest.items["files:data"].clone());
            }),
        ];
        for (words, spoil) in table {
            let (mut set, mut manifest) = (set.clone(), manifest.clone());
            spoil(&mut set, &mut manifest);
            let problem = whole(&set, &manifest, &sources).unwrap_err();
            assert!(problem.code == Code::RES001 && problem.message.contains(words), "{words}: {problem}");
        }
    }

    #[test]
    fn of_the_ai_teams_set_only_its_state_is_restored() {
        let catalog = catalog();
        let team = catalog.platform().find(|entry| entry.name.as_str() == "openclaw").unwrap();
        let root = std::path::Path::new("/");
        let stored = crate::backup::components::stored(team, root);
        let (mut set, mut manifest) = set();
        (set.tool, manifest.tool) = ("openclaw".to_owned(), "openclaw".to_owned());
        let files = manifest.items.remove("files:data").unwrap();
        manifest.items.clear();
        set.items = [(Item::Manifest, "snapshot".to_owned())].into();
        for source in &stored {
            manifest.items.insert(source.item().to_string(), files.clone());
            set.items.insert(source.item(), "snapshot".to_owned());
        }
        assert_eq!(whole(&set, &manifest, &stored), Ok(()));
        assert_eq!(manifest.items.len(), 2, "the stack too");
        keep_only(&mut manifest, &sources(team, root));
        assert_eq!(manifest.items.keys().collect::<Vec<_>>(), ["files:state"]);
    }

    #[test]
    fn a_stage_is_only_begun_where_it_fits() {
        let (_, manifest) = set();
        assert_eq!(disk_needed(&manifest), 5 << 30);
        let room = |disk: u64, memory: u64| FreeResources { disk: disk << 20, memory: memory << 20 };
        assert_eq!(fits(&manifest, 384, room(5120, 384)), Ok(()));
        for (room, word) in [(room(5119, 384), "too little disk"), (room(5120, 383), "too little memory")] {
            let problem = fits(&manifest, 384, room).unwrap_err();
            assert!(problem.code == Code::RES003 && problem.message.contains(word), "{problem}");
        }
    }
}
