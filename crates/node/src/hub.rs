//! The Hub as the agent sees it: introduce yourself once, then say regularly that you are well.

use std::time::Duration;

use chrono::{DateTime, Utc};
use letsbe_provision::hub_address;
use letsbe_types::{
    Problem, Secret,
    api::{ErrorReply, RegisterReply, RegisterRequest, Reply},
    tenant::Heartbeat,
};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{files, layout::Layout};

/// Version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// A lost reply to a registration is settled by registering again.
const REGISTER_ATTEMPTS: u32 = 5;

/// What `register` reads from standard input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Introduction {
    hub_url: String,
    token: Secret<String>,
}

/// What the agent needs to know; in `agent.json`, for root only.
#[derive(Serialize, Deserialize)]
pub(crate) struct AgentState {
    pub(crate) hub_url: String,
    pub(crate) agent_key: String,
}

/// When the Hub last accepted a heartbeat; in `heartbeat.json`.
#[derive(Serialize, Deserialize)]
pub(crate) struct HeartbeatState {
    pub(crate) accepted_at: DateTime<Utc>,
}

/// Registers with the Hub by a one-time token, and keeps the key that it answers with.
pub(crate) async fn register(layout: &Layout) -> Result<(), Problem> {
    let introduction: Introduction = serde_json::from_reader(std::io::stdin().lock()).map_err(|error| {
        Problem::permanent(
            "NODE002",
            format!("The introduction cannot be read: {error}"),
            "Report this as a bug.",
        )
    })?;
    let identity = files::read(&layout.state("identity"))?.ok_or_else(|| {
        Problem::permanent(
            "NODE024",
            "This server carries no identity",
            "Step 1 plants it; run the steps in order.",
        )
    })?;
    let identity = String::from_utf8_lossy(&identity).trim().to_owned();
    let hub_url = hub_address::checked(&introduction.hub_url)?;
    let request = RegisterRequest { identity, node_version: VERSION.to_owned() };
    let url = format!("{hub_url}/api/v1/tenant/register");
    let mut pause = Duration::from_millis(500);
    for attempt in 1.. {
        match post::<RegisterReply>(&url, introduction.token.expose(), &request).await {
            Ok(reply) => {
                let state = AgentState { hub_url, agent_key: reply.agent_key };
                return files::write_json(&layout.state("agent.json"), &state);
            }
            Err(problem) if !problem.retryable || attempt == REGISTER_ATTEMPTS => return Err(problem),
            Err(problem) => tracing::warn!(%problem, "registering again"),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    unreachable!("the loop above ends by returning")
}

/// Sends one heartbeat.
pub(crate) async fn beat(layout: &Layout, agent: &AgentState, heartbeat: &Heartbeat) -> Result<(), Problem> {
    let hub_url = hub_address::checked(&agent.hub_url)?;
    let url = format!("{hub_url}/api/v1/tenant/heartbeat");
    post::<serde_json::Value>(&url, &agent.agent_key, heartbeat).await?;
    files::write_json(&layout.state("heartbeat.json"), &HeartbeatState { accepted_at: Utc::now() })
}

async fn post<T: DeserializeOwned>(url: &str, token: &str, body: &impl Serialize) -> Result<T, Problem> {
    let away = |error: reqwest::Error| {
        let message = format!("The Hub does not answer: {error}");
        Problem::transient("HUB003", message, "Check the Hub's address and the server's network.")
    };
    let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build().map_err(away)?;
    let reply = client.post(url).bearer_auth(token).json(body).send().await.map_err(away)?;
    let status = reply.status();
    if status.is_success() {
        return reply.json::<Reply<T>>().await.map(|reply| reply.data).map_err(away);
    }
    let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let said = reply.json::<ErrorReply>().await.map_or_else(|_| String::new(), |body| body.error.message);
    let message = format!("The Hub refused: {status} {said}");
    let hint = "The token or key may have been used, replaced or revoked; provision the server again.";
    Err(Problem { retryable: passing, ..Problem::permanent("HUB006", message.trim_end(), hint) })
}
