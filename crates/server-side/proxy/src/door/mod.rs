//! The proxy's door: every address that is let through, and everything else refused.

mod body;
mod gate;
mod model;

use std::{
    future::Future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
    serve::ListenerExt as _,
};
use letsbe_serve::Bounds;
use letsbe_types::link::GATE_SOCKET;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

use self::gate::Gate;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    closing::Closing,
    limits::{BODIES_BYTES, GATE_REQUESTS, MODEL_REQUESTS, Patience},
    link::Link,
    models::{Asker, Breakers, Manners},
    refusal::{NOT_ALLOWED, Refusal},
};

/// The name of an answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is served.
#[derive(Debug, Clone)]
pub struct Proxy(Arc<Served>);

#[derive(Debug)]
struct Served {
    started: Instant,
    close: watch::Sender<bool>,
    asker: Asker,
    gate: Gate,
    model_requests: Arc<Semaphore>,
    gate_requests: Arc<Semaphore>,
    /// Permits for KiB of bodies.
    bodies: Arc<Semaphore>,
}

impl Proxy {
    /// A proxy at the end of this line; the command gate is asked through its socket in the folder.
    ///
    /// # Errors
    /// When no client for the command gate can be made.
    pub fn new(link: Arc<Link>, guardian: &Path, patience: Patience) -> reqwest::Result<Self> {
        let (close, closing) = Closing::new();
        Ok(Self(Arc::new(Served {
            started: Instant::now(),
            close,
            asker: Asker {
                link,
                breakers: Breakers::new(),
                manners: Arc::new(Manners::default()),
                patience,
                closing,
            },
            gate: Gate::new(&guardian.join(GATE_SOCKET), patience.gate)?,
            model_requests: Arc::new(Semaphore::new(MODEL_REQUESTS)),
            gate_requests: Arc::new(Semaphore::new(GATE_REQUESTS)),
            bodies: Arc::new(Semaphore::new(BODIES_BYTES / 1024)),
        })))
    }

    /// Serves until `stop` is ready, the requests under way have ended or were broken off, and the agent knows what
    /// they used.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()> + Send + 'static) {
        let listener = listener.tap_io(|stream: &mut TcpStream| {
            // Events are passed on at once.
            let _ = stream.set_nodelay(true);
        });
        let bounds = Bounds { head: self.0.asker.patience.caller, ..Bounds::local() };
        let served = Arc::clone(&self.0);
        let stopping = Arc::clone(&self.0);
        let stop = async move {
            stop.await;
            tokio::spawn(async move {
                tokio::time::sleep(stopping.asker.patience.farewell).await;
                stopping.close.send_replace(true);
            });
        };
        letsbe_serve::serve(listener, self.router(), bounds, stop).await;
        served.asker.link.all_said(served.asker.patience.agent).await;
    }

    fn router(self) -> Router {
        Router::new()
            .route("/health", get(health))
            .route("/v1/models", get(model::list))
            .route("/v1/models/{*name}", get(model::show))
            .route("/v1/chat/completions", post(model::chat))
            .route("/v1/responses", post(model::responses))
            .route("/v1/embeddings", post(model::embeddings))
            .route("/mcp", any(gate::mcp))
            .route("/mcp/", any(gate::mcp))
            .route("/api/v1/tools/execute", post(gate::pass_on))
            .route("/webhooks/diun", post(gate::pass_on))
            .fallback(not_allowed)
            .method_not_allowed_fallback(wrong_method)
            .layer(middleware::from_fn(no_way_through))
            .layer(middleware::from_fn(numbered))
            .with_state(self)
    }
}

/// A place among those that may be under way at the same time, waited for as long as this.
async fn place(
    semaphore: &Arc<Semaphore>,
    size: usize,
    wait: Duration,
) -> Result<OwnedSemaphorePermit, Refusal> {
    let size = u32::try_from(size).map_err(|_| Refusal::too_many())?;
    let permit = tokio::time::timeout(wait, Arc::clone(semaphore).acquire_many_owned(size)).await;
    permit.ok().and_then(Result::ok).ok_or_else(Refusal::too_many)
}

/// Whoever takes this for a proxy to anywhere is told that it is none.
async fn no_way_through(request: Request, next: Next) -> Response {
    if request.method() == Method::CONNECT || request.uri().authority().is_some() {
        let message =
            "this is no proxy to other addresses: only models and the command gate are reached through it";
        return Refusal::new(StatusCode::FORBIDDEN, NOT_ALLOWED, message).into_response();
    }
    next.run(request).await
}

/// Every answer carries a name of its own, under which the log speaks of it.
async fn numbered(request: Request, next: Next) -> Response {
    let id = format!("req_{}", Uuid::new_v4().simple());
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn not_allowed() -> Refusal {
    let message = "this is not an allowed model endpoint; there are chat/completions, responses, embeddings and \
                   models under /v1";
    Refusal::new(StatusCode::NOT_FOUND, NOT_ALLOWED, message)
}

async fn wrong_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, NOT_ALLOWED, "this address does not take this method")
}

async fn health(State(Proxy(served)): State<Proxy>) -> Json<Value> {
    let in_force = served.asker.link.now();
    Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": served.started.elapsed().as_secs(),
        "vault": if in_force.is_some() { "ready" } else { "waiting" },
        "vault_version": in_force.map_or(0, |in_force| in_force.version),
    }))
}
