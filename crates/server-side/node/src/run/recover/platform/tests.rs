use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_backup::{
    Consistency, FilesFacts, Item, ItemFacts, Location, Manifest, NewItem, Programs, Repository, SetKind,
};
use letsbe_types::{
    backup::Destination,
    ids::SetId,
    job::{DesiredServer, RestoreFrom},
};
use letsbe_vault::{BACKUP_KEY, Origin, Vault};
use serde_json::json;

use super::{bring_back, under, webdav::Webdav};
use crate::run::recover::read_record;
use letsbe_base::{files, layout::Layout};
use letsbe_data::{backup::listing, restore::stage::folders};

const BACKUP: &str = "canary-backup-key-that-is-as-long-as-that-of-a-server";
const REGISTRY_KEY: &str = "abababababababababababababababababababababababababababababababab";

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_003_200, 0).unwrap()
}

fn desired(domain: &str) -> DesiredServer {
    serde_json::from_value(json!({
        "identity": "new", "domain": domain, "owner_email": "o@example.com", "timezone": "UTC",
        "tier": "build", "tools": ["ghost"], "admin_keys": [], "docker": "distro", "registry_mirrors": [],
        "certificates": { "directory_url": null, "directory_roots_pem": null, "issued_roots_pem": null,
            "contact": "o@example.com" },
        "hub": null,
    }))
    .unwrap()
}

/// A server that was lost, with its backups on a far side of its own.
struct Lost {
    folder: tempfile::TempDir,
    repository: Repository,
    source: Destination,
    _served: Webdav,
}

impl Lost {
    async fn server() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        files::write(&path("key"), BACKUP.as_bytes()).unwrap();
        let far = path("far");
        let served = Webdav::of(folder.path());
        let source = served.destination("far");
        let programs = Programs { restic: "restic".into(), rclone: "rclone".into() };
        let repository = Repository::new(&programs, Location::folder(&far), &path("key"), &path("cache"));
        repository.ensure(None).await.unwrap();
        let lost = Self { folder, repository, source, _served: served };
        let state = lost.root().join("opt/letsbe/state");
        let mut vault = Vault::default();
        vault.put(BACKUP_KEY.0, BACKUP_KEY.1, BACKUP.into(), Origin::Made, noon());
        vault.put("ghost", "a", "canary-old-password".into(), Origin::Made, noon());
        let sealed = vault.seal(REGISTRY_KEY, &mut rand::rng()).unwrap();
        files::write(&state.join("vault.sealed"), sealed.as_bytes()).unwrap();
        for (name, content) in [("pins.json", "{}"), ("agent.json", "old key"), ("identity", "old")] {
            files::write(&state.join(name), content.as_bytes()).unwrap();
        }
        files::write_json(&state.join("server.json"), &desired("example.com")).unwrap();
        let live = lost.root().join("etc/letsencrypt/live/letsbe");
        files::write(&lost.root().join("etc/letsencrypt/archive/letsbe/cert1.pem"), b"a certificate")
            .unwrap();
        fs::create_dir_all(&live).unwrap();
        symlink("../../archive/letsbe/cert1.pem", live.join("cert.pem")).unwrap();
        lost
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("root")
    }

    async fn back_up(&self, part: &str, path: &str, taken_at: DateTime<Utc>) -> SetId {
        self.back_up_all(part, &[path], taken_at).await
    }

    async fn back_up_all(&self, part: &str, paths: &[&str], taken_at: DateTime<Utc>) -> SetId {
        let set = SetId::generate();
        let mut items = BTreeMap::new();
        let item = |item: Item| NewItem {
            identity: "old".to_owned(),
            set,
            taken_at,
            tool: part.to_owned(),
            kind: SetKind::Nightly,
            item,
        };
        for path in paths {
            let whole = self.root().join(path);
            let facts: FilesFacts = listing::facts(&whole, folders::entries(&whole).unwrap());
            let name = Item::Files(path.replace('/', "_"));
            items.insert(name.to_string(), ItemFacts::Files(facts));
            self.repository.store_files(&item(name), &[whole], &[]).await.unwrap();
        }
        let manifest = Manifest {
            version: 1,
            set,
            tool: part.to_owned(),
            kind: SetKind::Nightly,
            taken_at,
            identity: "old".to_owned(),
            images: BTreeMap::new(),
            items,
            consistency: Consistency::Single,
            data_version: None,
        };
        let text = serde_json::to_string(&manifest).unwrap();
        self.repository.store_text(&item(Item::Manifest), "manifest.json", &text).await.unwrap();
        set
    }

    fn restore(&self, at: Option<DateTime<Utc>>) -> RestoreFrom {
        RestoreFrom { source: self.source.clone(), at, as_of: None }
    }
}

fn fresh(folder: &Path, registry_key: &str) -> Layout {
    let layout = Layout::under(folder);
    let keys = json!({ "registry_key": registry_key, "backup_key": BACKUP });
    files::write_json(&under(&layout, letsbe_stacks::backups::RECOVERY_KEYS), &keys).unwrap();
    files::make_folder(&layout.state("")).unwrap();
    layout
}

#[tokio::test]
async fn vault_and_certificates_come_back_and_the_lost_machines_own_keys_do_not() {
    let lost = Lost::server().await;
    let first = lost.back_up("letsbe", "opt/letsbe/state", noon()).await;
    lost.back_up("nginx", "etc/letsencrypt", noon()).await;
    files::write(&lost.root().join("opt/letsbe/state/pins.json"), b"{\"later\":1}").unwrap();
    let later = lost.back_up("letsbe", "opt/letsbe/state", noon() + TimeDelta::days(1)).await;

    for (at, set, pins) in [(None, later, "{\"later\":1}"), (Some(noon()), first, "{}")] {
        let folder = tempfile::tempdir().unwrap();
        let layout = fresh(folder.path(), REGISTRY_KEY);
        let wishes = desired("example.com");
        // As certbot's package leaves it.
        let (hook, stale) =
            ("etc/letsencrypt/renewal-hooks/deploy/hook", "etc/letsencrypt/live/letsbe/cert.pem");
        files::write(&folder.path().join(hook), b"a hook").unwrap();
        files::write(&folder.path().join(stale), b"no link").unwrap();
        let now = noon() + TimeDelta::days(2);
        bring_back(&layout, &wishes, &lost.restore(at), now).await.unwrap();
        let files = letsbe_vault::VaultFiles::under(folder.path());
        let vault = Vault::open(&files).unwrap().unwrap();
        assert_eq!(vault.entry("ghost", "a").unwrap().present.expose(), "canary-old-password");
        for path in [&files.sealed, &under(&layout, letsbe_vault::REGISTRY_KEY_FILE)] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_to_string(layout.state("pins.json")).unwrap(), pins);
        for own in ["agent.json", "identity", "server.json"] {
            assert!(!layout.state(own).exists(), "{own} is the lost machine's");
        }
        let certificate = folder.path().join("etc/letsencrypt/live/letsbe/cert.pem");
        assert_eq!(fs::read_to_string(certificate).unwrap(), "a certificate");
        assert!(folder.path().join(hook).exists(), "what was there and is not in the backup stays");
        let record = read_record(&layout).unwrap().unwrap();
        assert_eq!(
            record.back.iter().map(|back| back.tool.as_str()).collect::<Vec<_>>(),
            ["letsbe", "nginx"]
        );
        assert_eq!(record.back[0].set, set);
        for left in ["run/letsbe/recovery-keys.json", "run/letsbe/recovery", "opt/letsbe/backups/recovery"] {
            assert!(!folder.path().join(left).exists(), "{left} holds secrets");
        }
        // Again, without keys: it is done.
        bring_back(&layout, &wishes, &lost.restore(at), now).await.unwrap();
    }
}

#[tokio::test]
async fn the_lost_servers_logs_come_back_beside_this_ones() {
    let lost = Lost::server().await;
    let log = "var/log/letsbe/audit.log";
    files::write(&lost.root().join(log), b"lost\n").unwrap();
    lost.back_up_all("letsbe", &["opt/letsbe/state", "var/log/letsbe"], noon()).await;
    let folder = tempfile::tempdir().unwrap();
    let layout = fresh(folder.path(), REGISTRY_KEY);
    files::write(&layout.audit_log(), b"own\n").unwrap();
    let wishes = desired("example.com");
    bring_back(&layout, &wishes, &lost.restore(None), noon() + TimeDelta::hours(1)).await.unwrap();
    let day = noon().format("%Y%m%dT%H%M%SZ");
    let beside = folder.path().join(format!("var/log/letsbe/before-{day}/audit.log"));
    assert_eq!(fs::read_to_string(beside).unwrap(), "lost\n");
    assert_eq!(fs::read_to_string(layout.audit_log()).unwrap(), "own\n");
    assert!(!read_record(&layout).unwrap().unwrap().without_data.contains_key("logs"));
}

#[tokio::test]
async fn a_foreign_vault_another_customer_and_a_missing_set_stop_it_and_nothing_is_replaced() {
    let lost = Lost::server().await;
    let folder = tempfile::tempdir().unwrap();
    let layout = fresh(folder.path(), REGISTRY_KEY);
    let code = async |layout: &Layout, domain: &str| {
        bring_back(layout, &desired(domain), &lost.restore(None), noon()).await.unwrap_err().code
    };
    assert_eq!(code(&layout, "example.com").await, "BAK010", "there is no set yet");
    lost.back_up("letsbe", "opt/letsbe/state", noon()).await;
    assert_eq!(code(&layout, "other.example").await, "NODE088");
    let sealed = under(&layout, letsbe_vault::VAULT_FILE);
    assert!(!sealed.exists() && read_record(&layout).unwrap().is_none());

    let foreign = Vault::default().seal(&"cd".repeat(32), &mut rand::rng()).unwrap();
    files::write(&sealed, foreign.as_bytes()).unwrap();
    assert_eq!(code(&layout, "example.com").await, "NODE087");
    assert_eq!(fs::read_to_string(&sealed).unwrap(), foreign);
    fs::remove_file(&sealed).unwrap();

    // Without certificates it goes on, and says so.
    bring_back(&layout, &desired("example.com"), &lost.restore(None), noon()).await.unwrap();
    let record = read_record(&layout).unwrap().unwrap();
    assert!(record.without_data.contains_key("nginx"), "{record:?}");
}

#[tokio::test]
async fn an_attempt_that_was_killed_after_the_vault_was_written_is_repeated() {
    let lost = Lost::server().await;
    lost.back_up("letsbe", "opt/letsbe/state", noon()).await;
    let folder = tempfile::tempdir().unwrap();
    let layout = fresh(folder.path(), REGISTRY_KEY);
    let sealed = fs::read(lost.root().join("opt/letsbe/state/vault.sealed")).unwrap();
    files::write(&under(&layout, letsbe_vault::VAULT_FILE), &sealed).unwrap();
    bring_back(&layout, &desired("example.com"), &lost.restore(None), noon()).await.unwrap();
    assert!(read_record(&layout).unwrap().is_some());
}
