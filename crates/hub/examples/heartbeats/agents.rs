//! The agents: a process of their own, so that what the Hub uses is the Hub's.

use std::{
    future::Future,
    io::{Read as _, Write as _},
    process::{Command, Stdio},
    time::Instant,
};

use reqwest::{Certificate, Client, redirect::Policy};

use crate::{AT_ONCE, BEATS, Sent, WARM_UP, hub::Hub, key, sign, tenant};

/// Makes this program the agents.
pub(crate) const ARGUMENT: &str = "agents";

/// Starts the agents and waits for what they found.
pub(crate) async fn measure(hub: &Hub) -> Sent {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([ARGUMENT, &hub.port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(hub.certificate_pem.as_bytes()).unwrap();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    assert!(output.status.success(), "an agent was refused");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Sends what is to be sent; the Hub's certificate is read from standard input.
pub(crate) async fn run() {
    let port = std::env::args().nth(2).unwrap();
    let mut certificate = String::new();
    std::io::stdin().read_to_string(&mut certificate).unwrap();
    let client = Client::builder()
        .tls_certs_only([Certificate::from_pem(certificate.as_bytes()).unwrap()])
        .redirect(Policy::none())
        .pool_max_idle_per_host(AT_ONCE)
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("https://localhost:{port}/api/v1/tenant/heartbeat");
    let send = |number| {
        let request = client.post(&url).bearer_auth(key(tenant(number))).json(&sign::heartbeat(number));
        async move {
            let answer = request.send().await.unwrap().error_for_status().unwrap();
            assert!(answer.bytes().await.unwrap().starts_with(b"{\"success\":true"));
        }
    };
    at_once(WARM_UP, send).await;
    let sent = at_once(BEATS, send).await;
    println!("{}", serde_json::to_string(&sent).unwrap());
}

/// Sends so many, `AT_ONCE` of them under way at any time.
pub(crate) async fn at_once<F: Future<Output = ()> + Send + 'static>(
    count: u64,
    send: impl Fn(u64) -> F,
) -> Sent {
    let started = Instant::now();
    let mut numbers = 0..count;
    let mut latencies = Vec::new();
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        while under_way.len() < AT_ONCE
            && let Some(number) = numbers.next()
        {
            let sending = send(number);
            under_way.spawn(async move {
                let started = Instant::now();
                sending.await;
                started.elapsed()
            });
        }
        let Some(ended) = under_way.join_next().await else { break };
        latencies.push(ended.unwrap());
    }
    Sent::of(started.elapsed(), latencies)
}
