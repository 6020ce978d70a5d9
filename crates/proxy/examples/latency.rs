//! What the proxy costs: time that it adds to a request, and memory.
//!
//! `cargo run --release -p letsbe-proxy --example latency` measures bodies of 100 KB under 1,000 secrets, and ends
//! with 1 if a budget is missed: 1 ms at the 99th percentile, 30 MiB of memory.

#[path = "../tests/agent/mod.rs"]
mod agent;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use axum::{Json, Router, routing::post};
use letsbe_proxy::Patience;
use letsbe_types::link::{LinkSecret, VaultContent};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime, sync::oneshot};

use crate::agent::{Agent, CLIENT_KEY, Ledger, content};

const SECRETS: usize = 1000;
const BODY_BYTES: usize = 100_000;
const REQUESTS: usize = 3000;
const WARM_UP: usize = 200;
const P99: Duration = Duration::from_millis(1);
const RSS_MIB: f64 = 30.0;

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let upstream = in_thread(upstream);
    let proxy_folder = folder.path().to_owned();
    let proxy = in_thread(async move || agent::proxy(&proxy_folder, Patience::default()).await);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (is_fast, is_small) = runtime.block_on(async {
        let secrets = vault(upstream);
        let body = body(&secrets);
        let ledger = Ledger::new(u64::MAX / 2);
        let guardian = Agent::start(folder.path(), secrets.clone(), &ledger);
        guardian.applied().await;
        let is_fast = latency(upstream, proxy, &body).await;
        let other = tempfile::tempdir().expect("a folder");
        (is_fast, memory(other.path(), secrets, &body).await)
    });
    if is_fast && is_small { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a server on a thread of its own, as it would have at a customer.
fn in_thread<F: Future<Output = SocketAddr>>(start: impl FnOnce() -> F + Send + 'static) -> SocketAddr {
    let (sender, address) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            sender.send(start().await).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    address.blocking_recv().expect("an address")
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

async fn latency(upstream: SocketAddr, proxy: SocketAddr, body: &str) -> bool {
    let client = Client::builder().no_proxy().build().expect("a client");
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + REQUESTS {
        let straight = ask(&client, upstream, body).await;
        let behind = ask(&client, proxy, body).await;
        if number >= WARM_UP {
            direct.push(straight);
            through.push(behind);
        }
    }
    println!("{REQUESTS} requests of {} bytes, {SECRETS} secrets", body.len());
    let mut added = Duration::ZERO;
    for percent in [50, 99] {
        let (direct, through) = (percentile(&mut direct, percent), percentile(&mut through, percent));
        added = through.saturating_sub(direct);
        println!(
            "  p{percent}: direct {direct:>9.1?}  through the proxy {through:>9.1?}  added {added:>9.1?}"
        );
    }
    let is_kept = added <= P99;
    println!("  added at p99: {added:.1?} of {P99:.1?}: {}", if is_kept { "kept" } else { "MISSED" });
    is_kept
}

async fn ask(client: &Client, address: SocketAddr, body: &str) -> Duration {
    let request = client.post(format!("http://{address}/v1/chat/completions")).bearer_auth(CLIENT_KEY);
    let request = request.header("content-type", "application/json").body(body.to_owned());
    let begun = Instant::now();
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    response.bytes().await.expect("a body");
    begun.elapsed()
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
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
async fn memory(folder: &Path, secrets: VaultContent, body: &str) -> bool {
    let binary = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/letsbe-proxy"));
    let Some(program) = Program::start(&binary, folder) else {
        println!("  memory: not measured, there is no {}", binary.display());
        return true;
    };
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
    let is_kept = idle.max(worked) <= RSS_MIB;
    let verdict = if is_kept { "kept" } else { "MISSED" };
    println!(
        "  memory: {idle:.1} MiB idle, {worked:.1} MiB after 300 requests and new secrets, of {RSS_MIB}: {verdict}"
    );
    is_kept
}
