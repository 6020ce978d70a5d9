//! What is let in, and how it is refused.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]

mod agent;

use std::{net::SocketAddr, path::Path, time::Duration};

use axum::{Router, body::Body, extract::Request, http::HeaderMap, routing::any};
use futures::StreamExt as _;
use letsbe_proxy::Patience;
use letsbe_types::link::GATE_SOCKET;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixListener},
};

use crate::agent::{Agent, CLIENT_KEY, Ledger, content};

fn short() -> Patience {
    Patience { agent: Duration::from_millis(200), ..Patience::default() }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn ready(folder: &Path) -> (SocketAddr, Agent) {
    let agent =
        Agent::start(folder, content(&[], &["http://127.0.0.1:1/v1".to_owned()]), &Ledger::new(1_000_000));
    let address = agent::proxy(folder, short()).await;
    agent.applied().await;
    (address, agent)
}

async fn code_of(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("x-request-id"));
    let body: Value = response.json().await.expect("a JSON error");
    assert_eq!(body["error"]["type"], "letsbe_proxy");
    assert!(body["error"]["message"].is_string() && body["error"].get("param").is_some());
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn only_allowed_endpoints_are_let_through() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _agent) = ready(folder.path()).await;
    for (method, path, status) in [
        (Method::POST, "/v1/completions", 404),
        (Method::POST, "/v1/files", 404),
        (Method::POST, "/v1/images/generations", 404),
        (Method::GET, "/v1/chat/completions/", 404),
        (Method::POST, "/v1//chat/completions", 404),
        (Method::GET, "/", 404),
        (Method::GET, "/v1/chat/completions", 405),
        (Method::DELETE, "/v1/models/assistant", 405),
        (Method::GET, "/webhooks/diun", 405),
        (Method::PUT, "/mcp", 405),
    ] {
        let request =
            client().request(method.clone(), format!("http://{address}{path}")).bearer_auth(CLIENT_KEY);
        let answer = code_of(request.send().await.unwrap()).await;
        assert_eq!(answer, (status, "PROXY002".to_owned()), "{method} {path}");
    }
    for head in [
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443",
        "GET http://10.0.0.1/ HTTP/1.1\r\nHost: x",
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("PROXY002"), "{answer}");
    }
}

#[tokio::test]
async fn only_the_runtimes_key_opens_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _agent) = ready(folder.path()).await;
    let models = format!("http://{address}/v1/models");
    let wrong =
        ["", "Bearer ", "Bearer runtime-key-4f1", "Bearer runtime-key-4f1dd", "Basic runtime-key-4f1d"];
    for key in wrong {
        let answer = client().get(&models).header("authorization", key).send().await.unwrap();
        assert_eq!(code_of(answer).await, (401, "PROXY003".to_owned()), "{key:?}");
    }
    for right in ["bearer ", "BEARER ", "Bearer   "] {
        let key = format!("{right}{CLIENT_KEY}");
        let answer = client().get(&models).header("authorization", key).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{right:?}");
    }
    let answer = client().get(&models).bearer_auth(CLIENT_KEY).send().await.unwrap();
    let listed: Value = answer.json().await.unwrap();
    assert_eq!(listed["data"][0]["id"], "assistant");
    let one = client().get(format!("{models}/assistant")).bearer_auth(CLIENT_KEY).send().await.unwrap();
    assert_eq!(one.json::<Value>().await.unwrap()["id"], "assistant");
    let none = client().get(format!("{models}/other")).bearer_auth(CLIENT_KEY).send().await.unwrap();
    assert_eq!(code_of(none).await, (404, "PROXY006".to_owned()));
}

#[tokio::test]
async fn bodies_that_cannot_be_taken_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _agent) = ready(folder.path()).await;
    let json = "application/json";
    let deep = format!(r#"{{"model":"assistant","tool_choice":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    // It was read level by level, each within the one around it, until the stack was full.
    let levels = r#"{"image_url":"#.repeat(500_000);
    let nested = format!(
        r#"{{"model":"assistant","messages":[{{"content":[{{"type":"image_url","image_url":{levels}1{}}}]}}]}}"#,
        "}".repeat(500_000)
    );
    let cases: Vec<(&str, &str, Vec<u8>, u16, &str)> = vec![
        ("chat/completions", "text/plain", b"{}".to_vec(), 415, "PROXY004"),
        ("chat/completions", "multipart/form-data; boundary=x", b"--x--".to_vec(), 415, "PROXY004"),
        ("chat/completions", json, b"".to_vec(), 400, "PROXY004"),
        ("chat/completions", json, b"[]".to_vec(), 400, "PROXY004"),
        ("chat/completions", json, b"{\"model\":\"assistant\"".to_vec(), 400, "PROXY004"),
        ("chat/completions", json, b"{\"model\":\"assistant\",\"x\":\"\xff\xfe\"}".to_vec(), 400, "PROXY004"),
        ("chat/completions", json, b"{\"messages\":[]}".to_vec(), 400, "PROXY004"),
        ("chat/completions", json, br#"{"model":"assistant","model":"b"}"#.to_vec(), 400, "PROXY004"),
        ("chat/completions", json, br#"{"model":"assistant","mod\u0065l":"b"}"#.to_vec(), 400, "PROXY004"),
        ("chat/completions", json, br#"{"model":"assistant","n":1000000}"#.to_vec(), 400, "PROXY004"),
        ("chat/completions", json, br#"{"model":"assistant","max_tokens":-1}"#.to_vec(), 400, "PROXY004"),
        ("chat/completions", json, br#"{"model":"assistant","stream":"yes"}"#.to_vec(), 400, "PROXY004"),
        ("chat/completions", json, br#"{"model":"assistant","messages":[[]]}"#.to_vec(), 400, "PROXY004"),
        ("responses", json, br#"{"model":"assistant","previous_response_id":"r"}"#.to_vec(), 400, "PROXY013"),
        (
            "responses",
            json,
            br#"{"model":"assistant","input":[{"type":"item_reference"}]}"#.to_vec(),
            400,
            "PROXY014",
        ),
        ("embeddings", json, br#"{"model":"assistant","stream":true}"#.to_vec(), 400, "PROXY004"),
        ("chat/completions", json, br#"{"model":"gpt-unknown","messages":[]}"#.to_vec(), 404, "PROXY006"),
        ("chat/completions", json, deep.into_bytes(), 422, "PROXY005"),
        ("chat/completions", json, nested.into_bytes(), 400, "PROXY004"),
        // These are taken: only the provider cannot be reached.
        (
            "chat/completions",
            json,
            "\u{feff}{\"model\":\"assistant\",\"messages\":[]}".into(),
            502,
            "PROXY008",
        ),
        ("chat/completions", json, br#"{"model":"assistant","user":"\ud83d"}"#.to_vec(), 502, "PROXY008"),
        (
            "chat/completions",
            "Application/JSON; charset=UTF-8",
            br#"{"model":"assistant"}"#.to_vec(),
            502,
            "PROXY008",
        ),
        ("chat/completions", json, vec![b' '; 16 * 1024 * 1024 + 1], 413, "PROXY004"),
    ];
    for (path, kind, body, status, code) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let request = client().post(format!("http://{address}/v1/{path}")).bearer_auth(CLIENT_KEY);
        let answer = request.header("content-type", kind).body(body).send().await.unwrap();
        assert_eq!(code_of(answer).await, (status, code.to_owned()), "{kind} {shown}");
    }
    let packed = client().post(format!("http://{address}/v1/chat/completions")).bearer_auth(CLIENT_KEY);
    let packed = packed.header("content-type", json).header("content-encoding", "gzip").body("x");
    assert_eq!(code_of(packed.send().await.unwrap()).await, (415, "PROXY004".to_owned()));
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _agent) = ready(folder.path()).await;
    let pieces = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]));
    let request = client().post(format!("http://{address}/v1/chat/completions")).bearer_auth(CLIENT_KEY);
    let request = request.header("content-type", "application/json").body(reqwest::Body::wrap_stream(pieces));
    // The answer comes while the body is still being sent; the connection may be cut before it is read.
    match request.send().await {
        Ok(answer) => assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE),
        Err(error) => assert!(!error.is_timeout(), "{error}"),
    }
    let health = client().get(format!("http://{address}/health")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
}

async fn gate(folder: &Path) {
    let listener = UnixListener::bind(folder.join(GATE_SOCKET)).unwrap();
    let echo = |headers: HeaderMap, request: Request| async move {
        let path = request.uri().path().to_owned();
        let method = request.method().to_string();
        let body = axum::body::to_bytes(request.into_body(), 1024).await.unwrap();
        let names: Vec<&str> = headers.keys().map(|name| name.as_str()).collect();
        let told = json!({
            "path": path, "method": method, "body": String::from_utf8_lossy(&body), "headers": names,
            "authorization": headers.get("authorization").and_then(|value| value.to_str().ok()),
            "host": headers.get("host").and_then(|value| value.to_str().ok()),
            "origin": headers.get("origin").and_then(|value| value.to_str().ok()),
        });
        let answer = [("content-type", "application/json"), ("mcp-session-id", "s-1"), ("x-internal", "no")];
        (answer, told.to_string())
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(echo))).await });
}

#[tokio::test]
async fn tool_calls_reach_the_gate_with_the_headers_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _agent) = ready(folder.path()).await;
    let call = |method: Method, path: &str| {
        let request = client().request(method, format!("http://{address}{path}")).bearer_auth("gate-key");
        let request = request.header("cookie", "a=b").header("origin", "https://evil.example");
        request.header("mcp-session-id", "s-1").header("accept", "text/event-stream")
    };
    let away = call(Method::POST, "/mcp").body("{}").send().await.unwrap();
    assert_eq!(code_of(away).await, (502, "PROXY010".to_owned()));
    gate(folder.path()).await;
    for (method, path) in [
        (Method::POST, "/mcp"),
        (Method::DELETE, "/mcp"),
        (Method::POST, "/mcp/"),
        (Method::POST, "/api/v1/tools/execute"),
        (Method::POST, "/webhooks/diun"),
    ] {
        let answer = call(method.clone(), path).body("{\"a\":1}").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["mcp-session-id"], "s-1");
        assert!(!answer.headers().contains_key("x-internal"));
        let told: Value = answer.json().await.unwrap();
        assert_eq!((told["path"].as_str(), told["method"].as_str()), (Some(path), Some(method.as_str())));
        assert_eq!(
            (told["body"].as_str(), told["authorization"].as_str()),
            (Some("{\"a\":1}"), Some("Bearer gate-key"))
        );
        // By the name that the caller has used the gate knows foreign ones.
        assert_eq!(told["host"], address.to_string());
        assert_eq!(told["origin"], "https://evil.example");
        let names = told["headers"].to_string();
        assert!(!names.contains("cookie") && names.contains("mcp-session-id"), "{names}");
    }
    let large = call(Method::POST, "/mcp").body(vec![b' '; 4 * 1024 * 1024 + 1]).send().await.unwrap();
    assert_eq!(code_of(large).await, (413, "PROXY004".to_owned()));
}

#[tokio::test]
async fn events_of_the_gate_pass_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _agent) = ready(folder.path()).await;
    let listener = UnixListener::bind(folder.path().join(GATE_SOCKET)).unwrap();
    let events = || async {
        let first = futures::stream::iter([Ok::<_, std::io::Error>("data: 1\n\n")]);
        let body = Body::from_stream(first.chain(futures::stream::pending()));
        ([("content-type", "text/event-stream")], body)
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(events))).await });
    let mut answer = client().get(format!("http://{address}/mcp")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let first = tokio::time::timeout(Duration::from_secs(60), answer.chunk()).await.expect("held back");
    assert_eq!(first.unwrap().unwrap(), "data: 1\n\n");
}
