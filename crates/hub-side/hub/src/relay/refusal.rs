//! What a caller is answered when a provider refuses or does not answer. A provider's own words are passed on only where
//! they quote no piece of the Hub's key.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use letsbe_types::refused::{Fault, fault, told};
use reqwest::Response as Answer;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{key_guard::KeyGuard, limits::ERROR_BYTES, upstream::NoAnswer};
use crate::controllers::ApiError;

/// Longest text of a provider's error that is passed on.
const TEXT: usize = 1_000;
/// Longest pause that a provider can ask for.
const LONGEST_PAUSE: u64 = 3_600;

/// What a provider's status means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The Hub's key, account or settings are at fault, or the provider is in trouble.
    Ours,
    /// The request, or its time, is at fault: the caller gets this status.
    Callers(StatusCode),
}

const fn meaning(status: StatusCode) -> Meaning {
    match status.as_u16() {
        401..=403 | 407 => Meaning::Ours,
        400..=499 | 503 => Meaning::Callers(status),
        _ => Meaning::Ours,
    }
}

/// The answer to a caller whose provider did not answer.
pub(super) fn no_answer(provider: &str, why: NoAnswer) -> ApiError {
    let message = match why {
        NoAnswer::NoKey => format!("The Hub has no key for the provider {provider}; its operator must look."),
        NoAnswer::Unreachable => format!("The Hub does not reach the provider {provider}."),
        NoAnswer::Broken => format!("The provider {provider} does not answer."),
    };
    ApiError::new(StatusCode::BAD_GATEWAY, message)
}

/// The answer to a caller whose provider answered something else than was asked for.
pub(super) async fn refused(provider: &str, answer: Answer, guard: &KeyGuard, idle: Duration) -> Response {
    let status = answer.status();
    let Meaning::Callers(status) = meaning(status) else { return ours(provider, status) };
    let retry_after = retry_after(answer.headers());
    let body = bounded(answer, idle).await.unwrap_or_default();
    if is_ours(status, &body, guard) {
        return ours(provider, status);
    }
    let error = said(&body, guard).unwrap_or_else(|| {
        json!({ "message": format!("The provider {provider} refuses the request with {}.", status.as_u16()) })
    });
    let mut response = (status, Json(json!({ "error": error }))).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn ours(provider: &str, status: StatusCode) -> Response {
    let status = status.as_u16();
    tracing::error!(provider, status, "a model provider refuses the Hub or is in trouble");
    let message = format!("The provider {provider} answers the Hub with {status}.");
    ApiError::new(StatusCode::BAD_GATEWAY, message).into_response()
}

/// Whether a status that can be the request's own is the Hub's or the provider's here: a dead key is 400, too.
fn is_ours(status: StatusCode, body: &[u8], guard: &KeyGuard) -> bool {
    let can_be_the_requests = matches!(status.as_u16(), 400 | 413 | 415 | 422);
    let is_of_the_key = || guard.is_quoted_in(&String::from_utf8_lossy(body));
    can_be_the_requests && (matches!(fault(status.as_u16(), body), Fault::Provider(_)) || is_of_the_key())
}

/// The few fields of an error that say something to a program or a person; `None` if they quote the key.
fn said(body: &[u8], guard: &KeyGuard) -> Option<Value> {
    let told = told(body)?;
    let error = told.get("error")?;
    let text = |value: &Value| value.as_str().map(|text| text.chars().take(TEXT).collect::<String>());
    let fields = ["message", "type", "code", "param"];
    let fields: Map<String, Value> = fields
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), json!(text(error.get(name)?)?))))
        .collect();
    let fields = Value::Object(fields);
    (!guard.is_quoted_in(&fields.to_string())).then_some(fields)
}

fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.min(LONGEST_PAUSE))
}

async fn bounded(mut answer: Answer, idle: Duration) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = timeout(idle, answer.chunk()).await.ok()?.ok()? {
        if body.len() + chunk.len() > ERROR_BYTES {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::{KeyGuard, Meaning, meaning, said};

    #[test]
    fn a_refusal_of_the_hubs_own_key_is_not_the_callers() {
        for status in [301, 401, 402, 403, 407, 500, 502, 504] {
            assert_eq!(meaning(StatusCode::from_u16(status).unwrap()), Meaning::Ours, "{status}");
        }
        for status in [400, 404, 413, 422, 429, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(meaning(status), Meaning::Callers(status), "{status}");
        }
    }

    #[test]
    fn a_dead_key_is_the_hubs_whatever_the_status() {
        let guard = KeyGuard::new("sk-canary-0123456789".into());
        for (status, body, ours) in [
            (400, r#"[{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}]"#, true),
            (400, r#"{"error":"Incorrect: sk-canary***"}"#, true),
            (422, r#"{"error":{"code":"insufficient_quota"}}"#, true),
            (400, "<html>", true),
            (400, r#"{"error":{"message":"temperature is too high"}}"#, false),
            (413, "", false),
            (404, r#"{"error":{"code":"model_not_found"}}"#, false),
            (429, r#"{"error":{"code":"rate_limit_exceeded"}}"#, false),
        ] {
            let code = StatusCode::from_u16(status).unwrap();
            assert_eq!(super::is_ours(code, body.as_bytes(), &guard), ours, "{status} {body}");
        }
    }

    #[test]
    fn of_an_error_the_known_texts_pass_and_none_that_quotes_the_key() {
        let guard = KeyGuard::new("sk-canary-0123456789".into());
        let passes = |body: serde_json::Value| said(body.to_string().as_bytes(), &guard);
        let good = json!({ "error": { "message": "too long", "type": "invalid", "code": "x", "param": "n",
                                      "headers": { "authorization": "Bearer sk-canary-0123456789" } } });
        let wanted = json!({ "message": "too long", "type": "invalid", "code": "x", "param": "n" });
        assert_eq!(passes(good), Some(wanted));
        for bad in [
            json!({ "error": { "message": "key sk-canary-0123456789 has no credit" } }),
            json!({ "error": { "message": "x", "param": "sk-cana**********6789 SK-CANARY-01" } }),
        ] {
            assert_eq!(passes(bad.clone()), None, "{bad}");
        }
        for body in
            [json!({ "error": "x" }), json!({ "detail": "x" }), json!([{ "error": { "message": "x" } }])]
        {
            assert_eq!(
                passes(body.clone()).map(|error| error["message"].clone()),
                Some(json!("x")),
                "{body}"
            );
        }
        assert_eq!(said(b"<html>", &guard), None);
    }
}
