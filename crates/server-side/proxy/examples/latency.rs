//! What the proxy costs: time that it adds to a request, and memory.
//!
//! `cargo run --release -p letsbe-proxy --example latency` measures bodies of 100 KB under 1,000 secrets. What it adds is
//! what a request through it takes longer than one straight to the provider; beside it stands what it takes to redact the
//! same body alone, and what `serde_json` takes to read and write it. All four take turns, each many times; what is added
//! is counted pair by pair, and its percentiles are those of a round. How far the requests straight to the provider and
//! serde_json's runs differ says whether the machine was quiet. Ends with 1 if a budget is missed.

#[path = "../tests/agent/mod.rs"]
mod agent;

use std::{
    hint::black_box,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::Instant,
};

use axum::{Json, Router, routing::post};
use letsbe_budget::{Budget, Line, differences, median, percentile, ratios};
use letsbe_proxy::Patience;
use letsbe_redact::{KnownSecret, Redactor};
use letsbe_types::link::{LinkSecret, VaultContent};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime, sync::oneshot};

use crate::agent::{Agent, CLIENT_KEY, Ledger, content};

const SECRETS: usize = 1000;
const BODY_BYTES: usize = 100_000;
const ROUNDS: usize = 10;
/// Requests of a round.
const ROUND: usize = 300;
const REQUESTS: usize = ROUNDS * ROUND;
const WARM_UP: usize = 200;
/// What is added at a percentile, of what redacting the body takes alone at the same.
const OF_REDACTION: [(usize, f64); 2] = [(50, 1.4), (99, 2.0)];
const RSS_MIB: f64 = 30.0;

fn main() -> ExitCode {
    let binary = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/release/letsbe-proxy"));
    if !binary.is_file() {
        eprintln!("There is no {}. Type: cargo build --release -p letsbe-proxy --bins", binary.display());
        return ExitCode::FAILURE;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (upstream, _) = in_thread(upstream);
    let proxy_folder = folder.path().to_owned();
    let (proxy, of_proxy) = in_thread(async move || agent::proxy(&proxy_folder, Patience::default()).await);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let lines = runtime.block_on(async {
        let secrets = vault(upstream);
        let body = body(&secrets);
        let ledger = Ledger::new(u64::MAX / 2);
        let guardian = Agent::start(folder.path(), secrets.clone(), &ledger);
        guardian.applied().await;
        let mut lines = latency(upstream, proxy, &of_proxy, &secrets, &body).await;
        let other = tempfile::tempdir().expect("a folder");
        lines.extend(memory(&binary, other.path(), secrets, &body).await);
        lines
    });
    lines.iter().for_each(|line| println!("{line}"));
    letsbe_budget::exit(&lines)
}

/// Runs a server on a thread of its own, as it would have at a customer: its address, and where the kernel counts what
/// the thread uses.
fn in_thread<F: Future<Output = SocketAddr>>(
    start: impl FnOnce() -> F + Send + 'static,
) -> (SocketAddr, PathBuf) {
    let (sender, started) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            sender.send((start().await, this_thread())).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    started.blocking_recv().expect("an address")
}

fn this_thread() -> PathBuf {
    Path::new("/proc").join(std::fs::read_link("/proc/thread-self").expect("a thread"))
}

/// Milliseconds of processor time that a thread has used so far.
fn used(thread: &Path) -> f64 {
    let counted = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    counted.split(' ').next().and_then(|used| used.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e6
}

async fn upstream() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = |_: axum::body::Bytes| async {
        Json(json!({
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Done." } }],
            "usage": { "prompt_tokens": 25_000, "completion_tokens": 3 },
        }))
    };
    let router = Router::new().route("/v1/chat/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A thousand secrets of the kinds that the vault makes.
fn vault(upstream: SocketAddr) -> VaultContent {
    let mut content = content(&[], &[format!("http://{upstream}/v1")]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let secret = |number: usize| {
        let hex: String = (0..4).map(|_| format!("{:016x}", next())).collect();
        let value = if number.is_multiple_of(2) { hex } else { format!("{}+/{}=", &hex[..20], &hex[20..40]) };
        LinkSecret { name: format!("tool{number}/password"), value: value.as_str().into() }
    };
    content.secrets.extend((0..SECRETS - content.secrets.len()).map(secret));
    content
}

/// A conversation of this length, with a few secrets in it.
fn body(content: &VaultContent) -> String {
    let mut messages: Vec<Value> = Vec::new();
    let mut bytes = 0;
    for number in 0.. {
        let secret = &content.secrets[(number * 37) % content.secrets.len()].value;
        let mut text = String::new();
        for line in 0..60 {
            text.push_str(&format!(
                "{line:>3}  Container letsbe-ghost is healthy, {} requests\n",
                number * line
            ));
        }
        if number % 8 == 0 {
            text.push_str(&format!("DATABASE_PASSWORD=\"{}\"\n", secret.expose()));
        }
        bytes += text.len();
        messages.push(json!({ "role": if number % 2 == 0 { "user" } else { "assistant" }, "content": text }));
        if bytes >= BODY_BYTES {
            break;
        }
    }
    json!({ "model": "assistant", "messages": messages }).to_string()
}

async fn latency(
    upstream: SocketAddr,
    proxy: SocketAddr,
    of_proxy: &Path,
    secrets: &VaultContent,
    body: &str,
) -> Vec<Line> {
    let client = Client::builder().no_proxy().build().expect("a client");
    let known = secrets
        .secrets
        .iter()
        .map(|LinkSecret { name, value }| KnownSecret { name: name.clone(), value: value.clone() });
    let redactor = Redactor::new(known).expect("a thousand secrets fit");
    let mut times: [Vec<f64>; 4] = Default::default();
    let redact = || redactor.json_body(body.as_bytes()).expect("the body is JSON");
    let before = used(of_proxy);
    for number in 0..WARM_UP + REQUESTS {
        let run = [
            ask(&client, upstream, body).await,
            ask(&client, proxy, body).await,
            milliseconds(redact),
            milliseconds(|| with_serde(body)),
        ];
        if number >= WARM_UP {
            times.iter_mut().zip(run).for_each(|(times, time)| times.push(time));
        }
    }
    let proxy = (used(of_proxy) - before) / (WARM_UP + REQUESTS) as f64;
    // The kernel counts from tick to tick: many in a row.
    let (here, before) = (this_thread(), used(&this_thread()));
    (0..REQUESTS).for_each(|_| drop(black_box(redact())));
    let alone = (used(&here) - before) / REQUESTS as f64;
    println!("{REQUESTS} requests of {} bytes, {SECRETS} secrets; milliseconds", body.len());
    println!(
        "  processor time of one: the proxy's thread {proxy:.3}, with both connections; redaction alone {alone:.3}: \
         {:.2} times",
        proxy / alone
    );
    judged(&times)
}

/// Of the times straight, through the proxy, of redaction alone and of `serde_json`.
fn judged(times: &[Vec<f64>; 4]) -> Vec<Line> {
    let [direct, through, redaction, serde] = times.each_ref().map(Vec::as_slice);
    let added = differences(through, direct);
    let quiet = [direct, serde];
    let mut lines = Vec::new();
    for (percent, most) in OF_REDACTION {
        let of_rounds = |times: &[f64]| -> Vec<f64> {
            times.chunks(ROUND).map(|round| percentile(round, percent)).collect()
        };
        let [direct, through, serde] = [direct, through, serde].map(|times| median(&of_rounds(times)));
        let (added, redaction) = (of_rounds(&added), of_rounds(redaction));
        println!(
            "  p{percent}: direct {direct:.3}, through the proxy {through:.3}, added {:.3}; redaction alone {:.3}, \
             serde_json {serde:.3}: added is {:.2} times serde_json",
            median(&added),
            median(&redaction),
            median(&added) / serde
        );
        let what = format!("added at p{percent}, of redaction's p{percent} alone");
        lines.push(Line::timed(what, &ratios(&added, &redaction), Budget::AtMost(most), &quiet));
    }
    lines
}

/// `serde_json` reads and writes this.
fn with_serde(body: &str) -> Vec<u8> {
    let value: Value = serde_json::from_str(body).expect("the body is JSON");
    serde_json::to_vec(&value).expect("JSON")
}

fn milliseconds<T>(run: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    black_box(run());
    begun.elapsed().as_secs_f64() * 1000.0
}

async fn ask(client: &Client, address: SocketAddr, body: &str) -> f64 {
    let request = client.post(format!("http://{address}/v1/chat/completions")).bearer_auth(CLIENT_KEY);
    let request = request.header("content-type", "application/json").body(body.to_owned());
    let begun = Instant::now();
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    response.bytes().await.expect("a body");
    begun.elapsed().as_secs_f64() * 1000.0
}

/// The real program, ended with this.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(binary: &Path, folder: &Path) -> Option<Self> {
        let mut command = Command::new(binary);
        command.args(["--port", "0", "--guardian"]).arg(folder).stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        let mut lines = BufReader::new(child.stderr.take()?).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, rest) = line.split_once("address=")?;
            rest.split_whitespace().next()?.parse().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, address: address? })
    }

    fn rss_mib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Memory of the real program: after it has the secrets, and after a few hundred requests.
async fn memory(binary: &Path, folder: &Path, secrets: VaultContent, body: &str) -> [Line; 2] {
    let program = Program::start(binary, folder).expect("the proxy starts and says where");
    let ledger = Ledger::new(u64::MAX / 2);
    let agent = Agent::start(folder, secrets, &ledger);
    agent.applied().await;
    let idle = program.rss_mib().unwrap_or(f64::MAX);
    let client = Client::builder().no_proxy().build().expect("a client");
    for _ in 0..300 {
        ask(&client, program.address, body).await;
    }
    agent.change(|_| ()).await;
    let worked = program.rss_mib().unwrap_or(f64::MAX);
    let memory = [("idle", idle), ("after 300 requests and new secrets", worked)];
    let line = |(when, mib)| Line::fixed(format!("memory {when}, MiB"), mib, Budget::AtMost(RSS_MIB));
    memory.map(line)
}
