//! Proofs and looks at the repository with the real repository program, on a server that is a folder.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use chrono::Utc;
use letsbe_backup::SetKind;
use letsbe_catalog::Catalog;
use letsbe_types::{
    Problem,
    backup::{OutsideProof, Proof, ToolBackup},
};
use letsbe_vault::{BACKUP_KEY, Origin, Vault, VaultFiles};
use serde_json::json;

use super::{
    check_share,
    evidence::{self, tests::with_status},
    night, nightly, nightly_outside, plan_outside,
    source::Source,
};
use crate::backup::{
    destination, fakes::give_repository_key, make_set, parts, repositories::Repositories, status,
    webdav::Webdav,
};
use letsbe_base::{files, layout::Layout, server::TenantServer};

/// A server without a customer's tool: the platform's parts only.
struct Site {
    _root: tempfile::TempDir,
    server: TenantServer,
}

impl Site {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::under(root.path());
        let catalog =
            Catalog::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog"))).unwrap();
        let desired = json!({
            "identity": "identity-7", "domain": "example.com", "owner_email": "owner@example.com",
            "timezone": "Europe/Berlin", "tier": "build", "tools": [], "admin_keys": [], "docker": "distro",
            "registry_mirrors": [],
            "certificates": {
                "directory_url": null, "directory_roots_pem": null, "issued_roots_pem": null,
                "contact": "operator@example.com",
            },
            "hub": null,
        });
        let desired = serde_json::from_value(desired).unwrap();
        let site = Self { server: TenantServer { layout, catalog: Arc::new(catalog), desired }, _root: root };
        for part in parts::all(&site.server) {
            part.sources.iter().for_each(|source| match source {
                letsbe_backup::Source::Files(files) => std::fs::create_dir_all(&files.path).unwrap(),
                other => panic!("{other:?}"),
            });
        }
        let layout = &site.server.layout;
        files::write(&layout.home().join("nginx/sites/ghost.conf"), b"server {}").unwrap();
        give_repository_key(&layout.root());
        with_status(layout, &["letsbe", "nginx"]);
        for part in ["nginx", "letsbe"] {
            make_set(&site.server, part, SetKind::Nightly).await.unwrap();
        }
        site
    }

    async fn prove(&self, tool: Option<&str>) -> Result<Vec<Proof>, Problem> {
        night::of(&self.server, Source::local(&self.server).await?, tool).await
    }

    /// Copies all that is here to a folder that the real rclone serves.
    async fn copy_to(&self, served: &Webdav, folder: &str) {
        destination::write(&self.server, &served.destination(folder)).unwrap();
        let open = Repositories::open(&self.server).await.unwrap();
        let far = open.remote.as_ref().unwrap();
        far.ensure(Some(&open.local)).await.unwrap();
        let all = letsbe_backup::sets(&open.local.snapshots().await.unwrap());
        let snapshots: Vec<String> =
            all.iter().flat_map(letsbe_backup::BackupSet::snapshots).map(str::to_owned).collect();
        open.local.copy_to(far, &snapshots).await.unwrap();
    }

    fn outside(&self, tool: &str) -> OutsideProof {
        self.told(tool).outside.unwrap()
    }

    fn told(&self, tool: &str) -> ToolBackup {
        status::read(&self.server.layout).unwrap().unwrap().tools[tool].clone()
    }

    /// In a pack of the repository; what the program keeps of it elsewhere is gone.
    fn flip_a_bit(&self) {
        let backups = self.server.layout.home().join("backups");
        std::fs::remove_dir_all(backups.join("cache")).unwrap();
        let folders = std::fs::read_dir(backups.join("repository/data")).unwrap();
        let packs = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
        let pack = packs.map(|pack| pack.unwrap().path()).min().unwrap();
        let mut bytes = std::fs::read(&pack).unwrap();
        bytes[10] ^= 1;
        std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&pack, bytes).unwrap();
    }
}

fn held(proofs: &[Proof]) -> Vec<(&str, bool)> {
    proofs.iter().map(|proof| (proof.tool.as_str(), proof.holds())).collect()
}

#[tokio::test]
async fn a_part_of_the_platform_is_proven_by_unpacking_it_and_nothing_stays() {
    let site = Site::new().await;
    let proofs = nightly(&site.server).await.unwrap();
    assert_eq!(held(&proofs), [("letsbe", true), ("nginx", true)], "{proofs:?}");
    let said = proofs[0].equal.join("\n");
    assert!(said.contains("the vault opens, 1 secrets") && !said.contains("canary"), "{said}");
    let steps: Vec<&str> = proofs[0].steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["restore", "compare", "probe", "remove"]);
    assert_eq!(site.told("letsbe").proven_set, Some(proofs[0].set));
    assert!(!site.server.layout.home().join("backups/proof").exists());
    assert_eq!(nightly(&site.server).await.unwrap().len(), 1, "the oldest, as its share of the week");
    let unknown = site.prove(Some("odoo")).await.unwrap_err();
    assert!(unknown.code == "PRF003" && unknown.hint.contains("letsbe, nginx"), "{unknown}");
}

#[tokio::test]
async fn a_vault_of_another_key_is_seen_and_its_earlier_proof_stays() {
    let site = Site::new().await;
    let first = site.prove(Some("letsbe")).await.unwrap();
    let key = VaultFiles::under(&site.server.layout.root()).key;
    let own = std::fs::read_to_string(&key).unwrap();
    // The key of the repository comes from the vault: another key is tried with a vault that it opens.
    let sealed = VaultFiles::under(&site.server.layout.root()).sealed;
    let vault = Vault::open(&VaultFiles { sealed: sealed.clone(), key: key.clone() }).unwrap().unwrap();
    let other = own.trim().chars().rev().collect::<String>();
    std::fs::write(&key, &other).unwrap();
    std::fs::remove_file(&sealed).unwrap();
    let entry = vault.entry(BACKUP_KEY.0, BACKUP_KEY.1).unwrap().present.clone();
    Vault::update(&VaultFiles { sealed, key }, &mut rand::rng(), |vault| {
        vault.put(BACKUP_KEY.0, BACKUP_KEY.1, entry, Origin::Made, Utc::now());
        Ok(())
    })
    .unwrap();
    let proofs = site.prove(Some("letsbe")).await.unwrap();
    assert!(proofs[0].differences[0].starts_with("the vault does not open"), "{proofs:?}");
    let told = site.told("letsbe");
    assert_eq!((told.proven_set, told.proven_at), (Some(first[0].set), Some(first[0].began_at)));
    assert_eq!(told.proof_problem.unwrap().code, "PRF001");
}

#[tokio::test]
async fn a_flipped_bit_is_found_within_a_week_and_named_with_the_sets_that_it_touches() {
    let site = Site::new().await;
    check_share(&site.server).await.unwrap();
    let check = || status::read(&site.server.layout).unwrap().unwrap().check.unwrap();
    assert_eq!((check().parts, check().damage), (7, vec![]));
    site.flip_a_bit();
    let parts = site.server.layout.state("backup-parts.json");
    let mut nights = 0;
    while check().damage.is_empty() {
        nights += 1;
        assert!(nights <= 7, "a week reads everything");
        let mut kept: serde_json::Value = files::read_json(&parts).unwrap().unwrap();
        kept["last"]["day"] = json!(nights);
        files::write_json(&parts, &kept).unwrap();
        check_share(&site.server).await.unwrap();
    }
    let damage = check().damage.join("\n");
    let proofs = site.prove(None).await.unwrap();
    let failed: Vec<&Proof> = proofs.iter().filter(|proof| !proof.holds()).collect();
    assert!(!failed.is_empty(), "{damage}");
    for Proof { tool, .. } in failed {
        assert!(damage.contains(&format!("{tool} of ")), "{tool} is not named: {damage}");
    }
    assert_eq!(evidence::read(&site.server.layout).unwrap().len(), 2);
    assert!(!site.server.layout.home().join("backups/proof").exists());
}

#[tokio::test]
async fn every_tool_is_proven_from_the_copy_outside_alone_whatever_this_server_still_has() {
    let site = Site::new().await;
    assert_eq!(nightly_outside(&site.server).await.unwrap(), [], "no destination");
    let far = tempfile::tempdir().unwrap();
    let served = Webdav::of(far.path());
    site.copy_to(&served, "copies").await;
    let known = status::read(&site.server.layout).unwrap();
    let plan = plan_outside(&site.server, known.as_ref(), "far:copies").unwrap();
    assert_eq!(plan.tools, [""; 0], "the status of this test names no sets");
    // Nothing here helps: not the local repository, not what restic keeps.
    let backups = site.server.layout.home().join("backups");
    std::fs::rename(backups.join("repository"), backups.join("away")).unwrap();
    let proofs = nightly_outside(&site.server).await.unwrap();
    assert_eq!(held(&proofs), [("letsbe", true), ("nginx", true)], "{proofs:?}");
    assert!(proofs.iter().all(|proof| proof.outside.as_deref() == Some("far:copies")), "{proofs:?}");
    assert!(!backups.join("repository").exists() && !backups.join("proof-cache").exists());
    let told = site.told("nginx");
    assert_eq!((told.proven_at, told.proven_set), (None, None), "from here nothing is proven by it");
    let outside = site.outside("nginx");
    assert_eq!((outside.proven_set, outside.problem), (Some(proofs[1].set), None));
    assert_eq!(nightly_outside(&site.server).await.unwrap().len(), 1, "the oldest, as its share of the week");

    // Nothing that this server keeps of the copy is used: another server would not have it.
    std::fs::rename(backups.join("away"), backups.join("repository")).unwrap();
    let used =
        |name: &str| std::fs::read_dir(backups.join(name)).is_ok_and(|mut found| found.next().is_some());
    let source = Source::outside(&site.server).await.unwrap();
    assert!(used("cache") && !used("proof-cache"));
    source.repository.snapshots().await.unwrap();
    assert!(used("proof-cache"), "its own");
    drop(source);

    // What is gone there: a proof from outside fails, and one from here does not.
    for index in std::fs::read_dir(far.path().join("copies/index")).unwrap() {
        std::fs::remove_file(index.unwrap().path()).unwrap();
    }
    let proofs = night::of(&site.server, Source::outside(&site.server).await.unwrap(), None).await.unwrap();
    assert_eq!(held(&proofs), [("letsbe", false), ("nginx", false)], "{proofs:?}");
    let outside = site.outside("nginx");
    assert!(outside.problem.is_some_and(|problem| !super::is_put_off(&problem)));
    assert!(outside.proven_at.is_some());
    assert_eq!(held(&site.prove(None).await.unwrap()), [("letsbe", true), ("nginx", true)]);
    assert_eq!(site.told("nginx").proof_problem, None);
}

#[tokio::test]
async fn a_proof_of_one_place_says_nothing_about_another_and_a_far_side_that_is_away_fails_nothing() {
    let site = Site::new().await;
    let far = tempfile::tempdir().unwrap();
    let served = Webdav::of(far.path());
    site.copy_to(&served, "first").await;
    nightly_outside(&site.server).await.unwrap();
    assert!(site.outside("nginx").proven_at.is_some());
    drop(served);
    let away = nightly_outside(&site.server).await.unwrap_err();
    assert_eq!(away.code, "REPO001");
    assert_eq!(site.outside("nginx").problem, None, "it is overdue one day");
    let served = Webdav::of(far.path());
    site.copy_to(&served, "second").await;
    let source = Source::outside(&site.server).await.unwrap();
    source.found(&site.server.layout, ["nginx".to_owned()].iter()).unwrap();
    drop(source);
    let outside = site.outside("nginx");
    assert_eq!((outside.place.as_str(), outside.proven_at), ("far:second", None));
    let proofs = nightly_outside(&site.server).await.unwrap();
    assert_eq!(held(&proofs), [("letsbe", true), ("nginx", true)], "all are due there");
}
