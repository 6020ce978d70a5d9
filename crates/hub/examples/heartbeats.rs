//! How many heartbeats a second the Hub takes: `cargo run --release -p letsbe-hub --example heartbeats`.
//!
//! Measured is the ingest service: from a heartbeat in memory (its key is hashed, it is written as JSON) to the answer
//! after its commit, on a database file on this disk (WAL, synchronous=FULL). HTTP, TLS, reading the JSON and
//! checking its fields are not part of it: a whole request costs more. Ends with 1 when the budget is missed.
#![expect(
    clippy::unwrap_used,
    reason = "a program for one purpose: it ends when something is not as expected"
)]

use std::{
    fs,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use letsbe_hub::tenants::Ingest;
use letsbe_store::{Beat, Store, token_hash};
use letsbe_types::{
    clock::SystemClock,
    tenant::{
        BackupSign, ContainerSign, ContainerState, Heartbeat, LogHead, OpenClawSign, TokenSign, UpdateSign,
        VaultSign, limits,
    },
};
use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};

/// Durable heartbeats a second.
const BUDGET: f64 = 20_000.0;
/// Milliseconds in which 99 of 100 are answered.
const P99: f64 = 50.0;
const TENANTS: usize = 10_000;
/// Containers of each tenant.
const CONTAINERS: usize = 12;
/// Heartbeats under way at any time.
const AT_ONCE: usize = 800;
const WARM_UP: u64 = 20_000;
const BEATS: u64 = 300_000;

#[tokio::main]
async fn main() -> ExitCode {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    fs::create_dir_all(&target).unwrap();
    let folder = tempfile::tempdir_in(target).unwrap();
    let file = folder.path().join("hub.sqlite");
    let store = Store::open(&file).await.unwrap();
    add_tenants(&file).await;
    let ingest = Ingest::start(store, Arc::new(SystemClock));
    send(&ingest, WARM_UP).await;
    let started = Instant::now();
    let mut latencies = send(&ingest, BEATS).await;
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(beats_kept(&file).await, WARM_UP + BEATS, "every heartbeat that was answered is there");
    let rate = BEATS as f64 / seconds;
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    let size = serde_json::to_string(&heartbeat()).unwrap().len();
    let met = rate >= BUDGET && at(99) <= P99;
    let verdict = if met { "met" } else { "MISSED" };
    println!(
        "heartbeats: {rate:.0} a second, durable ({BEATS} of {size} bytes from {TENANTS} tenants in {seconds:.1} s; \
         {AT_ONCE} under way: p50 {:.0} ms, p99 {:.0} ms)\nbudget: {BUDGET:.0} a second, p99 {P99:.0} ms: {verdict}",
        at(50),
        at(99),
    );
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn key(tenant: usize) -> String {
    format!("the-key-of-tenant-{tenant}")
}

/// As many agents as asked for, without the orders that they would belong to.
async fn add_tenants(file: &Path) {
    let db = Database::connect(format!("sqlite://{}", file.display())).await.unwrap();
    let hashes: Vec<String> = (0..TENANTS).map(|tenant| token_hash(&key(tenant))).collect();
    let insert = "INSERT INTO agents (order_id, key_hash, node_version, registered_at) \
                  SELECT randomblob(16), value, '0.1.0', '2026-11-21 12:00:00+00:00' FROM json_each(?)";
    let hashes = serde_json::to_string(&hashes).unwrap();
    db.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, insert, [hashes.into()])).await.unwrap();
    let configure = "INSERT INTO tenant_configurations \
                     (order_id, version, autonomy, external_unlocked, token_pool, escrow_recipients) \
                     SELECT order_id, 1, 1, '[]', 1000000, '[]' FROM agents";
    db.execute_unprepared(configure).await.unwrap();
}

async fn beats_kept(file: &Path) -> u64 {
    let db = Database::connect(format!("sqlite://{}", file.display())).await.unwrap();
    let sum = Statement::from_string(DbBackend::Sqlite, "SELECT SUM(beats) AS beats FROM tenant_rollups");
    let beats: i64 = db.query_one_raw(sum).await.unwrap().unwrap().try_get("", "beats").unwrap();
    u64::try_from(beats).unwrap()
}

async fn send(ingest: &Ingest, count: u64) -> Vec<Duration> {
    let next = Arc::new(AtomicU64::new(0));
    let example = Arc::new(heartbeat());
    let mut senders = Vec::new();
    for _ in 0..AT_ONCE {
        let (ingest, next, example) = (ingest.clone(), next.clone(), example.clone());
        senders.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return latencies;
                }
                // A stride that shares no factor with the number of tenants: neighbours in time are none on disk.
                let tenant = usize::try_from(number).unwrap() * 7_919 % TENANTS;
                let started = Instant::now();
                let beat = Beat::new(token_hash(&key(tenant)), &example).unwrap();
                ingest.take(beat).await.unwrap().unwrap();
                latencies.push(started.elapsed());
            }
        }));
    }
    let mut latencies = Vec::new();
    for sender in senders {
        latencies.extend(sender.await.unwrap());
    }
    latencies
}

fn heartbeat() -> Heartbeat {
    let at: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
    let container = |number| ContainerSign {
        name: format!("letsbe-some-tool-{number}"),
        state: ContainerState::Fine,
        restarts: 0,
        restarts_last_hour: 0,
        out_of_memory: false,
    };
    Heartbeat {
        version: limits::HEARTBEAT_VERSION,
        node_version: "0.1.0".into(),
        sent_at: at,
        uptime_seconds: 1_000_000,
        disk_used_percent: 42,
        memory_used_mib: 6_000,
        agent_memory_mib: 24,
        containers: (0..CONTAINERS).map(container).collect(),
        tokens: TokenSign { period: "2026-11".into(), pool: 15_000_000, used: 4_000_000, reserved: 8_192 },
        backup: Some(BackupSign { at, succeeded: true, bytes: 4_000_000_000, ..BackupSign::default() }),
        certificate_expires_at: Some(at),
        updates: vec![UpdateSign { image: "ghost:6".into(), digest: None, seen_at: at }],
        drift: None,
        openclaw: Some(OpenClawSign { version: Some("2026.9".into()), healthy: true, release: None }),
        vault: VaultSign { secrets: 120, proxy_ready: true, ..VaultSign::default() },
        approvals_pending: 0,
        events_waiting: 0,
        events_dropped: 0,
        configuration: 1,
        gate_log: LogHead { entry: 5_000, hash: "ab".repeat(32) },
        gate_chain: None,
    }
}
