//! Passes tool calls and webhooks on to the command gate, which decides on them itself.

use std::{path::Path, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::Response,
};
use futures::StreamExt as _;
use reqwest::{Client, redirect};

use super::{Proxy, body, place};
use crate::{
    limits::GATE_BYTES,
    refusal::{NO_GATE, NOT_ALLOWED, Refusal},
};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Headers that reach the gate. It refuses foreign names and pages of a browser by `Host` and `Origin`.
const INWARD: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::HOST,
    header::ORIGIN,
    SESSION,
    PROTOCOL,
    LAST_EVENT,
    MCP_METHOD,
    MCP_NAME,
];
/// Headers that come back.
const OUTWARD: [HeaderName; 7] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::RETRY_AFTER,
    header::ALLOW,
    header::WWW_AUTHENTICATE,
    SESSION,
    PROTOCOL,
];

/// The command gate behind its socket.
#[derive(Debug)]
pub(super) struct Gate {
    client: Client,
    patience: Duration,
}

impl Gate {
    pub(super) fn new(socket: &Path, patience: Duration) -> reqwest::Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tls_certs_only(None::<reqwest::Certificate>)
            .unix_socket(socket)
            .build()?;
        Ok(Self { client, patience })
    }
}

/// MCP over streamable HTTP.
pub(super) async fn mcp(proxy: State<Proxy>, request: Request) -> Result<Response, Refusal> {
    if matches!(*request.method(), Method::GET | Method::POST | Method::DELETE) {
        return pass_on(proxy, request).await;
    }
    let message = "MCP takes GET, POST and DELETE";
    Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, NOT_ALLOWED, message))
}

/// One request to the gate, and its answer as it comes.
pub(super) async fn pass_on(
    State(Proxy(served)): State<Proxy>,
    request: Request,
) -> Result<Response, Refusal> {
    let patience = &served.asker.patience;
    let (parts, incoming) = request.into_parts();
    let announced = body::announced(&incoming, GATE_BYTES)?;
    let turn = place(&served.gate_requests, 1, patience.agent).await?;
    let room = place(&served.bodies, announced.div_ceil(1024), patience.agent).await?;
    let body = body::read(incoming, GATE_BYTES, patience.caller).await?;
    // The socket is what is connected to, and `Host` is the caller's: the name here stands for nothing.
    let sending = served
        .gate
        .client
        .request(parts.method, format!("http://localhost{}", parts.uri.path()))
        .headers(allowed(&parts.headers, &INWARD))
        .body(body)
        .send();
    let answer = tokio::time::timeout(served.gate.patience, sending).await;
    drop(room);
    let answer = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => return Err(away("the command gate is away; the agent of this server serves it")),
        Err(_) => return Err(away("the command gate does not answer in time")),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = allowed(answer.headers(), &OUTWARD);
    let mut closing = served.asker.closing.clone();
    let held = answer.bytes_stream().map(move |chunk| {
        let _ = &turn;
        chunk
    });
    let until = Box::pin(async move { closing.closed().await });
    *response.body_mut() = Body::from_stream(held.take_until(until));
    Ok(response)
}

fn away(message: &str) -> Refusal {
    let refusal = Refusal::new(StatusCode::BAD_GATEWAY, NO_GATE, message);
    Refusal { retry_after: Some(Duration::from_secs(5)), ..refusal }
}

fn allowed(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let found = names.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone())));
    found.collect()
}
