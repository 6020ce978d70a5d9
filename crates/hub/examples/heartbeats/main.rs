//! How many heartbeats a second the Hub takes: `cargo run --release -p letsbe-hub --example heartbeats`.
//!
//! Two figures, on a database file on this disk (WAL, synchronous=FULL), each with what is in it:
//!
//! * **over HTTPS**: what a server's agent waits for. The Hub's own router behind TLS, on connections that are kept, as
//!   agents keep theirs: TLS records, HTTP, the bounds on time, keys and rates, the log, reading the JSON, checking every
//!   field, rating, the commit, and the answer. The agents are another process on the same processors. Not in it: a
//!   connection's handshake, and the web server that ends TLS in front of a real Hub (here the Hub's process does).
//! * **the ingest alone**: from a heartbeat in memory to the answer after its commit; none of the above.
//!
//! Ends with 1 when a budget is missed. The budget over HTTPS is a share of the ingest alone in the same run, by the
//! processor time that the Hub's process uses for one: agents are elsewhere, and machines are not equally fast.
#![expect(
    clippy::unwrap_used,
    reason = "a program for one purpose: it ends when something is not as expected"
)]

mod agents;
mod hub;
mod sign;

use std::{fs, path::Path, process::ExitCode, sync::Arc, time::Duration};

use letsbe_hub::tenants::Ingest;
use letsbe_store::{Beat, Store, token_hash};
use letsbe_types::clock::SystemClock;

/// Durable heartbeats a second, by the ingest alone.
const INGEST_BUDGET: f64 = 20_000.0;
/// Milliseconds in which the ingest alone answers 99 of 100.
const INGEST_P99: f64 = 50.0;
/// Heartbeats over HTTPS for the processor time of one by the ingest alone, in the same run.
const HTTPS_BUDGET: f64 = 0.5;
/// MiB of the Hub's process at most, with all that it holds for its tenants.
const MEMORY_BUDGET: u64 = 256;
const TENANTS: usize = 10_000;
/// Heartbeats under way at any time; over HTTPS as many connections.
const AT_ONCE: usize = 800;
const WARM_UP: u64 = 20_000;
const BEATS: u64 = 150_000;

/// What senders found.
#[derive(serde::Serialize, serde::Deserialize)]
struct Sent {
    seconds: f64,
    p50: f64,
    p99: f64,
}

impl Sent {
    fn of(elapsed: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1000.0;
        Self { seconds: elapsed.as_secs_f64(), p50: at(50), p99: at(99) }
    }

    fn rate(&self) -> f64 {
        BEATS as f64 / self.seconds
    }

    /// `used` are seconds of processor for all, the warming up too.
    fn print(&self, what: &str, used: f64) {
        let (rate, each) = (self.rate(), used * 1e6 / (WARM_UP + BEATS) as f64);
        println!(
            "{what}: {rate:.0} a second, p50 {:.0} ms, p99 {:.0} ms; {each:.0} µs of processor for one",
            self.p50, self.p99
        );
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    if std::env::args().nth(1).as_deref() == Some(agents::ARGUMENT) {
        agents::run().await;
        return ExitCode::SUCCESS;
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    fs::create_dir_all(&target).unwrap();
    let folder = tempfile::tempdir_in(target).unwrap();
    let file = folder.path().join("hub.sqlite");
    let store = Store::open(&file).await.unwrap();
    hub::add_tenants(&file).await;

    let hub = hub::Hub::start(folder.path(), store.clone()).await;
    let used = hub::processor_seconds();
    let https = agents::measure(&hub).await;
    let https_used = hub::processor_seconds() - used;
    let memory = hub::peak_mib();

    let ingest = Ingest::start(store, Arc::new(SystemClock));
    let used = hub::processor_seconds();
    take(&ingest, WARM_UP).await;
    let alone = take(&ingest, BEATS).await;
    let alone_used = hub::processor_seconds() - used;
    let kept = hub::beats_kept(&file).await;
    assert_eq!(kept, 2 * (WARM_UP + BEATS), "every heartbeat that was answered is there");

    let size = serde_json::to_string(&sign::heartbeat(0)).unwrap().len();
    println!(
        "heartbeats of {size} bytes from {TENANTS} tenants, {AT_ONCE} under way, answered when they are durable"
    );
    https.print("over HTTPS (TLS, HTTP, key, rate, validation, commit)", https_used);
    alone.print("the ingest alone (the commit, none of the others)", alone_used);
    println!("the Hub's process held {memory} MiB at most");
    let share = alone_used / https_used;
    let verdicts = [
        (
            share >= HTTPS_BUDGET,
            format!("over HTTPS {HTTPS_BUDGET} for the processor time of one alone ({share:.2})"),
        ),
        (
            alone.rate() >= INGEST_BUDGET && alone.p99 <= INGEST_P99,
            format!("the ingest alone {INGEST_BUDGET:.0} a second, p99 {INGEST_P99:.0} ms"),
        ),
        (memory <= MEMORY_BUDGET, format!("memory {MEMORY_BUDGET} MiB")),
    ];
    for (met, budget) in &verdicts {
        println!("budget: {budget}: {}", if *met { "met" } else { "MISSED" });
    }
    if verdicts.iter().all(|(met, _)| *met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The key that this tenant's agent has; in the form of a real one.
fn key(tenant: usize) -> String {
    token_hash(&format!("the key of tenant {tenant}"))
}

/// Which tenant sends this one. A stride that shares no factor with the number of tenants: neighbours in time are none
/// on disk.
fn tenant(number: u64) -> usize {
    usize::try_from(number).unwrap() * 7_919 % TENANTS
}

async fn take(ingest: &Ingest, count: u64) -> Sent {
    agents::at_once(count, |number| {
        let ingest = ingest.clone();
        async move {
            let beat = Beat::new(token_hash(&key(tenant(number))), &sign::heartbeat(number)).unwrap();
            ingest.take(beat).await.unwrap().unwrap();
        }
    })
    .await
}
