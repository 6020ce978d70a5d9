//! The secrets proxy between the AI runtime, its agent and providers of models. Needs no Docker.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]

#[path = "../../../../server-side/proxy/tests/agent/mod.rs"]
mod agent;
mod closed;
mod dialects;
mod fallback;
mod secrets;
mod tokens;

use std::{net::SocketAddr, time::Duration};

use letsbe_proxy::Patience;
use letsbe_simulators::models::ModelSim;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

use crate::agent::{Agent, CLIENT_KEY, Ledger, content};

/// A proxy with its agent and its providers.
struct Site {
    folder: TempDir,
    sims: Vec<ModelSim>,
    secrets: Vec<(String, String)>,
    ledger: Ledger,
    agent: Option<Agent>,
    proxy: SocketAddr,
    stop: watch::Sender<bool>,
    ended: JoinHandle<()>,
    client: Client,
}

/// Long enough for a busy machine, short enough for tests that wait for the end of it.
fn patience() -> Patience {
    Patience {
        agent: Duration::from_millis(400),
        first_byte: Duration::from_millis(1500),
        idle: Duration::from_millis(1500),
        whole: Duration::from_secs(20),
        farewell: Duration::from_millis(100),
        ..Patience::default()
    }
}

impl Site {
    /// So many providers of the model `assistant`, and these secrets.
    async fn start(providers: usize, secrets: &[(&str, &str)]) -> Self {
        Self::start_with(providers, secrets, patience()).await
    }

    async fn start_with(providers: usize, secrets: &[(&str, &str)], patience: Patience) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut sims = Vec::new();
        for _ in 0..providers {
            sims.push(ModelSim::start(([127, 0, 0, 1], 0).into()).await.unwrap());
        }
        let (stop, mut stopped) = watch::channel(false);
        let until = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
        let (proxy, ended) = agent::proxy_until(folder.path(), patience, until).await;
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        let ledger = Ledger::new(100_000_000);
        let mut site = Self { folder, sims, secrets, ledger, agent: None, proxy, stop, ended, client };
        site.start_agent().await;
        site
    }

    async fn start_agent(&mut self) {
        let secrets: Vec<(&str, &str)> =
            self.secrets.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let providers: Vec<String> = self.sims.iter().map(ModelSim::base_url).collect();
        let agent = Agent::start(self.folder.path(), content(&secrets, &providers), &self.ledger);
        agent.applied().await;
        self.agent = Some(agent);
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("http://{}/v1/{path}", self.proxy)).bearer_auth(CLIENT_KEY).json(body)
    }

    async fn ask(&self, path: &str, body: &Value) -> Response {
        self.post(path, body).send().await.unwrap()
    }

    /// Asks and reads the whole answer.
    async fn answer(&self, path: &str, body: &Value) -> (u16, String) {
        let response = self.ask(path, body).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Everything that providers got, as one text.
    fn wire(&self) -> String {
        let wires = self.sims.iter().map(|sim| String::from_utf8_lossy(&sim.wire()).into_owned());
        wires.collect::<Vec<_>>().join("\n")
    }

    fn asked(&self) -> Vec<usize> {
        self.sims.iter().map(|sim| sim.requests().len()).collect()
    }
}

/// A chat with one message.
fn chat(text: &str) -> Value {
    json!({ "model": "assistant", "messages": [{ "role": "user", "content": text }] })
}

/// The same, streamed.
fn streamed(text: &str) -> Value {
    let mut body = chat(text);
    body["stream"] = true.into();
    body
}

/// The data of a stream's events.
fn events(stream: &str) -> Vec<String> {
    stream.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
}

/// What a streamed chat says.
fn said(stream: &str) -> String {
    let content = |data: &String| {
        let event: Value = serde_json::from_str(data).ok()?;
        let piece = event["choices"][0]["delta"]["content"].as_str().or(event["delta"].as_str());
        piece.map(str::to_owned)
    };
    events(stream).iter().filter_map(content).collect()
}

/// The code of a refusal.
fn code(body: &str) -> String {
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["error"]["code"].as_str().unwrap_or_default().to_owned()
}
