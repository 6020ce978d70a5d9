//! What the agent talks to: a Hub over HTTP, and Docker's socket.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
};

use crate::server::TOOLS;

/// What both stand-ins share.
pub(crate) struct World {
    hub: Hub,
    beats: watch::Receiver<Value>,
    port: u16,
}

#[derive(Clone)]
struct Hub {
    takes_events: Arc<AtomicBool>,
    taken: watch::Sender<u64>,
    beat: watch::Sender<Value>,
}

impl World {
    pub(crate) async fn start(root: &Path) -> Self {
        let (beat, beats) = watch::channel(Value::Null);
        let taken = watch::Sender::new(0);
        let hub = Hub { takes_events: Arc::default(), taken, beat };
        let router = Router::new()
            .route("/api/v1/tenant/heartbeat", post(heartbeat))
            .route("/api/v1/tenant/events", post(events))
            .route("/api/v1/tenant/commands", get(commands))
            .with_state(hub.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });

        std::fs::create_dir_all(root.join("run")).unwrap();
        let socket = UnixListener::bind(root.join("run/docker.sock")).unwrap();
        let docker = Router::new()
            .route("/containers/json", get(containers))
            .route("/containers/{id}/json", get(container));
        tokio::spawn(async move { axum::serve(socket, docker).await });
        Self { hub, beats, port }
    }

    pub(crate) fn hub_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The newest heartbeat, when there is one that was not looked at.
    pub(crate) async fn heard(&mut self, patience: Duration) -> Value {
        let next = tokio::time::timeout(patience, self.beats.changed()).await;
        next.expect("a heartbeat").unwrap();
        self.beats.borrow_and_update().clone()
    }

    /// From here on events are taken.
    pub(crate) fn take_events(&self) {
        self.hub.takes_events.store(true, Ordering::Relaxed);
    }

    /// Waits until so many are there.
    pub(crate) async fn has_all(&self, events: usize, patience: Duration) {
        let mut taken = self.hub.taken.subscribe();
        let all = taken.wait_for(|taken| *taken >= events as u64);
        tokio::time::timeout(patience, all).await.expect("all events").unwrap();
    }

    /// As `letsbe-node` does on the server.
    pub(crate) async fn ask_for_a_heartbeat(&self, root: &Path) {
        let socket = root.join("run/letsbe/control.sock");
        let client = reqwest::Client::builder().unix_socket(socket).build().unwrap();
        let answer = client.post("http://agent/heartbeat").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }
}

fn reply(data: &Value) -> Response {
    Json(json!({ "success": true, "data": data })).into_response()
}

async fn heartbeat(State(hub): State<Hub>, Json(heartbeat): Json<Value>) -> Response {
    hub.beat.send_replace(heartbeat);
    reply(&json!({ "configuration": null, "commands": [] }))
}

async fn events(State(hub): State<Hub>, Json(events): Json<Value>) -> Response {
    if !hub.takes_events.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let last = events["events"].as_array().unwrap().last().unwrap()["sequence"].as_u64().unwrap();
    hub.taken.send_replace(last);
    reply(&json!({ "taken_through": last }))
}

/// Held open until its caller has no patience any more: there is none.
async fn commands() -> Response {
    std::future::pending().await
}

async fn containers() -> Json<Value> {
    let listed = (0..2 * TOOLS).map(|number| {
        json!({
            "Id": format!("{number:064x}"), "Names": [format!("/letsbe-tool-{number}")],
            "Image": format!("registry.example.com/tool-{number}:1.2.3"), "ImageID": format!("sha256:{number:064x}"),
            "Labels": { "com.docker.compose.project.working_dir": format!("/opt/letsbe/stacks/tool-{}", number / 2) },
        })
    });
    Json(listed.collect())
}

/// With as much as Docker says of a container.
async fn container() -> Json<Value> {
    let environment: Vec<String> =
        (0..40).map(|number| format!("VARIABLE_{number}={}", "x".repeat(120))).collect();
    Json(json!({
        "RestartCount": 0, "Config": { "Env": environment },
        "State": { "Status": "running", "OOMKilled": false, "Health": { "Status": "healthy", "Log": [] } },
    }))
}
