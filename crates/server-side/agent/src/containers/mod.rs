//! The containers as a tool may see them: Docker's own interface on a socket of the agent's, of which a short list is let
//! through. Whoever has Docker's socket is root; whoever has this one sees which containers there are, how they are and
//! what they log, and can start, stop and restart those of tools. No body is ever passed to Docker, and no connection is
//! ever handed over.

mod allow;
mod shown;

use std::{path::Path, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use chrono::Utc;
use futures::StreamExt as _;
use letsbe_types::{Code, Problem, ids::JobId};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::allow::{Allowed, Answer, decide};
use letsbe_base::{layout::Layout, lock};

/// Where the engine listens.
const DOCKER: &str = "/var/run/docker.sock";
/// The socket, in its folder.
pub(super) const SOCKET: &str = "docker.sock";
/// For a connection, and for an answer that is read whole.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is read whole.
const ANSWER_BYTES: usize = 8 << 20;
/// Requests at the same time, streams included.
const REQUESTS: usize = 32;
/// The name of a change in the host's lock.
const OWNER: &str = "a change of a container's state (Portainer)";
/// Headers of Docker's answers that are passed on.
const HEADERS: [&str; 6] =
    ["content-type", "api-version", "docker-experimental", "ostype", "server", "builder-version"];

/// What requests need.
pub(crate) struct Containers {
    docker: reqwest::Client,
    layout: Layout,
    slots: Arc<Semaphore>,
}

/// A request that is not done: the status, the code of its page in `docs/errors`, and why.
struct Refused(StatusCode, Code, String);

const NOT_LET_THROUGH: Code = Code::PROXY030;
const TOO_MANY: Code = Code::PROXY031;
const NO_ANSWER: Code = Code::PROXY032;

impl Containers {
    pub(crate) fn new(layout: &Layout) -> Result<Self, Problem> {
        Self::of(layout, Path::new(DOCKER))
    }

    fn of(layout: &Layout, docker: &Path) -> Result<Self, Problem> {
        let builder = reqwest::Client::builder().unix_socket(docker.to_owned()).connect_timeout(PATIENCE);
        let builder = builder.redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(2);
        let docker = builder.build().map_err(|error| {
            Problem::permanent(
                Code::NODE047,
                format!("No client of Docker could be made: {error}"),
                "Report this.",
            )
        })?;
        Ok(Self { docker, layout: layout.clone(), slots: Arc::new(Semaphore::new(REQUESTS)) })
    }

    /// What is answered on the socket.
    pub(crate) fn router(self) -> Router {
        Router::new().fallback(answer).with_state(Arc::new(self))
    }
}

async fn answer(State(containers): State<Arc<Containers>>, request: Request) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let Some(allowed) = decide(&method, uri.path(), uri.query()) else {
        tracing::warn!(%method, path = uri.path(), "a request to Docker is not let through");
        let why = "this is not let through: containers are looked at here, and tools restarted";
        return Refused(StatusCode::FORBIDDEN, NOT_LET_THROUGH, why.to_owned()).into_response();
    };
    let Ok(slot) = Arc::clone(&containers.slots).try_acquire_owned() else {
        let why = "too many requests at the same time";
        return Refused(StatusCode::TOO_MANY_REQUESTS, TOO_MANY, why.to_owned()).into_response();
    };
    let answered = containers.answer(method, allowed, slot).await;
    answered.unwrap_or_else(Refused::into_response)
}

impl Containers {
    async fn answer(
        &self,
        method: Method,
        Allowed { target, answer }: Allowed,
        slot: OwnedSemaphorePermit,
    ) -> Result<Response, Refused> {
        match answer {
            Answer::Plain | Answer::Stream => {
                let reply = self.ask(method, &target).await?;
                Ok(passed_on(reply, slot))
            }
            Answer::Fields(shape) => {
                let reply = self.ask(method, &target).await?;
                let (status, headers) = (reply.status(), passed_headers(reply.headers()));
                let answer = read(reply).await?;
                // What Docker refuses it says in one text.
                let shown = match status.is_success() {
                    true => shown::shown(shape, &answer),
                    false => json!({ "message": answer["message"].as_str().unwrap_or_default() }),
                };
                Ok((status, headers, Json(shown)).into_response())
            }
            Answer::Change { container } => self.change(&target, &container, slot).await,
        }
    }

    /// Changes the state of a tool's container, while nobody else changes the server.
    async fn change(
        &self,
        target: &str,
        container: &str,
        slot: OwnedSemaphorePermit,
    ) -> Result<Response, Refused> {
        let reply = self.ask(Method::GET, &format!("/containers/{container}/json")).await?;
        let found = reply.status().is_success();
        let inspected = read(reply).await?;
        // By its id: a name could be another container's by then.
        let id = inspected["Id"].as_str().filter(|_| found && shown::is_tools(&inspected));
        let Some(id) = id else {
            let why = format!("{container} is no tool's container: its state is not changed here");
            return Err(Refused(StatusCode::FORBIDDEN, NOT_LET_THROUGH, why));
        };
        let run = JobId::generate();
        let locked = |problem: Problem| Refused(StatusCode::CONFLICT, NOT_LET_THROUGH, problem.to_string());
        lock::acquire(&self.layout, OWNER, run, Utc::now()).map_err(locked)?;
        let changed = self.ask(Method::POST, &target.replacen(container, id, 1)).await;
        lock::release(&self.layout, run).map_err(locked)?;
        tracing::info!(container, target, "a container's state was changed from the containers' socket");
        Ok(passed_on(changed?, slot))
    }

    async fn ask(&self, method: Method, target: &str) -> Result<reqwest::Response, Refused> {
        let request = self.docker.request(method, format!("http://docker{target}"));
        // A restart takes as long as the container needs to stop.
        let sent = tokio::time::timeout(PATIENCE * 4, request.send()).await;
        let late = |_| Refused(StatusCode::GATEWAY_TIMEOUT, NO_ANSWER, "Docker does not answer".to_owned());
        let gone = |_| Refused(StatusCode::BAD_GATEWAY, NO_ANSWER, "Docker cannot be reached".to_owned());
        sent.map_err(late)?.map_err(gone)
    }
}

async fn read(mut reply: reqwest::Response) -> Result<Value, Refused> {
    let broken = || Refused(StatusCode::BAD_GATEWAY, NO_ANSWER, "Docker's answer cannot be read".to_owned());
    let mut body = Vec::new();
    loop {
        let chunk = tokio::time::timeout(PATIENCE, reply.chunk()).await.map_err(|_| broken())?;
        let Some(chunk) = chunk.map_err(|_| broken())? else { break };
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(broken());
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| broken())
}

fn passed_on(reply: reqwest::Response, slot: OwnedSemaphorePermit) -> Response {
    let (status, headers) = (reply.status(), passed_headers(reply.headers()));
    let pieces = reply.bytes_stream().map(move |piece| {
        let _slot = &slot;
        piece
    });
    (status, headers, Body::from_stream(pieces)).into_response()
}

fn passed_headers(headers: &HeaderMap) -> HeaderMap {
    let known = headers.iter().filter(|(name, _)| HEADERS.contains(&name.as_str()));
    known.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Refused {
    fn into_response(self) -> Response {
        let mut response =
            (self.0, Json(json!({ "message": format!("{}: {}", self.1, self.2) }))).into_response();
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        response
    }
}

#[cfg(test)]
mod tests;
