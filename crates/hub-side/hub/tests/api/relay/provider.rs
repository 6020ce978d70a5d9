//! A model provider that answers as a test wants, and a Hub that relays to it.

use std::{
    collections::VecDeque,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode},
};
use letsbe_hub::{
    config::{Delivery, ModelsConfig, ProviderConfig},
    relay::{Patience, Relay},
};
use letsbe_types::{
    ids::OrderId,
    link::{Model, Target},
    relay::key_hash,
    tenants::RelayedDay,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{Answer, Hub, tenant::registered};

/// The key that only the Hub has.
pub(crate) const PROVIDER_KEY: &str = "sk-canary-0123456789abcdef";
/// Where servers ask.
pub(crate) const CHAT: &str = "/api/v1/tenant/models/lab/chat/completions";

/// A request as the provider got it.
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Clone, Default)]
pub(crate) struct Provider {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<Response<Body>>>>,
}

impl Provider {
    /// Answers so to the next request for which nothing else stands before.
    pub(crate) fn answers(&self, answer: Response<Body>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// What came, oldest first.
    pub(crate) fn got(&self) -> Vec<Got> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

async fn take(State(provider): State<Provider>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 32 << 20).await.unwrap();
    let got = Got {
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap(),
    };
    provider.got.lock().unwrap().push(got);
    let next = provider.answers.lock().unwrap().pop_front();
    match next {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

/// An answer with this status, type and body.
pub(crate) fn reply(status: u16, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap();
    Response::builder().status(status).header("content-type", content_type).body(body.into()).unwrap()
}

/// A whole answer that says what it cost.
pub(crate) fn whole(input: u64, output: u64) -> Response<Body> {
    let usage = json!({ "prompt_tokens": input, "completion_tokens": output });
    reply(200, "application/json; charset=utf-8", json!({ "choices": [], "usage": usage }).to_string())
}

/// A streamed answer whose pieces are sent by the test; it ends when the sender is dropped.
pub(crate) fn stream() -> (mpsc::Sender<io::Result<Bytes>>, Response<Body>) {
    let (pieces, coming) = mpsc::channel(64);
    let body = futures::stream::unfold(coming, |mut coming: mpsc::Receiver<io::Result<Bytes>>| async {
        Some((coming.recv().await?, coming))
    });
    (pieces, reply(200, "text/event-stream", Body::from_stream(body)))
}

/// A Hub with a provider, and two tenants with their keys at the relay.
pub(crate) struct Bench {
    pub(crate) hub: Hub,
    pub(crate) provider: Provider,
    pub(crate) tenants: [OrderId; 2],
    pub(crate) agents: [String; 2],
    pub(crate) keys: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::patient(Patience::default()).await
    }

    pub(crate) async fn patient(patience: Patience) -> Self {
        let provider = Provider::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(provider.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        let keys = tempfile::tempdir().unwrap();
        let key_file = keys.path().join("key");
        fs::write(&key_file, PROVIDER_KEY).unwrap();
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
        let config = ModelsConfig {
            providers: vec![ProviderConfig {
                name: "lab".into(),
                base_url,
                delivery: Delivery::Relay,
                key_file: Some(key_file),
                roots_pem_file: None,
            }],
            models: vec![Model {
                name: "default".into(),
                chain: vec![Target { provider: "lab".into(), model: "lab-large".into(), bound_word: None }],
                output_tokens_max: 100,
            }],
        };
        let hub = Hub::with_relay(Relay::open(&config, "https://hub.example.com", patience).unwrap()).await;
        let (one, first) = registered(&hub, 1).await;
        let (other, second) = registered(&hub, 2).await;
        for (tenant, key) in [(one, "relay-1"), (other, "relay-2")] {
            hub.store.put_relay_key(tenant, &key_hash(key), crate::start()).await.unwrap();
        }
        Self { hub, provider, tenants: [one, other], agents: [first, second], keys }
    }

    /// Asks as the first tenant.
    pub(crate) async fn ask(&self, fields: Value) -> Answer {
        self.hub.json("POST", CHAT, Some("relay-1"), &asked(fields)).await
    }

    /// What was counted of a tenant, as soon as nothing is under way and so many requests are counted.
    pub(crate) async fn counted(&self, tenant: OrderId, requests: u64) -> RelayedDay {
        for _ in 0..500 {
            let days = self.hub.store.relayed(tenant, crate::start()).await.unwrap();
            if let Some(day) = days.into_iter().find(|day| day.requests >= requests) {
                return day;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{requests} requests are not counted");
    }
}

/// A request's body.
pub(crate) fn asked(mut fields: Value) -> Value {
    fields["model"] = json!("lab-large");
    fields["messages"] = json!([]);
    fields
}

/// Nothing is waited for long.
pub(crate) fn impatient() -> Patience {
    let short = Duration::from_millis(200);
    Patience { first_byte: short, idle: short, ..Patience::default() }
}
