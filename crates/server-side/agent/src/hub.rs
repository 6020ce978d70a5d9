//! The Hub as the agent sees it: introduce yourself once, then say regularly that you are well.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use letsbe_protocol::hub_address;
use letsbe_types::{
    Code, Problem, Secret,
    api::{ErrorReply, RegisterReply, RegisterRequest, Reply},
    job::HubLink,
    relay::{ModelGrant, RELAY_PATH},
    tenant::{CommandsReply, EventsReply, Heartbeat, HeartbeatReply, TenantEvents, limits},
};
use reqwest::{StatusCode, header::RETRY_AFTER};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use letsbe_base::{files, layout::Layout};

/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer nobody waits because the Hub, or a server in front of it, said so: a word from a few minutes of trouble there
/// must not silence this server for a day.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// No answer of the Hub is longer.
const ANSWER_BYTES: usize = 1 << 20;
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
pub struct AgentState {
    /// The Hub's address.
    pub hub_url: String,
    /// This server's key.
    pub agent_key: String,
    /// The mark of the token that it registered with.
    #[serde(default)]
    pub registered_by: Option<String>,
}

/// When the Hub last accepted a heartbeat; in `heartbeat.json`.
#[derive(Serialize, Deserialize)]
pub struct HeartbeatState {
    /// When it was accepted.
    pub accepted_at: DateTime<Utc>,
}

/// Registers with the Hub by a one-time token, and keeps the key that it answers with.
pub async fn register(layout: &Layout) -> Result<(), Problem> {
    let introduction: Introduction = serde_json::from_reader(std::io::stdin().lock()).map_err(|error| {
        Problem::permanent(
            Code::NODE002,
            format!("The introduction cannot be read: {error}"),
            "Report this as a bug.",
        )
    })?;
    let identity = files::read(&layout.state("identity"))?.ok_or_else(|| {
        Problem::permanent(
            Code::NODE024,
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
                let registered_by = Some(HubLink::mark_of(introduction.token.expose()));
                let state = AgentState { hub_url, agent_key: reply.agent_key, registered_by };
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

/// The Hub, as this server's key opens it.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    key: Secret<String>,
    /// Until when the Hub does not want to be asked this.
    waits: Mutex<HashMap<Matter, Instant>>,
}

/// What the Hub is asked; each waits by itself when the Hub says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Matter {
    Heartbeat,
    Commands,
    Models,
    Events,
}

impl Client {
    /// A client for this registration.
    pub(crate) fn new(agent: &AgentState) -> Result<Self, Problem> {
        let url = hub_address::checked(&agent.hub_url)?;
        Ok(Self { http: client()?, url, key: agent.agent_key.as_str().into(), waits: Mutex::default() })
    }

    /// Sends one heartbeat.
    pub(crate) async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<HeartbeatReply, Problem> {
        let request = self.http.post(format!("{}/api/v1/tenant/heartbeat", self.url)).json(heartbeat);
        self.ask(Matter::Heartbeat, request).await
    }

    /// Asks for commands; the Hub answers when there is one, or after [`limits::WAIT_SECONDS`].
    pub(crate) async fn commands(&self) -> Result<CommandsReply, Problem> {
        let wait = limits::WAIT_SECONDS;
        let request = self.http.get(format!("{}/api/v1/tenant/commands?wait={wait}", self.url));
        let patience = Duration::from_secs(wait) + REQUEST_TIMEOUT;
        self.ask(Matter::Commands, request.timeout(patience)).await
    }

    /// Asks for this server's access to models; the key in the answer is a new one.
    pub(crate) async fn models(&self) -> Result<ModelGrant, Problem> {
        let request = self.http.post(format!("{}{RELAY_PATH}", self.url));
        self.ask(Matter::Models, request).await
    }

    /// Tells what happened.
    pub(crate) async fn events(&self, events: &TenantEvents) -> Result<EventsReply, Problem> {
        let request = self.http.post(format!("{}/api/v1/tenant/events", self.url)).json(events);
        self.ask(Matter::Events, request).await
    }

    /// Asks with this server's key, unless the Hub said that it is too early.
    async fn ask<T: DeserializeOwned>(
        &self,
        matter: Matter,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Problem> {
        if let Some(left) = self.left(matter, Instant::now()) {
            let message =
                format!("The Hub is not asked for {} more seconds, as it wished", left.as_secs() + 1);
            return Err(Problem::transient(
                Code::HUB006,
                message,
                "Nothing: this server asks again by itself.",
            ));
        }
        let Refused { status, said, wait } = match answer(request.bearer_auth(self.key.expose())).await? {
            Ok(reply) => return Ok(reply),
            Err(refused) => refused,
        };
        if let Some(wait) = wait {
            let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
            waits.insert(matter, Instant::now() + wait);
        }
        Err(with_key(status, &said))
    }

    /// How much longer the Hub does not want to be asked this.
    fn left(&self, matter: Matter, now: Instant) -> Option<Duration> {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.get(&matter).and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }
}

/// What the Hub answered instead.
struct Refused {
    status: StatusCode,
    said: String,
    /// How long it wants to be left alone.
    wait: Option<Duration>,
}

/// `Retry-After` of an answer that says "later", in seconds and at most a day.
fn retry_after(reply: &reqwest::Response) -> Option<Duration> {
    let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&reply.status());
    let seconds = reply.headers().get(RETRY_AFTER).filter(|_| later)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// Whether the Hub has said that the key is not valid (any more).
pub(crate) fn is_key_refused(problem: &Problem) -> bool {
    problem.code == Code::NODE072
}

/// Whether the Hub has said that it cannot read a message, and never will.
pub(crate) fn is_unreadable(problem: &Problem) -> bool {
    problem.code == Code::HUB007
}

fn away(error: reqwest::Error) -> Problem {
    let message = format!("The Hub does not answer: {error}");
    Problem::transient(Code::HUB003, message, "Check the Hub's address and the server's network.")
}

fn client() -> Result<reqwest::Client, Problem> {
    let builder = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).connect_timeout(CONNECT_TIMEOUT);
    builder.redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(4).build().map_err(|error| {
        let message = format!("The agent cannot ask the Hub: {error}");
        Problem::permanent(Code::NODE047, message, "Report this as a bug.")
    })
}

async fn post<T: DeserializeOwned>(url: &str, token: &str, body: &impl Serialize) -> Result<T, Problem> {
    let answer = answer(client()?.post(url).bearer_auth(token).json(body)).await?;
    answer.map_err(|Refused { status, said, .. }| refused(status, &said))
}

/// What a refusal of this server's own key means.
fn with_key(status: StatusCode, said: &str) -> Problem {
    match status {
        StatusCode::UNAUTHORIZED => Problem::permanent(
            Code::NODE072,
            format!("The Hub refuses this server's key: {said}"),
            "The key was revoked or replaced. Everything on the server goes on; provision it again to register.",
        ),
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Problem::permanent(
                Code::HUB007,
                format!("The Hub cannot read a message of this server: {status} {said}"),
                "Hub and node program must fit together: update the older one.",
            )
        }
        _ => refused(status, said),
    }
}

fn refused(status: StatusCode, said: &str) -> Problem {
    let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let message = format!("The Hub refused: {status} {said}");
    let hint = "The token or key may have been used, replaced or revoked; provision the server again.";
    Problem { retryable: passing, ..Problem::permanent(Code::HUB006, message.trim_end(), hint) }
}

/// The Hub's answer, or how it refused.
async fn answer<T: DeserializeOwned>(
    request: reqwest::RequestBuilder,
) -> Result<Result<T, Refused>, Problem> {
    let reply = request.send().await.map_err(away)?;
    let (status, wait) = (reply.status(), retry_after(&reply));
    let body = bounded(reply).await?;
    if !status.is_success() {
        let said = serde_json::from_slice::<ErrorReply>(&body).map(|body| body.error.message);
        return Ok(Err(Refused { status, said: said.unwrap_or_default(), wait }));
    }
    serde_json::from_slice::<Reply<T>>(&body).map(|reply| Ok(reply.data)).map_err(|error| {
        let message = format!("The Hub's answer cannot be read: {error}");
        Problem::transient(
            Code::HUB009,
            message,
            "Hub and node program must fit together: update the older one.",
        )
    })
}

/// The body, if it is not larger than any answer of the Hub can be.
async fn bounded(mut reply: reqwest::Response) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(away)? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(Problem::transient(
                Code::HUB009,
                format!("The Hub's answer is longer than {ANSWER_BYTES} bytes"),
                "Check that the address is the Hub's.",
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::{Duration, Instant},
    };

    use axum::{Router, http::StatusCode, routing::post};
    use letsbe_types::tenant::TenantEvents;

    use super::{AgentState, Client, Matter};

    #[tokio::test]
    async fn a_hub_that_says_later_is_left_alone_until_then_in_this_matter_only() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let later = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "200")], "{}") }
        };
        let router = Router::new()
            .route("/api/v1/tenant/events", post(later))
            .route("/api/v1/tenant/models", post(|| async { StatusCode::TOO_MANY_REQUESTS }));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let hub_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(letsbe_serve::serve(listener, router, letsbe_serve::Bounds::local(), pending()));
        let client =
            Client::new(&AgentState { hub_url, agent_key: "key".into(), registered_by: None }).unwrap();
        for _ in 0..3 {
            let problem = client.events(&TenantEvents { events: Vec::new() }).await.unwrap_err();
            assert!(problem.retryable && problem.code == "HUB006", "{problem}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let now = Instant::now();
        assert_eq!(client.left(Matter::Events, now + Duration::from_secs(201)), None, "asked again then");
        // Without a word on when, nothing is held back; the pauses of who asks grow by themselves.
        client.models().await.unwrap_err();
        assert_eq!(client.left(Matter::Models, now), None);
        assert_eq!(client.left(Matter::Heartbeat, now), None);
    }
}
