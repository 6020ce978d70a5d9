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
use letsbe_types::{Problem, tenant::Heartbeat};
use serde::{Deserialize, Serialize};
use tokio::{net::UnixListener, sync::Notify};

use super::{
    commands::Commands,
    link::Proxies,
    meter::{Meter, Pace},
    secrets::{Keeper, ProxyWord, Reloaded, VaultFacts},
    signs::Signs,
    standing::{HubDoor, Standing},
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
    pub hub: Standing,
    /// What of the vault may be told.
    pub vault: VaultFacts,
    /// Commands of the Hub that are being carried out.
    pub commands_at_work: usize,
    /// How long models let people wait.
    #[serde(default)]
    pub models: Vec<Pace>,
}

/// Answer to `GET /status`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// How the agent itself is.
    pub agent: AgentStatus,
    /// What the next heartbeat would tell.
    pub vital_signs: Heartbeat,
}

/// What is answered for this server's own programs.
pub(crate) struct Control {
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) door: Arc<HubDoor>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) signs: Arc<Signs>,
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

async fn status(State(control): State<Arc<Control>>) -> Json<Answer> {
    let agent = AgentStatus {
        started_at: control.started_at,
        hub: control.door.standing(),
        vault: control.keeper.facts(),
        commands_at_work: control.commands.at_work(),
        models: control.meter.paces(),
    };
    Json(Answer { agent, vital_signs: control.signs.collect().await })
}

/// Well only if nothing can leave under the old state any more.
async fn reload(State(control): State<Arc<Control>>) -> Result<Json<Reloaded>, Refusal> {
    let reloaded = control.keeper.reload_everywhere(&control.proxies).await;
    match (control.keeper.facts().problem, reloaded.proxy) {
        (Some(problem), _) => Err(Refusal(problem)),
        (None, ProxyWord::Late) => Err(Refusal(Problem::transient(
            "NODE075",
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
