use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use chrono::Utc;
use futures::StreamExt as _;
use letsbe_types::ids::JobId;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};

use super::Containers;
use letsbe_base::{layout::Layout, lock};

/// What a Docker was asked: each request's first line, its body's length, and whether it asked for an upgrade.
type Asked = Arc<Mutex<Vec<(String, usize, bool)>>>;

struct Bench {
    folder: tempfile::TempDir,
    asked: Asked,
    logs: mpsc::Sender<Bytes>,
}

#[derive(Clone)]
struct Docker {
    asked: Asked,
    logs: Arc<Mutex<Option<mpsc::Receiver<Bytes>>>>,
}

async fn docker(State(docker): State<Docker>, request: Request) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    let upgrades = request.headers().contains_key(header::UPGRADE);
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    docker.asked.lock().unwrap().push((line, body.len(), upgrades));
    let container = |stack: &str| {
        Json(json!({
            "Id": "0a1b", "State": { "Status": "running" },
            "Config": { "Env": ["PASSWORD=canary"], "Labels": {
                "com.docker.compose.project": format!("letsbe-{stack}"),
                "com.docker.compose.project.working_dir": format!("/opt/letsbe/stacks/{stack}") } },
        }))
    };
    match path.as_str() {
        "/_ping" => ([("api-version", "1.41"), ("x-secret", "canary")], "OK").into_response(),
        "/containers/letsbe-ghost/json" => container("ghost").into_response(),
        "/containers/letsbe-nginx/json" => container("nginx").into_response(),
        "/containers/letsbe-ghost/logs" => {
            let logs = docker.logs.lock().unwrap().take().unwrap();
            let pieces = futures::stream::unfold(logs, |mut logs| async {
                Some((Ok::<_, std::io::Error>(logs.recv().await?), logs))
            });
            Body::from_stream(pieces).into_response()
        }
        "/containers/0a1b/restart" => StatusCode::NO_CONTENT.into_response(),
        _ => (StatusCode::NOT_FOUND, Json(json!({ "message": "no such thing", "x": "canary" })))
            .into_response(),
    }
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (logs, coming) = mpsc::channel(4);
        let asked = Asked::default();
        let state = Docker { asked: Arc::clone(&asked), logs: Arc::new(Mutex::new(Some(coming))) };
        let engine = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let router = Router::new().fallback(docker).with_state(state);
        tokio::spawn(axum::serve(engine, router).into_future());
        let layout = Layout::under(folder.path());
        let containers = Containers::of(&layout, &folder.path().join("engine.sock")).unwrap();
        let listener = UnixListener::bind(folder.path().join("shown.sock")).unwrap();
        tokio::spawn(axum::serve(listener, containers.router()).into_future());
        Self { folder, asked, logs }
    }

    fn client(&self) -> reqwest::Client {
        let socket = self.folder.path().join("shown.sock");
        reqwest::Client::builder().unix_socket(socket).build().unwrap()
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = self.client().request(method.parse().unwrap(), format!("http://docker{path}"));
        let answer = request.body(body.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    fn asked(&self) -> Vec<(String, usize, bool)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn layout(&self) -> Layout {
        Layout::under(Path::new(self.folder.path()))
    }
}

#[tokio::test]
async fn what_is_refused_never_reaches_docker() {
    let bench = Bench::new();
    let create =
        json!({ "Image": "x", "HostConfig": { "Binds": ["/:/host"], "Privileged": true } }).to_string();
    for (method, path) in [
        ("POST", "/containers/create"),
        ("POST", "/v1.41/containers/letsbe-ghost/exec"),
        ("POST", "/exec/0a1b/start"),
        ("POST", "/commit?container=letsbe-ghost"),
        ("POST", "/build"),
        ("POST", "/containers/letsbe-ghost/attach"),
        ("GET", "/containers/letsbe-ghost/attach/ws"),
        ("GET", "/containers/letsbe-ghost/archive?path=/"),
        ("PUT", "/containers/letsbe-ghost/archive?path=/"),
        ("GET", "/plugins"),
        ("POST", "/swarm/init"),
        ("GET", "/secrets"),
        ("POST", "/images/x/push"),
        ("POST", "/containers/letsbe-ghost/update"),
        ("POST", "/containers/letsbe-ghost/rename?name=x"),
        ("POST", "/containers/prune"),
        ("DELETE", "/containers/letsbe-ghost"),
    ] {
        let (status, body) = bench.send(method, path, &create).await;
        assert_eq!(status, 403, "{method} {path}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(body["message"].as_str().unwrap().starts_with("PROXY030"), "{body}");
    }
    assert_eq!(bench.asked(), []);
}

#[tokio::test]
async fn containers_are_looked_at_without_their_secrets_and_only_tools_are_restarted() {
    let bench = Bench::new();
    let ping = bench.client().get("http://docker/_ping").send().await.unwrap();
    assert_eq!(ping.headers()["api-version"], "1.41");
    assert!(!ping.headers().contains_key("x-secret"));
    let (status, body) = bench.send("GET", "/containers/letsbe-ghost/json", "").await;
    assert_eq!((status, body.contains("running"), body.contains("canary")), (200, true, false), "{body}");
    let (status, body) = bench.send("GET", "/containers/other/json", "").await;
    assert_eq!((status, body.as_str()), (404, r#"{"message":"no such thing"}"#));
    bench.asked();
    let body = r#"{"Image":"x"}"#;
    assert_eq!(bench.send("POST", "/containers/letsbe-ghost/restart?t=3", body).await.0, 204);
    assert_eq!(bench.asked()[1], ("POST /containers/0a1b/restart?t=3".to_owned(), 0, false));
    assert_eq!(bench.send("POST", "/containers/letsbe-nginx/restart", "").await.0, 403);
    assert_eq!(bench.send("POST", "/containers/other/stop", "").await.0, 403);
    assert!(bench.asked().iter().all(|(line, ..)| line.starts_with("GET ")));
    // Whoever restores or rotates has the server for itself.
    lock::acquire(&bench.layout(), "a restore", JobId::generate(), Utc::now()).unwrap();
    let (status, body) = bench.send("POST", "/containers/letsbe-ghost/stop", "").await;
    assert_eq!((status, body.contains("a restore")), (409, true), "{body}");
    assert!(bench.asked().iter().all(|(line, ..)| line.starts_with("GET ")));
}

#[tokio::test]
async fn logs_pass_as_they_come_and_no_connection_is_handed_over() {
    let bench = Bench::new();
    let logs =
        bench.client().get("http://docker/containers/letsbe-ghost/logs?follow=1").send().await.unwrap();
    let mut pieces = logs.bytes_stream();
    for line in ["one\n", "two\n"] {
        bench.logs.send(Bytes::from(line)).await.unwrap();
        assert_eq!(pieces.next().await.unwrap().unwrap(), line);
    }
    drop(pieces);
    bench.asked();
    let mut raw = UnixStream::connect(bench.folder.path().join("shown.sock")).await.unwrap();
    let upgrade = "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
    raw.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    raw.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    assert_eq!(bench.asked(), [("GET /_ping".to_owned(), 0, false)], "no header of the caller's goes on");
}
