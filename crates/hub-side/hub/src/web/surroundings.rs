//! What surrounds every answer: headers, the log line, and answers where there is no handler.

use std::{any::Any, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use letsbe_types::relay::RELAY_PATH;
use tokio::time::{Instant, timeout};

use super::{around, error_page, language, stranger_page};
use crate::{AppState, controllers::ApiError, convergence, relay::Patience};

/// Scripts and styles come from files of ours only: nothing inline, so no nonce is needed.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The longest wait for an answer to begin; a slow sender must not hold a place for ever.
const LONGEST: Duration = Duration::from_secs(30);

/// Headers of every answer.
pub(crate) async fn headers(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // Not `no-referrer`: with it a browser says `Origin: null` of our own forms, too, and where it sends no
    // `Sec-Fetch-Site` (a Hub by plain HTTP, as in the demo) nobody could log in.
    let fixed = [
        ("content-security-policy", CONTENT_POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if state.public_url.starts_with("https://") {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// One log line for each request: the route, never the query, a header or the body.
pub(crate) async fn logged(request: Request, next: Next) -> Response {
    let (begun, method) = (Instant::now(), request.method().clone());
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = matched.unwrap_or_else(|| "(no route)".to_owned());
    // The relay waits for models, and a plan for a server, with limits of their own.
    let longest = match &*route {
        convergence::PLAN_PATH => convergence::PATIENCE + LONGEST,
        route if route.starts_with(RELAY_PATH) => Patience::default().whole,
        _ => LONGEST,
    };
    let response = timeout(longest, next.run(request)).await.unwrap_or_else(|_| {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "The request took too long.").into_response()
    });
    let (status, milliseconds) = (response.status().as_u16(), begun.elapsed().as_millis());
    match status {
        500.. => tracing::error!(%method, route, status, milliseconds, "request"),
        400.. => tracing::info!(%method, route, status, milliseconds, "request"),
        _ => tracing::debug!(%method, route, status, milliseconds, "request"),
    }
    response
}

/// Whether a person reads the answer in a browser.
fn wants_page(uri: &Uri, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html")) && !uri.path().starts_with("/api/")
}

/// A refusal outside of any handler: a page in a browser, where staff keeps its navigation; JSON otherwise.
pub(crate) async fn refused(state: &AppState, uri: &Uri, headers: &HeaderMap, error: ApiError) -> Response {
    if !wants_page(uri, headers) {
        return error.into_response();
    }
    // What came too often can be tried again; beyond that a stranger has no page to go back to.
    let again = error.status == StatusCode::TOO_MANY_REQUESTS || uri.path() == "/login";
    // Two slashes would lead to another host.
    let same = Some(uri.path()).filter(|path| again && !path.starts_with("//"));
    around::with_visitor(state, headers, uri.path(), |operator| match operator {
        Some(_) => error_page(error, operator, same.unwrap_or("/")),
        None => stranger_page(error, language::asked(headers), same.unwrap_or_default()),
    })
    .await
}

/// What was refused anywhere is a page for whoever reads it in a browser.
pub(crate) async fn as_page(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if !wants_page(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<ApiError>() {
        None => response,
        // The database may be what does not answer.
        Some(error) if error.status.is_server_error() || error.status == StatusCode::REQUEST_TIMEOUT => {
            stranger_page(error, language::asked(&headers), "/")
        }
        Some(error) => refused(&state, &uri, &headers, error).await,
    }
}

/// There is nothing at this address.
pub(crate) async fn not_found(State(state): State<AppState>, uri: Uri, headers: HeaderMap) -> Response {
    refused(&state, &uri, &headers, ApiError::not_found()).await
}

/// The address is right, the method is not.
pub(crate) async fn wrong_method(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let message = format!("{method} is not possible here.");
    let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message);
    refused(&state, &uri, &headers, error).await
}

/// A bug: the caller learns nothing of it, the log has the message.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer asks for")]
pub(crate) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    ApiError::internal(&text).into_response()
}
