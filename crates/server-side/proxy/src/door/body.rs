//! Takes a body, bounded in size and time.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody as _},
    http::{HeaderMap, StatusCode, header},
};
use futures::StreamExt as _;

use crate::refusal::{BAD_BODY, Refusal};

const USUAL_BYTES: usize = 256 * 1024;

/// How many bytes may come: what is announced, or `most`.
pub(super) fn announced(body: &Body, most: usize) -> Result<usize, Refusal> {
    match body.size_hint().upper().map(usize::try_from) {
        Some(Ok(length)) if length <= most => Ok(length),
        Some(_) => Err(too_large(most)),
        None => Ok(most),
    }
}

/// Reads a body.
pub(super) async fn read(body: Body, most: usize, wait: Duration) -> Result<Vec<u8>, Refusal> {
    let reading = async {
        // What is announced need not come; a usual body fits at once, a long one grows.
        let usual = usize::try_from(body.size_hint().lower()).unwrap_or(most).min(USUAL_BYTES);
        let mut stream = body.into_data_stream();
        let mut whole = Vec::with_capacity(usual);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Refusal::bad_body("the body is cut"))?;
            if whole.len() + chunk.len() > most {
                return Err(too_large(most));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    };
    let late = || Refusal::new(StatusCode::REQUEST_TIMEOUT, BAD_BODY, "the body does not arrive in time");
    tokio::time::timeout(wait, reading).await.unwrap_or_else(|_| Err(late()))
}

/// Only plain JSON is let through: what is packed cannot be looked through.
pub(super) fn must_be_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let is_json = content_type
        .split(';')
        .next()
        .is_some_and(|found| found.trim().eq_ignore_ascii_case("application/json"));
    let is_plain =
        text(header::CONTENT_ENCODING).is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
    if is_json && is_plain {
        return Ok(());
    }
    let message = "only application/json without an encoding is taken";
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, BAD_BODY, message))
}

fn too_large(most: usize) -> Refusal {
    let message = format!("the body is longer than {} MiB", most / (1024 * 1024));
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, BAD_BODY, message)
}
