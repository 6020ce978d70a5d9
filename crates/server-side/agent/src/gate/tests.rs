//! The gate behind its real doors: HTTP and MCP over Unix sockets, with an executor that only writes down what it got.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use letsbe_gate::Action;
use letsbe_redact::{KnownSecret, Redactor};
use letsbe_types::{
    Problem,
    ids::ApprovalId,
    tenant::{ApprovalState, Autonomy, TenantConfiguration, TenantEventKind},
};
use letsbe_vault::Credentials;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use super::{
    Gate,
    execute::{Done, Executor, Work},
};
use crate::guardian::{Guardian, Outbox, Secrets};
use letsbe_base::{control, files, layout::Layout};

mod approvals;
mod calls;
mod mcp;

const KEY: &str = "the-gate-key-0123456789";
const CANARY: &str = "canary-5f3e9a-value";

/// One call as the executor got it.
#[derive(Debug, Clone)]
struct Seen {
    action: Action,
    container: Option<String>,
    env: BTreeMap<String, String>,
    stdin: Option<String>,
}

/// Writes calls down, and answers with a secret in the output.
#[derive(Default)]
struct Recorder {
    seen: Mutex<Vec<Seen>>,
    /// When set, a call does not end before it is notified.
    gate: Option<Arc<Notify>>,
}

impl Recorder {
    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("unpoisoned").clone()
    }
}

#[async_trait]
impl Executor for Recorder {
    async fn carry_out(&self, work: Work) -> Result<Done, Problem> {
        let env =
            work.filled.env.iter().map(|(name, value)| (name.clone(), value.expose().clone())).collect();
        let stdin = work.filled.stdin.as_ref().map(|stdin| stdin.expose().clone());
        let seen = Seen { action: work.action, container: work.container, env, stdin };
        self.seen.lock().expect("unpoisoned").push(seen);
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        let result = json!({ "exit_code": 0, "stdout": format!("the password is {CANARY}") });
        Ok(Done { exit_code: Some(0), bytes: 7, result })
    }
}

/// Keeps events.
#[derive(Default)]
struct Events(Mutex<Vec<TenantEventKind>>);

impl Events {
    fn all(&self) -> Vec<TenantEventKind> {
        self.0.lock().expect("unpoisoned").clone()
    }

    fn settled(&self) -> Vec<(ApprovalState, String)> {
        let settled = self.all().into_iter().filter_map(|event| match event {
            TenantEventKind::ApprovalSettled { state, by, .. } => Some((state, by)),
            _ => None,
        });
        settled.collect()
    }
}

impl Outbox for Events {
    fn tell(&self, event: TenantEventKind) -> Result<(), Problem> {
        self.0.lock().expect("unpoisoned").push(event);
        Ok(())
    }
}

/// A server of one tool, under a folder.
struct Server {
    folder: tempfile::TempDir,
    layout: Layout,
    recorder: Arc<Recorder>,
    events: Arc<Events>,
    secrets: watch::Sender<Option<Arc<Secrets>>>,
    configuration: watch::Sender<Arc<TenantConfiguration>>,
    gate: Arc<Gate>,
    doors: tokio::task::JoinHandle<()>,
}

fn secrets() -> Arc<Secrets> {
    let mut present = Credentials::default();
    present.insert_missing("ghost", "admin_password", CANARY.into());
    present.insert_missing("openclaw", "gate_key", KEY.into());
    let known = present
        .iter()
        .map(|(tool, key, value)| KnownSecret { name: format!("{tool}/{key}"), value: value.clone() });
    let redactor = Arc::new(Redactor::new(known).expect("a redactor"));
    Arc::new(Secrets { version: 1, redactor, present })
}

impl Server {
    fn new(autonomy: Autonomy) -> Self {
        Self::with(autonomy, Recorder::default())
    }

    fn with(autonomy: Autonomy, recorder: Recorder) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::under(folder.path());
        std::fs::create_dir_all(layout.bundle()).expect("a folder");
        let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
        std::os::unix::fs::symlink(catalog, layout.bundle().join("catalog")).expect("a link");
        for tool in ["ghost", "wordpress", "secrets-proxy"] {
            files::write(&layout.stack(tool).join("docker-compose.yml"), b"").expect("writes");
        }
        std::fs::create_dir_all(folder.path().join("run/letsbe")).expect("a folder");
        let (recorder, events) = (Arc::new(recorder), Arc::new(Events::default()));
        let configuration = TenantConfiguration { autonomy, ..TenantConfiguration::default() };
        let (configuration, _) = watch::channel(Arc::new(configuration));
        let (secrets, _) = watch::channel(Some(secrets()));
        let gate = open(&layout, &recorder, &events, &secrets, &configuration);
        let doors = serve(&layout, &gate);
        Self { folder, layout, recorder, events, secrets, configuration, gate, doors }
    }

    /// The agent ends at this moment and starts again.
    fn restart(&mut self) {
        self.doors.abort();
        self.gate = open(&self.layout, &self.recorder, &self.events, &self.secrets, &self.configuration);
        self.doors = serve(&self.layout, &self.gate);
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("run/letsbe/gate.sock")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(super::log_path(&self.layout)).unwrap_or_default()
    }

    fn phases(&self) -> Vec<String> {
        let phase = |line: &str| {
            let entry: Value = serde_json::from_str(line).expect("an entry");
            entry["phase"].as_str().expect("a phase").to_owned()
        };
        self.log().lines().map(phase).collect()
    }

    async fn post(&self, path: &str, key: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let client = reqwest::Client::builder().unix_socket(self.socket()).build().expect("a client");
        let request =
            client.post(format!("http://letsbe-secrets-proxy:8100{path}")).bearer_auth(key).body(body);
        let request = request.header("content-type", "application/json");
        let reply =
            request.header("accept", "application/json, text/event-stream").send().await.expect("a reply");
        let status = reply.status().as_u16();
        (status, serde_json::from_str(&reply.text().await.expect("a body")).unwrap_or_default())
    }

    /// A call of an agent; the data of a good answer.
    async fn ask(&self, verb: &str, tool: Option<&str>, arguments: Value) -> Value {
        let body = json!({ "agent": "it-admin", "verb": verb, "tool": tool, "arguments": arguments });
        let (status, answer) = self.post("/api/v1/tools/execute", KEY, body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["success"], true);
        answer["data"].clone()
    }

    async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Problem> {
        control::call(&self.layout, method, path, body).await
    }

    async fn until(&self, what: impl Fn(&Self) -> bool) {
        let wait = async {
            while !what(self) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it happens");
    }

    fn state(&self, id: ApprovalId) -> ApprovalState {
        self.gate.store.look(|approvals| approvals.get(id).expect("there").approval.state)
    }

    fn configure(&self, autonomy: Autonomy, unlocked: &[&str]) {
        let external_unlocked = unlocked.iter().map(|tool| (*tool).to_owned()).collect();
        let configuration =
            TenantConfiguration { autonomy, external_unlocked, ..TenantConfiguration::default() };
        self.configuration.send_replace(Arc::new(configuration));
    }
}

fn open(
    layout: &Layout,
    recorder: &Arc<Recorder>,
    events: &Arc<Events>,
    secrets: &watch::Sender<Option<Arc<Secrets>>>,
    configuration: &watch::Sender<Arc<TenantConfiguration>>,
) -> Arc<Gate> {
    let guardian = Guardian {
        layout: layout.clone(),
        secrets: secrets.subscribe(),
        configuration: configuration.subscribe(),
        outbox: Arc::clone(events) as Arc<dyn Outbox>,
    };
    Gate::open_with(Arc::new(guardian), Arc::clone(recorder) as Arc<dyn Executor>).expect("opens")
}

fn serve(layout: &Layout, gate: &Arc<Gate>) -> tokio::task::JoinHandle<()> {
    let listen = |path: std::path::PathBuf| {
        let _ = std::fs::remove_file(&path);
        tokio::net::UnixListener::bind(path).expect("a socket")
    };
    let doors = (listen(layout.volatile("gate.sock")), gate.router());
    let control = (listen(layout.control_socket()), gate.control());
    tokio::spawn(async move {
        let _ = tokio::join!(axum::serve(doors.0, doors.1), axum::serve(control.0, control.1));
    })
}

fn id_of(answer: &Value) -> ApprovalId {
    answer["approval"].as_str().expect("an approval").parse().expect("an id")
}
