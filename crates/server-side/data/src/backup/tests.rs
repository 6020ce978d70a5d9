//! Whole runs with the real repository program, on a server that is a folder: Docker is played, and so is the tap of a
//! database's dump.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::Utc;
use letsbe_backup::{BackupSet, Consistency, ItemFacts, SetKind, sets};
use letsbe_catalog::Catalog;
use letsbe_types::{
    Problem,
    backup::{BackupStatus, Destination, Ending, RemoteSync},
    job::DesiredServer,
};
use serde_json::{Value, json};

use super::{
    destination, export,
    fakes::{self, FakeDocker},
    journal,
    lease::{self, tests::Other},
    outside, parts,
    repositories::Repositories,
    run::{self, Place, Request},
    set_on, status,
    webdav::Webdav,
};
use letsbe_base::{files, layout::Layout, output::Voice, server::TenantServer};

mod middle;

const DUMP: &str = "INSERT INTO `posts` VALUES (1);\nINSERT INTO `posts` VALUES (2);\n";

/// What the tap does, without a database.
const TAP: &str = r#"#!/bin/bash
set -e
while [ $# -gt 0 ]; do case "$1" in --database) d="$2";; --facts) f="$2";; esac; shift; done
if [ -e ROOT/broken ]; then
  printf '{"code":"BAK011","message":"The database %s is broken","hint":"","retryable":true}' "$d" > "$f/$d.problem"
  exit 1
fi
touch "$f/$d.begun"
if [ -e ROOT/killed ]; then
  head -c 20 ROOT/dump
  touch ROOT/killed/in-the-middle
  kill -KILL $$
fi
cat ROOT/dump
printf '{"engine":"mysql","bytes":%d,"sha256":"%s","tables":{"posts":2}%s}' "$(stat --format %s ROOT/dump)" \
  "$(sha256sum ROOT/dump | cut -d ' ' -f 1)" "$(cat ROOT/others 2> /dev/null || true)" > "$f/$d.facts"
"#;

/// A server with a website, Ghost, and the platform's own parts.
struct Site {
    root: tempfile::TempDir,
    server: TenantServer,
    docker: FakeDocker,
    served: OnceLock<Webdav>,
}

impl Site {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::under(root.path());
        let catalog =
            Catalog::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog"))).unwrap();
        let server = TenantServer { layout, catalog: Arc::new(catalog), desired: desired() };
        let docker = FakeDocker::running(["letsbe-ghost", "letsbe-ghost-db"]);
        let site = Self { root, server, docker, served: OnceLock::new() };
        for part in parts::all(&site.server) {
            for path in part.missing() {
                std::fs::create_dir_all(path).unwrap();
            }
        }
        site.write("opt/letsbe/data/static-website/index.html", "<h1>hello</h1>");
        site.write(
            "var/lib/docker/volumes/letsbe-ghost_content/_data/images/a.png",
            &"picture ".repeat(4000),
        );
        site.write("dump", DUMP);
        let tap = TAP.replace("ROOT", &site.root.path().to_string_lossy());
        site.write("opt/letsbe/bin/letsbe-node", &tap);
        let program = site.server.layout.program();
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        fakes::give_repository_key(site.root.path());
        site
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn copy_to_folder(&self, folder: &str) {
        let served = self.served.get_or_init(|| Webdav::of(self.root.path()));
        let destination = served.destination(folder);
        destination::write(&self.server, &destination).unwrap();
    }

    async fn run(&self, tool: Option<&str>) -> Result<BackupStatus, Problem> {
        let place = Place { server: &self.server, machine: &self.docker, voice: Voice::Silent };
        let request = Request {
            tool: tool.map(str::to_owned),
            kind: SetKind::Manual,
            patience: Duration::ZERO,
            before_remote: Duration::ZERO,
        };
        lease::with(&self.server.layout, &request.owner(), async |run| {
            run::carry_out(place, &request, run).await
        })
        .await
    }

    async fn sets(&self) -> Vec<BackupSet> {
        let repositories = Repositories::open(&self.server).await.unwrap();
        sets(&repositories.local.snapshots().await.unwrap())
    }
}

fn desired() -> DesiredServer {
    serde_json::from_value(json!({
        "identity": "identity-7",
        "domain": "example.com",
        "owner_email": "owner@example.com",
        "timezone": "Europe/Berlin",
        "tier": "build",
        "tools": ["ghost", "static-website"],
        "admin_keys": [],
        "docker": "distro",
        "registry_mirrors": [],
        "certificates": {
            "directory_url": null, "directory_roots_pem": null, "issued_roots_pem": null,
            "contact": "operator@example.com",
        },
        "hub": null,
    }))
    .unwrap()
}

#[tokio::test]
async fn a_run_stores_every_part_and_the_status_has_the_runbooks_fields_and_more() {
    let site = Site::new();
    let status = site.run(None).await.unwrap();
    assert_eq!((status.status, &status.errors), (Ending::Success, &vec![]));
    let file: Value = files::read_json(&site.server.layout.backup_status()).unwrap().unwrap();
    for (field, expected) in [
        ("status", json!("success")),
        ("databases_backed_up", json!(1)),
        ("files_backed_up", json!(true)),
        ("remote_sync", json!("not_configured")),
        ("errors", json!([])),
    ] {
        assert_eq!(file[field], expected, "{field}");
    }
    assert!(
        file["timestamp"].is_string() && file["duration_seconds"].is_u64() && file["total_size_gb"].is_f64()
    );
    let names: Vec<&str> = status.tools.keys().map(String::as_str).collect();
    assert_eq!(names, ["ghost", "letsbe", "nginx", "openclaw", "static-website"]);
    let ghost = &status.tools["ghost"];
    assert_eq!((ghost.rows, ghost.files, ghost.bytes), (2, 1, DUMP.len() as u64 + 32_000));
    assert!(site.docker.paused().is_empty());
    let all = site.sets().await;
    assert_eq!(all.len(), 5, "the warm pass is forgotten: {all:?}");
    let set = all.iter().find(|set| set.tool == "ghost").unwrap();
    let repositories = Repositories::open(&site.server).await.unwrap();
    let repository = &repositories.local;
    let manifest = outside::manifest(repository, set).await.unwrap();
    assert!(matches!(manifest.consistency, Consistency::Paused { .. }), "{:?}", manifest.consistency);
    assert_eq!(manifest.images["app"].name, "some/image:1");
    let text = String::from_utf8(
        repository.read(&set.items[&"database:ghost".parse().unwrap()], "/ghost.sql").await.unwrap(),
    );
    assert_eq!(text.unwrap(), DUMP);
    assert!(!site.path("opt/letsbe/backups/run.json").exists());
}

#[tokio::test]
async fn a_dump_that_fails_leaves_the_former_sets_and_the_status_says_which_tool_and_why() {
    let site = Site::new();
    let made = set_on(&site.docker, &site.server, "ghost", SetKind::Safety).await.unwrap();
    assert!(made.is_complete());
    site.write("broken", "");
    let status = site.run(None).await.unwrap();
    assert_eq!(status.status, Ending::Partial);
    let [error] = status.errors.as_slice() else { panic!("{:?}", status.errors) };
    assert!(error.contains("ghost") && error.contains("is broken"), "{error}");
    let problem = status.tools["ghost"].problem.as_ref().unwrap();
    assert_eq!(problem.code, "BAK011");
    assert!(status.tools["static-website"].problem.is_none() && !status.files_backed_up);
    let of_ghost: Vec<BackupSet> = site.sets().await.into_iter().filter(|set| set.tool == "ghost").collect();
    assert_eq!(of_ghost, [made], "half a set does not stay");
    assert!(site.docker.paused().is_empty());
    // A run of another tool does not make it well.
    let status = site.run(Some("static-website")).await.unwrap();
    assert_eq!((status.status, status.errors.len()), (Ending::Partial, 1));
    std::fs::remove_file(site.path("broken")).unwrap();
    let status = site.run(Some("ghost")).await.unwrap();
    assert_eq!((status.status, status.errors.len()), (Ending::Success, 0));
}

#[tokio::test]
async fn a_second_run_adds_little_and_its_copy_outside_is_read_back() {
    let site = Site::new();
    let random: Vec<u8> = (0..1_000_000).map(|_| rand::random()).collect();
    std::fs::write(site.path("opt/letsbe/data/static-website/film.bin"), random).unwrap();
    site.copy_to_folder("far");
    let first = site.run(Some("static-website")).await.unwrap();
    assert_eq!(
        (first.status, first.remote_sync),
        (Ending::Success, RemoteSync::Success),
        "{:?}",
        first.errors
    );
    assert!(first.added_bytes > 1_000_000 && first.repository_bytes > 1_000_000);
    site.write("opt/letsbe/data/static-website/index.html", "<h1>hello again</h1>");
    let second = site.run(Some("static-website")).await.unwrap();
    assert!(second.added_bytes < 50_000, "{}", second.added_bytes);
    let repositories = Repositories::open(&site.server).await.unwrap();
    let far = sets(&repositories.remote.as_ref().unwrap().snapshots().await.unwrap());
    assert_eq!(far.iter().filter(|set| set.is_complete()).count(), 2);
    // What is lost outside is copied again.
    let lost: Vec<String> = far[0].snapshots().take(1).map(str::to_owned).collect();
    repositories.remote.as_ref().unwrap().forget(&lost).await.unwrap();
    let third = site.run(Some("static-website")).await.unwrap();
    assert_eq!(third.remote_sync, RemoteSync::Success, "{:?}", third.errors);
    let far = sets(&repositories.remote.as_ref().unwrap().snapshots().await.unwrap());
    assert_eq!(far.iter().filter(|set| set.is_complete() && set.items.len() == 2).count(), 3, "{far:?}");
    // A byte that turns in the data outside is seen, though every list and every size is right.
    let check = third.remote_check.expect("a share of the data outside was read");
    assert_eq!((check.part, check.parts), (1, 1));
    let packs = walkdir::WalkDir::new(site.path("far/data")).into_iter().flatten();
    let largest = packs
        .filter(|pack| pack.file_type().is_file())
        .max_by_key(|pack| pack.metadata().map(|found| found.len()).unwrap_or_default())
        .unwrap();
    let mut bytes = std::fs::read(largest.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::set_permissions(largest.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(largest.path(), bytes).unwrap();
    let fourth = site.run(Some("static-website")).await.unwrap();
    assert_eq!(fourth.remote_sync, RemoteSync::Failed, "{:?}", fourth.errors);
    assert!(fourth.errors.iter().any(|error| error.contains("BAK012")), "{:?}", fourth.errors);
}

#[tokio::test]
async fn a_far_side_that_does_not_answer_is_no_success_and_the_local_sets_stay() {
    let site = Site::new();
    site.write("far", "a file where the folder should be");
    site.copy_to_folder("far");
    let status = site.run(Some("static-website")).await.unwrap();
    assert_eq!(
        (status.status, status.remote_sync, status.remote_at),
        (Ending::Partial, RemoteSync::Failed, None)
    );
    assert!(status.errors.iter().any(|error| error.starts_with("copy outside: ")), "{:?}", status.errors);
    assert!(status.tools["static-website"].set.is_some());
}

#[tokio::test]
async fn overlapping_runs_and_unknown_tools_are_refused_and_the_status_stays_as_it_was() {
    let site = Site::new();
    let other = Other::start();
    other.hold(&site.server.layout);
    let refusal = site.run(Some("static-website")).await.unwrap_err();
    assert!(refusal.code == "BAK005" && refusal.message.contains("the nightly backup"), "{refusal}");
    drop(other);
    let unknown = parts::selected(&site.server, Some("wiki")).unwrap_err();
    assert_eq!(unknown.code, "BAK003");
    assert!(unknown.hint.contains("ghost") && unknown.hint.contains("static-website"), "{}", unknown.hint);
    assert_eq!(status::read(&site.server.layout).unwrap(), None);
}

#[tokio::test]
async fn a_full_disk_ends_clean_and_the_former_sets_stay() {
    let site = Site::new();
    site.run(Some("static-website")).await.unwrap();
    site.docker.leave_free(1_000_000);
    let status = site.run(Some("static-website")).await.unwrap();
    assert_eq!(status.status, Ending::Failed);
    assert!(status.errors[0].contains("BAK004"), "{:?}", status.errors);
    assert!(status.tools["static-website"].set.is_some(), "what is there is still told");
    assert_eq!(site.sets().await.len(), 1);
    let left: Vec<_> = std::fs::read_dir(site.path("run/letsbe/backup")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_run_that_was_killed_is_told_by_the_next_one_and_by_its_unit() {
    let site = Site::new();
    let layout = &site.server.layout;
    let killed = json!({ "owner": "the nightly backup", "at": Utc::now(), "process": { "pid": 4_194_305, "started": 1 } });
    let path = site.path("opt/letsbe/backups/run.json");
    files::write_json(&path, &killed).unwrap();
    let status = site.run(Some("static-website")).await.unwrap();
    assert!(
        status.errors[0].contains("the nightly backup") && status.errors[0].contains("killed"),
        "{status:?}"
    );
    assert_eq!(status.status, Ending::Success, "this one went well");
    // Killed after it had told: nothing more is told.
    files::write_json(&path, &killed).unwrap();
    journal::tell_killed(layout, Utc::now()).unwrap();
    assert_eq!(status::read(layout).unwrap().unwrap(), status);
    let later =
        json!({ "owner": "a backup", "at": Utc::now(), "process": { "pid": 4_194_305, "started": 1 } });
    files::write_json(&path, &later).unwrap();
    journal::tell_killed(layout, Utc::now()).unwrap();
    let told = status::read(layout).unwrap().unwrap();
    assert_eq!((told.status, told.errors.len()), (Ending::Failed, 1));
    assert_eq!(told.tools, status.tools);
    assert!(!path.exists());
}

#[tokio::test]
async fn an_exported_dump_is_what_the_manifest_says_and_nothing_is_overwritten() {
    let site = Site::new();
    let set = set_on(&site.docker, &site.server, "ghost", SetKind::Manual).await.unwrap();
    let repositories = Repositories::open(&site.server).await.unwrap();
    let repository = &repositories.local;
    let manifest = outside::manifest(repository, &set).await.unwrap();
    let Some(ItemFacts::Database(facts)) = manifest.items.get("database:ghost") else {
        panic!("{manifest:?}")
    };
    let to = site.path("exported.sql");
    let taken = export::take(repository, &set, "database:ghost", None, &to).await.unwrap();
    assert_eq!(taken.sha256, facts.sha256);
    assert_eq!(std::fs::read_to_string(&to).unwrap(), DUMP);
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let refusals = [
        export::take(repository, &set, "database:ghost", None, &to).await,
        export::take(repository, &set, "database:odoo", None, &site.path("other")).await,
        export::take(repository, &set, "files:content", Some("/etc/passwd"), &site.path("other")).await,
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap_err().code, "BAK015");
    }
    assert!(!site.path("other").exists());
    let picture = site.path("var/lib/docker/volumes/letsbe-ghost_content/_data/images/a.png");
    let path = picture.to_string_lossy();
    let other = site.path("other");
    export::take(repository, &set, "files:content", Some(&path), &other).await.unwrap();
    assert_eq!(std::fs::read(other).unwrap(), std::fs::read(picture).unwrap());
}

#[tokio::test]
async fn a_destination_takes_over_once_it_was_reached_and_no_sooner() {
    let site = Site::new();
    site.copy_to_folder("former");
    let former = destination::read(&site.server).unwrap();
    site.write("foreign/config", "of somebody else");
    site.copy_to_folder("foreign");
    let foreign = destination::read(&site.server).unwrap().unwrap();
    destination::write(&site.server, &former.clone().unwrap()).unwrap();
    destination::prove_and_set(&site.server, &foreign).await.unwrap_err();
    assert_eq!(destination::read(&site.server).unwrap(), former, "what is not reached replaces nothing");
    site.copy_to_folder("new");
    let new = destination::read(&site.server).unwrap().unwrap();
    destination::write(&site.server, &former.unwrap()).unwrap();
    destination::prove_and_set(&site.server, &new).await.unwrap();
    assert_eq!(destination::read(&site.server).unwrap(), Some(new));
    assert!(site.path("new/config").exists() && !site.path("former/config").exists());
}

#[test]
fn a_destination_is_kept_without_its_secret_and_read_back_with_it() {
    let site = Site::new();
    assert_eq!(destination::read(&site.server).unwrap(), None);
    let wanted: Destination = serde_json::from_value(json!({
        "kind": "s3", "endpoint": "https://s3.example", "region": "eu", "bucket": "b", "prefix": "t",
        "access_key_id": "id", "secret_access_key": "canary-secret", "protection": { "is": "locked", "days": 35 },
    }))
    .unwrap();
    destination::write(&site.server, &wanted).unwrap();
    let kept = std::fs::read_to_string(site.path("opt/letsbe/state/destination.json")).unwrap();
    assert!(!kept.contains("canary"), "{kept}");
    assert_eq!(destination::read(&site.server).unwrap(), Some(wanted));
}
