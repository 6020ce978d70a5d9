//! One request from a server to a provider and back.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use letsbe_store::{KeyRefused, RelayRequest, Reserved, token_hash};
use letsbe_types::ids::OrderId;
use tokio::time::{Instant, timeout};

use super::{
    Form, Relay,
    answer::Answer,
    asked::{Asked, NotAsked},
    key_guard::KeyGuard,
    limits::{Crowded, REQUEST_BYTES, Slot},
    meter::Meter,
    refusal,
    upstream::{NoAnswer, Upstream, content_type},
    usage::{Reported, UsageReader},
};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, extract},
    security::{keys, limit::KnownCaller},
};

/// Answers a server's request for a model.
pub(crate) async fn forward(state: &AppState, form: Form, provider: &str, request: Request) -> Response {
    let tenant = match tenant(state, request.headers()).await {
        Ok(tenant) => tenant,
        Err(refused) => return refused.into_response(),
    };
    let answered = answer(state, tenant, form, provider, request).await;
    let mut response = answered.unwrap_or_else(ApiError::into_response);
    // Whoever has a good key is not held up by what models refuse.
    response.extensions_mut().insert(KnownCaller);
    response
}

async fn tenant(state: &AppState, headers: &HeaderMap) -> ApiResult<OrderId> {
    let key = keys::bearer(headers)
        .ok_or_else(|| ApiError::unauthorized("Send the key as Authorization: Bearer …"))?;
    let known = state.store.relay_tenant(&token_hash(key), state.clock.now()).await?;
    known.map_err(|why| {
        ApiError::unauthorized(match why {
            KeyRefused::Unknown => "No server has this key for models (any more).",
            KeyRefused::Revoked => "This server's key was revoked.",
        })
    })
}

async fn answer(
    state: &AppState,
    tenant: OrderId,
    form: Form,
    provider: &str,
    request: Request,
) -> ApiResult<Response> {
    let relay = state.relay.as_ref().ok_or_else(ApiError::not_found)?;
    let upstream = relay.upstreams.get(provider).ok_or_else(ApiError::not_found)?;
    let deadline = Instant::now() + relay.patience.whole;
    let slot = relay.slots.take(tenant).map_err(crowded)?;
    let length = length(request.headers())?;
    // Until the provider has begun to answer.
    let room = slot.share().memory(length.saturating_mul(2)).map_err(crowded)?;
    let body = body(state, relay, request).await?;
    let asked = Asked::read(form, &body, |model| upstream.longest_answer(model)).map_err(not_asked)?;
    drop(body);
    let meter = reserve(state, tenant, upstream, &asked).await?;
    let response = send(relay, upstream, form, asked, (meter, slot), deadline).await;
    drop(room);
    Ok(response)
}

fn crowded(crowded: Crowded) -> ApiError {
    match crowded {
        Crowded::Tenant => ApiError::crowded(),
        Crowded::Everybody => ApiError::busy(),
    }
}

/// How long the body is, or can be.
fn length(headers: &HeaderMap) -> ApiResult<usize> {
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match said.unwrap_or(REQUEST_BYTES) {
        length if length > REQUEST_BYTES => {
            Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than this address takes."))
        }
        length => Ok(length),
    }
}

async fn body(state: &AppState, relay: &Relay, request: Request) -> ApiResult<Bytes> {
    let reading = timeout(relay.patience.caller, extract::bytes(request, state)).await;
    reading.map_err(|_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "The body did not come in time."))?
}

fn not_asked(why: NotAsked) -> ApiError {
    match why {
        NotAsked::Body(message) => ApiError::bad_request(message),
        NotAsked::Model(model) => {
            // The name is the caller's own text; a long one is not repeated.
            let model: String = model.chars().take(100).collect();
            ApiError::forbidden(format!("The model {model:?} is not among those that may be asked."))
        }
    }
}

/// The pool is the server's own to keep; here it has some slack, for what the two count differently.
const fn with_slack(pool: u64) -> u64 {
    pool.saturating_add(pool / 10)
}

async fn reserve(state: &AppState, tenant: OrderId, upstream: &Upstream, asked: &Asked) -> ApiResult<Meter> {
    let pool = state.store.configuration(tenant).await?.map_or(0, |configuration| configuration.token_pool);
    let model = format!("{}/{}", upstream.name, asked.model);
    let request = RelayRequest { tenant, model: &model, input: asked.input, output: asked.output };
    match state.store.reserve_relay(request, with_slack(pool), state.clock.now()).await? {
        Reserved::As(id) => {
            let bound = Reported { input: asked.input, output: asked.output };
            Ok(Meter::new(state.store.clone(), Arc::clone(&state.clock), id, bound))
        }
        Reserved::Exhausted(taken) => {
            let message =
                format!("{taken} of {pool} tokens of this month are used or held: no more are left.");
            Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, message))
        }
    }
}

async fn send(
    relay: &Arc<Relay>,
    upstream: &Upstream,
    form: Form,
    asked: Asked,
    (mut meter, slot): (Meter, Slot),
    deadline: Instant,
) -> Response {
    let no_answer = |why| refusal::no_answer(&upstream.name, why).into_response();
    let key = match upstream.key().await {
        Ok(key) => key,
        Err(why) => return no_answer(why),
    };
    meter.sending();
    let stream = asked.stream;
    let response = match upstream.ask(&key, form, stream, asked.body).await {
        Ok(response) => response,
        Err(why) => {
            if matches!(why, NoAnswer::Unreachable | NoAnswer::NoKey) {
                meter.free();
            }
            return no_answer(why);
        }
    };
    let guard = KeyGuard::new(key);
    if !response.status().is_success() {
        meter.free();
        return refusal::refused(&upstream.name, response, &guard, relay.patience.idle).await;
    }
    let Some(kind) = kind(response.headers(), stream) else {
        tracing::warn!(provider = upstream.name, "a provider's answer is none");
        return no_answer(NoAnswer::Broken);
    };
    let usage = UsageReader::new(slot.share(), kind == content_type(true));
    let answer = Answer::new(response, guard, usage, (Arc::clone(relay), meter, slot), deadline);
    let mut response = Response::new(answer.into_body());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // A web server in front of the Hub must not collect it.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// What an answer is by its head, or what was asked for where that says nothing. A page is none, nor what is packed.
fn kind(headers: &HeaderMap, stream: bool) -> Option<&'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let packed = text(header::CONTENT_ENCODING).trim().to_lowercase();
    let found = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_lowercase();
    let is_none = !matches!(packed.as_str(), "" | "identity") || found == "text/html";
    (!is_none).then(|| match found.as_str() {
        "text/event-stream" => content_type(true),
        json if json.ends_with("/json") || json.ends_with("+json") => content_type(false),
        _ => content_type(stream),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::kind;

    #[test]
    fn an_answer_is_what_its_head_says_or_what_was_asked_for() {
        const STREAM: Option<&str> = Some("text/event-stream");
        const JSON: Option<&str> = Some("application/json");
        for (name, value, asked_stream, asked_whole) in [
            ("content-type", "text/event-stream; charset=utf-8", STREAM, STREAM),
            ("content-type", "Application/JSON", JSON, JSON),
            ("content-type", "application/problem+json", JSON, JSON),
            ("content-type", "text/plain", STREAM, JSON),
            ("x-nothing", "x", STREAM, JSON),
            ("content-type", "text/html", None, None),
            ("content-encoding", "gzip", None, None),
        ] {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!((kind(&headers, true), kind(&headers, false)), (asked_stream, asked_whole), "{value}");
        }
    }
}
