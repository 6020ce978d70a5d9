//! The Hub's own backup with the real restic: made while the Hub is used, brought back elsewhere, and used there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::http::StatusCode;
use letsbe_hub::{
    backups::own,
    config::{HubBackupConfig, HubConfig},
};
use letsbe_store::{Database, Store};
use letsbe_types::{clock::Clock as _, ids::OrderId};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use crate::{
    EMAIL, Hub, PASSWORD,
    tenant::{HEARTBEAT, heartbeat, registered},
    tenant_events::{event, send},
};

/// A configuration whose files all lie in a folder.
fn configured(folder: &Path) -> (HubConfig, PathBuf) {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/hub.example.toml");
    let text = std::fs::read_to_string(example).unwrap();
    let here = |text: String, old: &str| text.replace(old, folder.to_str().unwrap());
    let text = here(here(text, "/etc/letsbe"), "/var/lib/letsbe-hub");
    let file = folder.join("hub.toml");
    std::fs::write(&file, &text).unwrap();
    for (name, content) in [
        ("stripe-webhook-secret", "whsec_canary"),
        ("smtp-url", "smtps://user:password@mail.example.com"),
        ("tenants-key", "private half"),
        ("tenants-key.pub", "public half"),
        ("netcup-token", "refresh token"),
        ("password", "the repository's password"),
    ] {
        std::fs::write(folder.join(name), content).unwrap();
    }
    let job = folder.join("jobs/018f7b1e-0000-7000-8000-000000000001");
    std::fs::create_dir_all(&job).unwrap();
    std::fs::write(job.join("runner-token"), "token of a running job").unwrap();
    (HubConfig::load(&file).unwrap(), file)
}

fn repository(folder: &Path) -> HubBackupConfig {
    HubBackupConfig {
        repository: folder.join("repository").to_str().unwrap().to_owned(),
        password_file: folder.join("password"),
        files: BTreeMap::new(),
    }
}

fn latest(own: &HubBackupConfig) -> own::Source<'_> {
    own::Source { repository: &own.repository, password_file: &own.password_file, snapshot: "latest" }
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_comes_back_from_a_backup_that_was_made_while_it_was_used() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (config, file) = configured(folder.path());
    let (hub, staff) = Hub::at(folder.clone(), "hub.sqlite").await.staffed().await;
    for number in 0..50 {
        hub.order(number).await;
    }
    let own = repository(folder.path());
    let backup = own::backup(&hub.store, &config, &own, &file, hub.clock.now());
    let used = async {
        for number in 50..400 {
            hub.order(number).await;
            let list = hub.get("/api/v1/admin/orders", Some(&staff)).await;
            assert_eq!(list.status, StatusCode::OK);
        }
    };
    let (snapshot, ()) = tokio::join!(backup, used);
    assert!(!snapshot.unwrap().is_empty());
    let status = std::fs::read_to_string(folder.path().join("backup-status.json")).unwrap();
    assert!(status.contains("\"problem\": null"), "{status}");
    assert!(!folder.path().join("backup-staging").exists(), "no copy of the keys is left");

    let elsewhere = tempfile::tempdir().unwrap();
    let rebuild = async |root: &Path| own::rebuild(latest(&own), root, None).await;
    let manifest = rebuild(elsewhere.path()).await.unwrap();
    let data = below(elsewhere.path(), folder.path());
    assert_eq!(std::fs::read(data.join("tenants-key")).unwrap(), b"private half");
    assert_eq!(std::fs::read(data.join("hub.toml")).unwrap(), std::fs::read(&file).unwrap());
    assert!(data.join("jobs/018f7b1e-0000-7000-8000-000000000001/runner-token").exists());
    assert!(!data.join("password").exists(), "the password is not kept in what it opens");
    assert_eq!(Store::inspect(&data.join("hub.sqlite")).await.unwrap(), manifest.counts);
    assert!((50..=400).contains(&manifest.counts.orders) && manifest.counts.staff == 1, "{manifest:?}");
    let again = rebuild(elsewhere.path()).await.unwrap_err();
    assert!(again.code == "DEST005" && again.message.contains("there already"), "{again}");

    let served = tempfile::tempdir().unwrap();
    std::fs::copy(data.join("hub.sqlite"), served.path().join("hub.db")).unwrap();
    let other = Hub::on(Arc::new(served)).await;
    let login = json!({"email": EMAIL, "password": PASSWORD});
    let login = other.json("POST", "/api/v1/admin/login", None, &login).await;
    let key = login.json()["data"]["token"].as_str().unwrap_or_else(|| panic!("{login:?}")).to_owned();
    let list = other.get("/api/v1/admin/orders?pageSize=1", Some(&key)).await.json();
    assert_eq!(list["meta"]["total"], manifest.counts.orders);
    for number in 0..50 {
        let path = format!("/api/v1/admin/orders/{}", crate::order_id(number));
        let (before, after) = (hub.get(&path, Some(&staff)).await, other.get(&path, Some(&key)).await);
        assert_eq!(before.json(), after.json());
    }
    let order = other.get(&format!("/api/v1/admin/orders/{}", OrderId::generate()), Some(&key)).await;
    assert_eq!(order.status, StatusCode::NOT_FOUND);
}

/// A database of PostgreSQL with the schema and no rows.
async fn postgres(folder: &Path, name: &str) -> Database {
    let migrate = async |url: String| {
        Store::open(&url.parse::<Database>().unwrap()).await.unwrap().close().await.unwrap();
    };
    letsbe_test_postgres::database_of(folder, name, migrate).await.parse().unwrap()
}

/// How many rows each table has.
async fn rows(address: &str, names: &str) -> BTreeMap<String, i64> {
    let db = sea_orm::Database::connect(address).await.unwrap();
    let ask = |sql: String| Statement::from_string(db.get_database_backend(), sql);
    let mut found = BTreeMap::new();
    for name in db.query_all_raw(ask(names.to_owned())).await.unwrap() {
        let name: String = name.try_get_by_index(0).unwrap();
        let row = db.query_one_raw(ask(format!("SELECT COUNT(*) FROM {name}"))).await.unwrap().unwrap();
        found.insert(name, row.try_get_by_index(0).unwrap());
    }
    db.close().await.unwrap();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_on_postgresql_comes_back_into_an_empty_postgresql_and_as_sqlite_with_the_same_rows() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (config, file) = configured(folder.path());
    let database = postgres(folder.path(), "used").await;
    let config = HubConfig { database: Some(database.to_string()), ..config };
    let store = Store::open(&database).await.unwrap();
    let (hub, staff) = Hub::with(folder.clone(), store, None).staffed().await;
    let (_, key) = registered(&hub, 1_000).await;
    assert_eq!(hub.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await.status, StatusCode::OK);
    for number in 0..50 {
        hub.order(number).await;
    }
    let own = repository(folder.path());
    let backup = own::backup(&hub.store, &config, &own, &file, hub.clock.now());
    let used = async {
        for number in 50..100 {
            hub.order(number).await;
        }
    };
    let (snapshot, ()) = tokio::join!(backup, used);
    snapshot.unwrap();

    let (as_file, as_postgres) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let manifest = own::rebuild(latest(&own), as_file.path(), None).await.unwrap();
    assert_eq!(manifest.postgres, Some(database.to_string()));
    assert!((51..=101).contains(&manifest.counts.orders) && manifest.counts.tenants == 1, "{manifest:?}");
    let file = below(as_file.path(), folder.path()).join("hub.sqlite");
    assert_eq!(Store::inspect(&file).await.unwrap(), manifest.counts);
    let target = postgres(folder.path(), "rebuilt").await;
    let rebuild = async || own::rebuild(latest(&own), as_postgres.path(), Some(target.clone())).await;
    assert_eq!(rebuild().await.unwrap(), manifest);
    let data = below(as_postgres.path(), folder.path());
    assert!(data.join("hub.toml").exists() && !data.join("hub.sqlite").exists());
    std::fs::remove_dir_all(as_postgres.path()).unwrap();
    let again = rebuild().await.unwrap_err();
    assert!(again.code == "DEST005" && again.message.contains("is not empty"), "{again}");

    let here = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let there = "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'";
    let here = rows(&format!("sqlite://{}?mode=ro", file.display()), here).await;
    assert_eq!(here, rows(&target.to_string(), there).await);
    assert!(here["orders"] > 50 && here["tenant_states"] == 1 && here["timeline"] > 0, "{here:?}");
    let served = Arc::new(tempfile::tempdir().unwrap());
    let rebuilt = Hub::with(served, Store::open(&target).await.unwrap(), None);
    for number in 0..50 {
        let path = format!("/api/v1/admin/orders/{}", crate::order_id(number));
        let (before, after) = (hub.get(&path, Some(&staff)).await, rebuilt.get(&path, Some(&staff)).await);
        assert_eq!(before.json(), after.json());
    }
    assert_eq!(rebuilt.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await.status, StatusCode::OK);

    let beside = sea_orm::Database::connect(database.to_string()).await.unwrap();
    beside.execute_unprepared("CREATE TABLE further (number INTEGER)").await.unwrap();
    beside.close().await.unwrap();
    let refused = own::backup(&hub.store, &config, &own, Path::new("hub.toml"), hub.clock.now()).await;
    let refused = refused.unwrap_err();
    assert!(refused.message.contains("the table further would be left behind"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_hub_hears_an_agent_of_before_and_gets_each_of_its_events_once() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (config, file) = configured(folder.path());
    let hub = Hub::at(folder.clone(), "hub.sqlite").await;
    let (tenant, key) = registered(&hub, 1).await;
    let used = |number: u64| {
        json!({"kind": "tokens_used", "hour": "2026-11-21T11:00:00Z", "model": "openrouter/some-model",
               "input": 1_u64 << number, "output": 0, "requests": 1})
    };
    let told = |numbers: std::ops::RangeInclusive<u64>| -> Vec<Value> {
        numbers.map(|number| event(number, used(number))).collect()
    };
    let heard = async |hub: &Hub| {
        let answer = hub.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["data"]["events_through"].clone()
    };
    assert_eq!(heard(&hub).await, Value::Null, "there is nothing yet");
    assert_eq!(send(&hub, &key, &told(1..=3)).await.status, StatusCode::OK);
    let own = repository(folder.path());
    own::backup(&hub.store, &config, &own, &file, hub.clock.now()).await.unwrap();
    // Taken after the backup: the agent was told so, and the Hub is lost.
    assert_eq!(send(&hub, &key, &told(4..=5)).await.json()["data"]["taken_through"], 5);
    assert_eq!(heard(&hub).await, 5);

    let elsewhere = tempfile::tempdir().unwrap();
    own::rebuild(latest(&own), elsewhere.path(), None).await.unwrap();
    let served = tempfile::tempdir().unwrap();
    let database = below(elsewhere.path(), folder.path()).join("hub.sqlite");
    std::fs::copy(database, served.path().join("hub.db")).unwrap();
    let rebuilt = Hub::on(Arc::new(served)).await;
    assert_eq!(heard(&rebuilt).await, 3, "the agent's own key is known, and it is told what is missing");
    // What the agent does then is `what_a_hub_lost_that_came_back_from_its_backup_waits_again_over_kills`.
    for _ in 0..2 {
        assert_eq!(send(&rebuilt, &key, &told(4..=7)).await.json()["data"]["taken_through"], 7);
    }
    assert_eq!(heard(&rebuilt).await, 7);
    let day = chrono::TimeDelta::days(1);
    let counted = rebuilt.store.tokens(tenant, rebuilt.clock.now() - day).await.unwrap();
    let input: u64 = counted.iter().map(|hour| hour.input).sum();
    assert_eq!(input, (1..=7).map(|number| 1 << number).sum::<u64>(), "each once: {counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_damaged_repository_bring_nothing_back() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (config, file) = configured(folder.path());
    let hub = Hub::at(folder.clone(), "hub.sqlite").await;
    hub.order(1).await;
    let own = repository(folder.path());
    own::backup(&hub.store, &config, &own, &file, hub.clock.now()).await.unwrap();
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "another password").unwrap();
    let target = tempfile::tempdir().unwrap();
    let other = own::Source { password_file: &wrong, ..latest(&own) };
    let refused = own::rebuild(other, target.path(), None).await.unwrap_err();
    assert!(refused.code == "DEST006" && !refused.message.contains("another password"), "{refused}");
    for pack in packs(&folder.path().join("repository/data")) {
        let mut content = std::fs::read(&pack).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        let mut permissions = std::fs::metadata(&pack).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
        std::fs::set_permissions(&pack, permissions).unwrap();
        std::fs::write(&pack, content).unwrap();
    }
    let damaged = own::rebuild(latest(&own), target.path(), None).await;
    assert!(damaged.is_err(), "{damaged:?}");
    assert_eq!(std::fs::read_dir(target.path()).unwrap().count(), 0, "nothing is left of it");
}

fn packs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(packs(&path)) } else { found.push(path) }
    }
    found
}
