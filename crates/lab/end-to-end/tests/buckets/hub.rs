//! The Hub's part: a bucket and a key for each order, made once and found again, in the job that goes to the server;
//! and what is seen from outside when somebody uses that key.

use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use letsbe_buckets::Account;
use letsbe_catalog::Catalog;
use letsbe_hub::{
    backups::{storage::Storage, watch},
    config::{KeysFrom, S3Config},
    worker::Worker,
};
use letsbe_lifecycle::order::{Event, Pace};
use letsbe_store::{NewOrder, Store};
use letsbe_types::{
    Region, Tier,
    backup::{Destination, Protection, S3Destination},
    backups::AlarmKind,
    clock::{Clock, ManualClock},
    ids::{OrderId, ServerId, ServerIdentity},
    job::ProvisionJob,
};

use crate::{checks, worker::worker};

/// A Hub whose provisioner only keeps what it was given.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    storage: Storage,
}

impl Bench {
    pub(crate) async fn new(operator: &Account) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str, mode: u32| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            path
        };
        let (service, key) = (operator.service(), operator.key());
        let config = S3Config {
            endpoint: service.endpoint.clone(),
            region: service.region.clone(),
            iam_endpoint: None,
            iam_region: None,
            access_key_id_file: write("key-id", &key.id, 0o600),
            secret_access_key_file: write("key", key.secret.expose(), 0o600),
            bucket_prefix: "letsbe".into(),
            lock_days: 35,
            keys: KeysFrom::Iam,
            count_every: 3_600,
        };
        write("key.pub", "ssh-ed25519 AAAA hub", 0o644);
        let provisioner =
            format!("#!/bin/sh\ncat > {0}/job.new && mv {0}/job.new {0}/job.json\n", folder.path().display());
        write("provisioner", &provisioner, 0o755);
        let store = Store::open(&folder.path().join("hub.db")).await.expect("opens");
        Self { storage: Storage::open(&config).expect("opens"), store, folder }
    }

    fn job_file(&self) -> PathBuf {
        self.folder.path().join("job.json")
    }

    fn worker(&self) -> Worker {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
        let catalog = Arc::new(Catalog::load(&root).expect("the catalog"));
        Worker {
            pace: Pace { retries: [TimeDelta::milliseconds(50); 3], ..Pace::default() },
            lease: TimeDelta::seconds(5),
            storage: Some(self.storage.clone()),
            ..worker(self.store.clone(), catalog, self.folder.path())
        }
    }

    async fn order(&self) -> OrderId {
        let new = NewOrder {
            id: OrderId::generate(),
            domain: "shop.example".parse().expect("a name"),
            email: "owner@shop.example".parse().expect("an address"),
            tier: Tier::Build,
            region: Region::Eu,
            tools: vec!["uptime-kuma".into()],
            identity: ServerIdentity("identity".into()),
        };
        self.store.create_order(&new, Utc::now()).await.expect("stored");
        let server = ServerId("manual:1".into());
        let address = [192, 0, 2, 7].into();
        let (pace, now) = (Pace::default(), Utc::now());
        self.store.apply(new.id, &Event::PaymentReceived, None, &pace, now).await.expect("paid");
        for event in [Event::ServerClaimed { server }, Event::ServerInstalled { address }, Event::DnsComplete]
        {
            let leased = self.store.lease_effect("test", TimeDelta::seconds(30), now).await.expect("read");
            let leased = leased.expect("an effect waits");
            self.store.finish_effect(&leased, &event, &pace, now).await.expect("done");
        }
        new.id
    }

    /// What the next provisioner is given.
    async fn given(&self, order: OrderId) -> S3Destination {
        let _ = std::fs::remove_file(self.job_file());
        let working = tokio::spawn(Arc::new(self.worker()).run());
        let text = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                match std::fs::read(self.job_file()) {
                    Ok(text) => return text,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        let Ok(text) = text.await else {
            panic!("no provisioner was started: {:?}", self.store.timeline(order, 0, 100).await);
        };
        working.abort();
        let job: ProvisionJob = serde_json::from_slice(&text).expect("a job");
        match job.desired.backups {
            Some(Destination::S3(s3)) => s3,
            other => panic!("no bucket: {other:?}"),
        }
    }
}

pub(crate) async fn an_orders_bucket_and_key_are_made_once_and_go_with_its_job(
    bench: &Bench,
) -> S3Destination {
    let order = bench.order().await;
    let first = bench.given(order).await;
    assert_eq!(first.protection, Protection::Locked { days: 35 });
    assert_eq!(
        (first.bucket.as_str(), first.prefix.as_str()),
        (bench.storage.bucket(order).as_str(), order.to_string().as_str())
    );
    // A provisioner that ended without a result is started again for the same job, with the same key.
    let second = bench.given(order).await;
    assert_eq!(second, first);
    let keys = bench.storage.account.access_keys(&first.bucket).await.expect("keys");
    assert_eq!(keys, std::slice::from_ref(&first.access_key_id));
    let known = bench.store.destination(order).await.expect("read").expect("known");
    assert_eq!((known.access_key_id.as_ref(), known.watched), (Some(&first.access_key_id), true));
    let lines = bench.store.timeline(order, 0, 1_000).await.expect("lines");
    let told = lines.iter().filter(|line| line.message.contains("locked for 35 days")).count();
    assert_eq!(told, 1, "{lines:?}");
    for entry in walkdir::WalkDir::new(bench.folder.path().join("jobs")) {
        let entry = entry.expect("read");
        let mode = entry.metadata().expect("facts").permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{}", entry.path().display());
    }
    // The Hub lost the secret half on its way: a new key is made, and the old one is dead.
    let made = bench.storage.make(order).await.expect("made again");
    let Destination::S3(made) = made else { panic!("a bucket") };
    assert_ne!(made.access_key_id, first.access_key_id);
    let keys = bench.storage.account.access_keys(&first.bucket).await.expect("keys");
    assert_eq!(keys, std::slice::from_ref(&made.access_key_id));
    made
}

pub(crate) async fn what_a_thief_deletes_is_seen_from_outside(bench: &Bench, tenant: &S3Destination) {
    let order: OrderId = tenant.prefix.parse().expect("an order");
    let key = (tenant.access_key_id.as_str(), tenant.secret_access_key.expose().as_str());
    let account = bench.storage.account.with_key(key.into());
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..100 {
        std::fs::write(folder.path().join(format!("{number:04}")), "1234567").expect("written");
    }
    let to = format!("there:{}/{}", tenant.bucket, tenant.prefix);
    checks::rclone(&account, &["copy", "--s3-no-check-bucket", folder.path().to_str().expect("a path"), &to])
        .await;
    let clock = ManualClock::at(Utc::now());
    let round = async || watch::round(&bench.store, &bench.storage, &clock).await.expect("looked");
    round().await;
    assert_eq!(bench.store.alarms(order).await.expect("alarms"), []);
    checks::rclone(&account, &["delete", "--include", "00[0-4]*", &to]).await;
    clock.advance(TimeDelta::hours(1));
    round().await;
    let alarms = bench.store.alarms(order).await.expect("alarms");
    let kinds: BTreeSet<AlarmKind> = alarms.iter().map(|alarm| alarm.kind).collect();
    assert_eq!(kinds, [AlarmKind::Shrunk, AlarmKind::Replaced].into(), "{alarms:?}");
    assert!(
        alarms.iter().all(|alarm| alarm.began_at == clock.now() && alarm.message.contains("100")),
        "{alarms:?}"
    );
}
