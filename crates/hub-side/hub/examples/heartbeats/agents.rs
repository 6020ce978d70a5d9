//! The agents: a process of their own, so that what the Hub uses is the Hub's.

use std::{
    future::Future,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    ops::Range,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use reqwest::{Certificate, Client, redirect::Policy};

use crate::{AT_ONCE, Sent, hub::Hub, key, sign, tenant};

/// Makes this program the agents.
pub(crate) const ARGUMENT: &str = "agents";

/// The process of the agents; it ends with this.
pub(crate) struct Agents {
    child: Child,
    orders: ChildStdin,
    reports: BufReader<ChildStdout>,
}

impl Agents {
    /// Agents of this Hub.
    pub(crate) fn start(hub: &Hub) -> Self {
        let port = hub.port.to_string();
        let size = hub.certificate_pem.len().to_string();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([ARGUMENT, &port, &size])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut orders = child.stdin.take().unwrap();
        orders.write_all(hub.certificate_pem.as_bytes()).unwrap();
        let reports = BufReader::new(child.stdout.take().unwrap());
        Self { child, orders, reports }
    }

    /// Has these heartbeats sent, and waits for what the agents found.
    pub(crate) async fn send(&mut self, beats: Range<u64>) -> Sent {
        writeln!(self.orders, "{} {}", beats.start, beats.end).unwrap();
        let mut report = String::new();
        tokio::task::block_in_place(|| self.reports.read_line(&mut report)).unwrap();
        serde_json::from_str(&report).expect("an agent was refused")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends what is to be sent; the Hub's certificate and the orders are read from standard input.
pub(crate) async fn run() {
    let argument = |number| std::env::args().nth(number).unwrap();
    let (port, size) = (argument(2), argument(3).parse().unwrap());
    let mut orders = std::io::stdin().lock();
    let mut certificate = vec![0; size];
    orders.read_exact(&mut certificate).unwrap();
    let client = Client::builder()
        .tls_certs_only([Certificate::from_pem(&certificate).unwrap()])
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
    for order in orders.lines() {
        let order = order.unwrap();
        let (first, end) = order.split_once(' ').unwrap();
        let sent = at_once(first.parse().unwrap()..end.parse().unwrap(), send).await;
        println!("{}", serde_json::to_string(&sent).unwrap());
    }
}

/// Sends these, `AT_ONCE` of them under way at any time.
pub(crate) async fn at_once<T, F: Future<Output = ()> + Send + 'static>(
    mut coming: impl Iterator<Item = T>,
    send: impl Fn(T) -> F,
) -> Sent {
    let started = Instant::now();
    let mut latencies = Vec::new();
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        while under_way.len() < AT_ONCE
            && let Some(one) = coming.next()
        {
            let sending = send(one);
            under_way.spawn(async move {
                let started = Instant::now();
                sending.await;
                started.elapsed().as_secs_f64() * 1000.0
            });
        }
        let Some(ended) = under_way.join_next().await else { break };
        latencies.push(ended.unwrap());
    }
    Sent::of(started.elapsed(), &latencies)
}
