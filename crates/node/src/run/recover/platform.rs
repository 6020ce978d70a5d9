//! The vault first: without it no tool would know its own database. Then the certificates, so that nobody has to be
//! asked for new ones while DNS still points at the lost server.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use chrono::{DateTime, Utc};
use letsbe_backup::{BackupSet, Item, Manifest, selection::choose};
use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_provision::backups::RecoveryRecord;
use letsbe_types::{
    Problem, crash,
    job::{DesiredServer, RestoreFrom, RestoredTool},
};
use letsbe_vault::{EscrowKeys, REGISTRY_KEY_FILE, VAULT_FILE, Vault, VaultFiles};
use serde_json::Value;

use super::{
    RECOVERY_CRASH_POINTS, bring_folder, day, manifest, milliseconds, read_record,
    source::{Source, remove},
    unusable, wish, write_record,
};
use crate::{files, layout::Layout, run::keys};

/// The set with vault and records, and the one with the certificates.
const LETSBE: &str = "letsbe";
const NGINX: &str = "nginx";
const STATE: &str = "/opt/letsbe/state";
const CERTIFICATES: &str = "/etc/letsencrypt";

/// What of the lost server's records is the tenant's and not the machine's. Everything else is made anew here: the
/// identity, the agent's key, what was under way, what was told or allowed already.
const COMES_BACK: [&str; 6] =
    ["pins.json", "models.json", "token-pool", "tokens.jsonl", "rotation.json", "updates.json"];

/// Brings vault, records and certificates back, once.
pub(super) async fn bring_back(
    layout: &Layout,
    desired: &DesiredServer,
    restore: &RestoreFrom,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let vault = Vault::open(&VaultFiles::under(&layout.root()));
    if read_record(layout)?.is_some() && matches!(vault, Ok(Some(_))) {
        return keys::forget(layout);
    }
    let keys = keys::received(layout)?;
    refuse_another_vault(layout, &keys)?;
    let source = Source::prepare(layout, restore, &keys.backup_key).await?;
    let mut record = RecoveryRecord { began_at: now, back: Vec::new(), without_data: [].into() };

    let began = Instant::now();
    let set = choose(&source.sets, LETSBE, wish(restore), day)?;
    let known = manifest(&source.repository, set).await?;
    // As private as what is in it.
    let staged = layout.home().join("backups/recovery");
    bring_folder(&source, (set, &known), &item(STATE), &staged).await?;
    refuse_another_customer(desired, &staged)?;
    let sealed = files::read(&staged.join("vault.sealed"))?;
    let sealed = sealed.ok_or_else(|| unusable(set, "it does not hold the vault"))?;
    records(layout, &keys, &sealed, &staged)?;
    remove(&staged)?;
    record.back.push(back(set, &known, began));

    let began = Instant::now();
    match choose(&source.sets, NGINX, wish(restore), day) {
        Ok(set) => {
            let known = manifest(&source.repository, set).await?;
            bring_folder(&source, (set, &known), &item(CERTIFICATES), &staged).await?;
            certificates(layout, &staged).await?;
            remove(&staged)?;
            record.back.push(back(set, &known, began));
        }
        // New certificates can be had, if DNS points here already.
        Err(problem) => drop(record.without_data.insert(NGINX.to_owned(), problem.message)),
    }
    write_record(layout, &record)?;
    crash::point(RECOVERY_CRASH_POINTS[1]);
    keys::forget(layout)
}

fn back(set: &BackupSet, manifest: &Manifest, began: Instant) -> RestoredTool {
    RestoredTool {
        tool: set.tool.clone(),
        set: set.id,
        taken_at: set.taken_at,
        rows: manifest.rows(),
        files: manifest.files(),
        milliseconds: milliseconds(began),
    }
}

/// A vault that is here already must be one that a killed attempt has written.
fn refuse_another_vault(layout: &Layout, keys: &EscrowKeys) -> Result<(), Problem> {
    let path = under(layout, VAULT_FILE);
    let Some(sealed) = files::read(&path)? else { return Ok(()) };
    let sealed = String::from_utf8_lossy(&sealed);
    Vault::unseal(&sealed, keys.registry_key.expose()).map(drop).map_err(|error| {
        Problem::permanent(
            "NODE087",
            format!("This server has a vault that the escrow's key does not open: {error}"),
            "It is another server, or was set up anew. Nothing was replaced. Bring the lost one back onto a fresh server.",
        )
    })
}

/// The item of a set that holds a folder of the server.
fn item(path: &str) -> Item {
    Item::Files(path.trim_start_matches('/').replace('/', "_"))
}

/// Puts key, vault and records in their places, after the vault was opened.
fn records(layout: &Layout, keys: &EscrowKeys, sealed: &[u8], staged: &Path) -> Result<(), Problem> {
    let vault = Vault::unseal(&String::from_utf8_lossy(sealed), keys.registry_key.expose())?;
    tracing::info!(secrets = vault.entries().count(), "the vault of the lost server opens");
    // The key first: a vault without its key stops everything, a key without its vault nothing.
    let key = format!("{}\n", keys.registry_key.expose().trim_end());
    files::write(&under(layout, REGISTRY_KEY_FILE), key.as_bytes())?;
    files::write(&under(layout, VAULT_FILE), sealed)?;
    crash::point(RECOVERY_CRASH_POINTS[0]);
    for name in COMES_BACK {
        let (from, to) = (staged.join(name), layout.state(name));
        if from.is_file() {
            fs::copy(&from, &to).map_err(|error| files::unusable(&to, error))?;
        }
    }
    Ok(())
}

/// Copies whole certificates among what certbot has made here already.
async fn certificates(layout: &Layout, staged: &Path) -> Result<(), Problem> {
    let target = under(layout, CERTIFICATES);
    fs::create_dir_all(&target).map_err(|error| files::unusable(&target, error))?;
    let whole = staged.join(".");
    let paths = [whole.as_path(), target.as_path()].map(|path| path.to_string_lossy().into_owned());
    let fixed = ["--archive", "--remove-destination"].map(str::to_owned);
    let copied = LocalMachine.run(&Command::new("cp", fixed.into_iter().chain(paths))).await;
    match copied.map_err(|error| files::unusable(&target, error))? {
        output if output.success() => Ok(()),
        output => Err(files::unusable(&target, output.tail())),
    }
}

/// The wrong bucket or prefix must not give a customer another one's data.
fn refuse_another_customer(desired: &DesiredServer, staged: &Path) -> Result<(), Problem> {
    let lost: Value = files::read_json(&staged.join("server.json"))?.unwrap_or_default();
    match lost.get("domain").and_then(Value::as_str) {
        Some(domain) if domain == desired.domain.as_str() => Ok(()),
        found => Err(Problem::permanent(
            "NODE088",
            format!(
                "The backups are of {}, not of {}",
                found.unwrap_or("a server without a domain"),
                desired.domain
            ),
            "Give the destination (bucket, prefix) of the server that was lost. Nothing was brought back.",
        )),
    }
}

fn under(layout: &Layout, path: &str) -> PathBuf {
    layout.root().join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
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
        backup::{Destination, RcloneDestination},
        ids::SetId,
        job::{DesiredServer, RestoreFrom},
    };
    use letsbe_vault::{BACKUP_KEY, Origin, Vault};
    use serde_json::json;

    use super::{bring_back, under};
    use crate::{backup::listing, files, layout::Layout, restore::stage::folders, run::recover::read_record};

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
    }

    impl Lost {
        async fn server() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            files::write(&path("key"), b"canary-backup").unwrap();
            let far = path("far");
            let source = Destination::Rclone(RcloneDestination {
                remote: "far".to_owned(),
                path: far.display().to_string(),
                configuration: "[far]\ntype = local\n".into(),
            });
            let programs = Programs { restic: "restic".into(), rclone: "rclone".into() };
            let repository = Repository::new(&programs, Location::folder(&far), &path("key"), &path("cache"));
            repository.ensure(None).await.unwrap();
            let lost = Self { folder, repository, source };
            let state = lost.root().join("opt/letsbe/state");
            let mut vault = Vault::default();
            vault.put(BACKUP_KEY.0, BACKUP_KEY.1, "canary-backup".into(), Origin::Made, noon());
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
            let whole = self.root().join(path);
            let entries = folders::entries(&whole).unwrap();
            let facts = ItemFacts::Files(FilesFacts { ..listing::facts(&whole, entries) });
            let set = SetId::generate();
            let name = Item::Files(path.replace('/', "_"));
            let item = |item: Item| NewItem {
                identity: "old".to_owned(),
                set,
                taken_at,
                tool: part.to_owned(),
                kind: SetKind::Nightly,
                item,
            };
            self.repository.store_files(&item(name.clone()), &[whole], &[]).await.unwrap();
            let manifest = Manifest {
                version: 1,
                set,
                tool: part.to_owned(),
                kind: SetKind::Nightly,
                taken_at,
                identity: "old".to_owned(),
                images: BTreeMap::new(),
                items: [(name.to_string(), facts)].into(),
                consistency: Consistency::Single,
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
        let keys = json!({ "registry_key": registry_key, "backup_key": "canary-backup" });
        files::write_json(&under(&layout, letsbe_provision::backups::RECOVERY_KEYS), &keys).unwrap();
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
            for left in
                ["run/letsbe/recovery-keys.json", "run/letsbe/recovery", "opt/letsbe/backups/recovery"]
            {
                assert!(!folder.path().join(left).exists(), "{left} holds secrets");
            }
            // Again, without keys: it is done.
            bring_back(&layout, &wishes, &lost.restore(at), now).await.unwrap();
        }
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
}
