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
//! Both take turns, and medians count. How far rounds of other work of the processor differ says whether the machine was
//! quiet. The budget over HTTPS is a share of the ingest alone, by the processor time that the Hub's process uses for
//! one: agents are elsewhere, and machines are not equally fast. Ends with 1 when a budget is missed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for one purpose: it ends when something is not as expected"
)]

mod agents;
mod hub;
mod sign;

use std::{
    fs,
    ops::Range,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use letsbe_budget::{Budget, Line, median, percentile, ratios};
use letsbe_hub::tenants::Ingest;
use letsbe_store::{Beat, Store, token_hash};
use letsbe_types::{clock::SystemClock, tenant::Heartbeat};

/// Heartbeats over HTTPS for the processor time of one by the ingest alone, in the same run.
const HTTPS_BUDGET: f64 = 0.5;
/// MiB of the Hub's process at most, with all that it holds for its tenants, and the heartbeats of a round of the ingest
/// alone, which are built before it begins.
const MEMORY_BUDGET: f64 = 256.0;
const TENANTS: usize = 10_000;
/// Heartbeats under way at any time; over HTTPS as many connections.
const AT_ONCE: usize = 800;
/// Heartbeats before the first round, each way.
const WARM_UP: u64 = 20_000;
const ROUNDS: u64 = 9;
/// Heartbeats of a round, each way.
const BEATS: u64 = 15_000;

/// What senders found.
#[derive(serde::Serialize, serde::Deserialize)]
struct Sent {
    seconds: f64,
    p50: f64,
    p99: f64,
}

impl Sent {
    fn of(elapsed: Duration, milliseconds: &[f64]) -> Self {
        let at = |share| percentile(milliseconds, share);
        Self { seconds: elapsed.as_secs_f64(), p50: at(50), p99: at(99) }
    }
}

/// All rounds of one way.
#[derive(Default)]
struct Rounds {
    sent: Vec<Sent>,
    /// Microseconds of the Hub's processor time for one heartbeat.
    used: Vec<f64>,
    /// Of that, in the kernel.
    kernel: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, sent: Sent, before: hub::Used, after: hub::Used) {
        let each = |seconds: f64| seconds * 1e6 / BEATS as f64;
        self.sent.push(sent);
        self.used.push(each(after.all() - before.all()));
        self.kernel.push(each(after.kernel - before.kernel));
    }

    fn of(&self, number: impl Fn(&Sent) -> f64) -> Vec<f64> {
        self.sent.iter().map(number).collect()
    }

    fn rates(&self) -> Vec<f64> {
        self.of(|sent| BEATS as f64 / sent.seconds)
    }

    fn print(&self, what: &str) {
        let (p50, p99) = (median(&self.of(|sent| sent.p50)), median(&self.of(|sent| sent.p99)));
        println!(
            "{what}: {:.0} a second, p50 {p50:.0} ms, p99 {p99:.0} ms; {:.0} µs of processor for one, {:.0} in the kernel",
            median(&self.rates()),
            median(&self.used),
            median(&self.kernel)
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
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target");
    fs::create_dir_all(&target).unwrap();
    let folder = tempfile::tempdir_in(target).unwrap();
    let file = folder.path().join("hub.sqlite");
    let store = Store::open(&file).await.unwrap();
    hub::add_tenants(&file).await;
    let hub = hub::Hub::start(folder.path(), store.clone()).await;
    let mut agents = agents::Agents::start(&hub);
    let ingest = Ingest::start(store, Arc::new(SystemClock));

    let (mut https, mut alone) = (Rounds::default(), Rounds::default());
    agents.send(0..WARM_UP).await;
    take(&ingest, built(0..WARM_UP)).await;
    let mut building = Vec::new();
    let agents_before = hub::Used::of(agents.id());
    for round in 0..ROUNDS {
        let beats = WARM_UP + round * BEATS..WARM_UP + (round + 1) * BEATS;
        let before = hub::Used::of_this();
        let sent = agents.send(beats.clone()).await;
        https.add(sent, before, hub::Used::of_this());
        let (beats, took) = seconds(|| built(beats));
        building.push(took);
        let before = hub::Used::of_this();
        let sent = take(&ingest, beats).await;
        alone.add(sent, before, hub::Used::of_this());
    }
    let agents_used = hub::Used::of(agents.id()).all() - agents_before.all();
    let kept = hub::beats_kept(&file).await;
    assert_eq!(kept, 2 * (WARM_UP + ROUNDS * BEATS), "every heartbeat that was answered is there");

    let size = serde_json::to_string(&sign::heartbeat(0)).unwrap().len();
    println!(
        "heartbeats of {size} bytes from {TENANTS} tenants, {AT_ONCE} under way, answered when they are durable; \
         {ROUNDS} rounds of {BEATS}, medians"
    );
    https.print("over HTTPS (TLS, HTTP, key, rate, validation, commit)");
    alone.print("the ingest alone (the commit, none of the others)");
    println!(
        "the agents, not counted, on the same processors: {:.0} µs for one",
        agents_used * 1e6 / (ROUNDS * BEATS) as f64
    );
    let lines = judged(&https, &alone, &building);
    lines.iter().for_each(|line| println!("{line}"));
    letsbe_budget::exit(&lines)
}

/// `building`: seconds of other work of the processor, between the rounds.
fn judged(https: &Rounds, alone: &Rounds, building: &[f64]) -> [Line; 2] {
    let memory = hub::peak_mib() as f64;
    [
        Line::timed(
            "over HTTPS for the processor time of one alone",
            &ratios(&alone.used, &https.used),
            Budget::AtLeast(HTTPS_BUDGET),
            &[building],
        ),
        Line::fixed("memory of the Hub's process, MiB", memory, Budget::AtMost(MEMORY_BUDGET)),
    ]
}

/// What this gives, and how long it takes.
fn seconds<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let given = run();
    (given, started.elapsed().as_secs_f64())
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

/// These heartbeats, each with the hash of its agent's key.
fn built(beats: Range<u64>) -> Vec<(String, Heartbeat)> {
    beats.map(|number| (token_hash(&key(tenant(number))), sign::heartbeat(number))).collect()
}

/// Nothing is built here that a Hub would not build.
async fn take(ingest: &Ingest, beats: Vec<(String, Heartbeat)>) -> Sent {
    agents::at_once(beats.into_iter(), |(key_hash, heartbeat)| {
        let ingest = ingest.clone();
        async move {
            let beat = Beat::new(key_hash, &heartbeat).unwrap();
            ingest.take(beat).await.unwrap().unwrap();
        }
    })
    .await
}
