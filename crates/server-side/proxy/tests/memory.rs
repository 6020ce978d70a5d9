//! The real program under the largest load that it takes stays within the memory that its container has.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]

mod agent;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use axum::{
    Router,
    body::{Body, Bytes},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures::{StreamExt as _, future::join_all, stream};
use letsbe_types::link::LinkSecret;
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::agent::{Agent, CLIENT_KEY, Ledger, content};

/// Longest body of a request to a model.
const REQUEST_BYTES: usize = 16 * 1024 * 1024;
/// More than there may be at the same time.
const AT_ONCE: usize = 80;
const PIECES: usize = 5_000;
const SECRETS: usize = 1_000;
const LINE: &str =
    "Container letsbe-ghost is healthy: 37 of 40 checks passed, see https://docs.example.com/checks\n";

/// The program, ended with this.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_letsbe-proxy"));
        command.args(["--port", "0", "--guardian"]).arg(folder).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, rest) = line.split_once("address=")?;
            rest.split_whitespace().next()?.parse().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.unwrap() }
    }

    /// The most that it ever held.
    fn peak_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap().div_ceil(1024)
    }

    async fn ask(&self, body: Vec<u8>) -> reqwest::Response {
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("http://{}/v1/chat/completions", self.address));
        let request = request.bearer_auth(CLIENT_KEY).header(CONTENT_TYPE, "application/json");
        request.body(body).send().await.unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A provider that answers with a word, or with a long stream.
async fn provider() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/v1/chat/completions", post(answer))
        .layer(axum::extract::DefaultBodyLimit::max(2 * REQUEST_BYTES));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn answer(asked: Bytes) -> Response {
    // Not the whole of it: what the proxy adds to a stream's request stands at its beginning.
    let beginning = String::from_utf8_lossy(&asked[..asked.len().min(200)]);
    if !beginning.contains("\"stream_options\"") {
        let message = json!({ "role": "assistant", "content": "Done." });
        let answer = json!({ "choices": [{ "index": 0, "finish_reason": "stop", "message": message }] });
        return ([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response();
    }
    let piece = |text: &str, end: Value| {
        let choice = json!({ "index": 0, "delta": { "content": text }, "finish_reason": end });
        format!("data: {}\n\n", json!({ "choices": [choice] }))
    };
    let pieces = (0..PIECES).map(move |_| piece(LINE, Value::Null));
    let end = format!("{}data: [DONE]\n\n", piece("", "stop".into()));
    let events = stream::iter(pieces.chain([end]).map(Ok::<_, std::io::Error>));
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

fn chat(bytes: usize, stream: bool) -> Vec<u8> {
    let messages: Vec<Value> = (0..)
        .map(|number| json!({ "role": "user", "content": format!("{number}: {}", LINE.repeat(40)) }))
        .take(bytes / (LINE.len() * 42))
        .collect();
    let body = json!({ "model": "assistant", "messages": messages, "stream": stream }).to_string();
    assert!(body.len() <= bytes);
    body.into_bytes()
}

/// What the container may have.
fn limit_mib() -> u64 {
    let compose = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog/platform/secrets-proxy/compose.yml");
    let compose = fs::read_to_string(compose).unwrap();
    let limit = compose.lines().find_map(|line| line.trim().strip_prefix("mem_limit: ")).unwrap();
    limit.strip_suffix('m').unwrap().parse().unwrap()
}

/// What is built for tests needs more for its code than a release; its data are the same.
#[tokio::test]
async fn the_longest_body_many_at_once_and_a_long_stream_stay_within_the_containers_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut secrets = content(&[], &[format!("http://{}/v1", provider().await)]);
    secrets.secrets.extend((0..SECRETS).map(|number| {
        LinkSecret {
            name: format!("tool{number}/password"),
            value: format!(
                "{:032x}",
                (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            )
            .as_str()
            .into(),
        }
    }));
    let program = Program::start(folder.path());
    let agent = Agent::start(folder.path(), secrets, &Ledger::new(u64::MAX / 2));
    agent.applied().await;
    let mut peaks = vec![("with the secrets", program.peak_mib())];

    let streamed = program.ask(chat(10_000, true)).await;
    assert_eq!(streamed.status(), 200);
    let mut answer = streamed.bytes_stream();
    let mut bytes = 0;
    while let Some(chunk) = answer.next().await {
        bytes += chunk.unwrap().len();
    }
    assert!(bytes > PIECES * LINE.len(), "the stream came whole: {bytes}");
    peaks.push(("a long stream", program.peak_mib()));

    let answers = join_all((0..AT_ONCE).map(|_| program.ask(chat(100_000, false)))).await;
    let answered = answers.iter().filter(|answer| answer.status() == 200).count();
    assert!(answered >= AT_ONCE / 2, "{answered}");
    peaks.push(("many at once", program.peak_mib()));

    let largest = program.ask(chat(REQUEST_BYTES, false)).await;
    assert_eq!(largest.status(), 200, "{:?}", largest.text().await);
    peaks.push(("the longest body", program.peak_mib()));

    let peak = peaks.last().map(|(_, peak)| *peak).unwrap();
    assert!(peak <= limit_mib(), "{peaks:?} MiB, of {}", limit_mib());
    println!("{peaks:?}");
}
