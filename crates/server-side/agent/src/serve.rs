//! What the agent answers on its sockets.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use letsbe_serve::Bounds;
use letsbe_types::{Code, Problem, tenant::Heartbeat};
use serde::{Deserialize, Serialize};
use tokio::{net::UnixListener, sync::Notify};

use super::{
    commands::Commands,
    health::HealthReporter,
    hub_connection::{ConnectionState, HubConnection},
    link::Proxies,
    meter::{Meter, ModelLatency},
    secrets::{ProxyWord, Reloaded, SecretCache, VaultFacts},
};
use crate::refusal::Refusal;

/// Nobody on this server has more to say.
const BODY_BYTES: usize = 64 << 10;

/// How the agent itself is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentStatus {
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// How it stands with the Hub.
    pub hub: ConnectionState,
    /// What of the vault may be told.
    pub vault: VaultFacts,
    /// Commands of the Hub that are being carried out.
    pub commands_at_work: usize,
    /// How long models let people wait.
    #[serde(default)]
    pub models: Vec<ModelLatency>,
}

/// Answer to `GET /status`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusReply {
    /// How the agent itself is.
    pub agent: AgentStatus,
    /// What the next heartbeat would tell.
    pub vital_signs: Heartbeat,
}

/// What is answered for this server's own programs.
pub(crate) struct Control {
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) secret_cache: Arc<SecretCache>,
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) connection: Arc<HubConnection>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) health: Arc<HealthReporter>,
    pub(crate) report: Arc<Notify>,
}

/// `GET /status`, `POST /vault/reload`, `POST /heartbeat`.
pub(crate) fn router(control: Arc<Control>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/vault/reload", post(reload))
        .route("/heartbeat", post(heartbeat))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(control)
}

async fn status(State(control): State<Arc<Control>>) -> Json<StatusReply> {
    let agent = AgentStatus {
        started_at: control.started_at,
        hub: control.connection.state(),
        vault: control.secret_cache.facts(),
        commands_at_work: control.commands.at_work(),
        models: control.meter.paces(),
    };
    Json(StatusReply { agent, vital_signs: control.health.collect().await })
}

/// Well only if nothing can leave under the old state any more.
async fn reload(State(control): State<Arc<Control>>) -> Result<Json<Reloaded>, Refusal> {
    let reloaded = control.secret_cache.reload_everywhere(&control.proxies).await;
    match (control.secret_cache.facts().problem, reloaded.proxy) {
        (Some(problem), _) => Err(Refusal(problem)),
        (None, ProxyWord::Late) => Err(Refusal(Problem::transient(
            Code::NODE075,
            "The secrets proxy has not taken the new state of the vault",
            "See `docker logs letsbe-secrets-proxy`; try again.",
        ))),
        _ => Ok(Json(reloaded)),
    }
}

async fn heartbeat(State(control): State<Arc<Control>>) -> StatusCode {
    control.report.notify_one();
    StatusCode::ACCEPTED
}

/// Serves HTTP on a socket for ever.
pub(crate) async fn http(listener: UnixListener, router: Router) {
    letsbe_serve::serve(listener, router, Bounds::local(), std::future::pending()).await;
}
