//! A message of MCP before the protocol's library reads it.
//!
//! The library refuses a message that is none with a status and a text, and clients that take only JSON, though JSON is
//! all that is sent here. Both are settled before it is asked.

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::gate::{answer::Refusal, doors::BODY_BYTES};

const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const INVALID_PARAMS: i64 = -32_602;
/// What the library wants to be accepted.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wrong {
    code: i64,
    message: &'static str,
    id: Value,
}

/// Passes a message on that is one, and as the library wants it.
pub(super) async fn read(request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !is_json(request.headers()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES).await else {
        let message = format!("A message has at most {} KiB.", BODY_BYTES / 1024);
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message).into_response();
    };
    let message = match message(&body) {
        Ok(message) => message,
        Err(wrong) => return wrong.into_response(),
    };
    let id = message.get("id").cloned().unwrap_or_default();
    let message = message.to_string();
    if takes_json(&parts.headers) {
        parts.headers.insert(header::ACCEPT, BOTH);
    }
    parts.headers.insert(header::CONTENT_LENGTH, message.len().into());
    let response = next.run(Request::from_parts(parts, Body::from(message))).await;
    if response.status() != StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return response;
    }
    // The library could not read what is a message, so it is something within its parameters.
    Wrong { code: INVALID_PARAMS, message: "Invalid params: they cannot be read", id }.into_response()
}

impl Wrong {
    fn into_response(self) -> Response {
        let Self { code, message, id } = self;
        let error = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } });
        // A request that can be read is answered as the library answers it.
        let is_answer = code == INVALID_PARAMS && !error["id"].is_null();
        let status = if is_answer { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        (status, Json(error)).into_response()
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Whether a client takes JSON: it says so, or says nothing.
fn takes_json(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all(header::ACCEPT).iter().peekable();
    if said.peek().is_none() {
        return true;
    }
    let ranges = said.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    ranges.into_iter().any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| {
            let quality = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            quality.and_then(|quality| quality.parse::<f64>().ok()).is_some_and(|quality| quality <= 0.0)
        });
        let is_json =
            ["application/json", "application/*", "*/*"].iter().any(|json| kind.eq_ignore_ascii_case(json));
        is_json && !is_refused
    })
}

/// A message of JSON-RPC. Its number is a whole one, however it is written (`1.0` is 1).
fn message(body: &[u8]) -> Result<Value, Wrong> {
    let wrong = |code, message, id| Wrong { code, message, id };
    let mut message: Value = serde_json::from_slice(body)
        .map_err(|_| wrong(PARSE_ERROR, "Parse error: this is no JSON", Value::Null))?;
    let Some(fields) = message.as_object_mut() else {
        let why = "Invalid Request: one message at a time, and it is an object";
        return Err(wrong(INVALID_REQUEST, why, Value::Null));
    };
    let id = match fields.get("id") {
        None => None,
        Some(Value::String(id)) => Some(Value::from(id.as_str())),
        Some(number) => Some(whole(number).map(Value::from).ok_or_else(|| {
            wrong(INVALID_REQUEST, "Invalid Request: `id` is a text or a whole number", Value::Null)
        })?),
    };
    if let Some(id) = &id {
        fields.insert("id".to_owned(), id.clone());
    }
    let id = id.unwrap_or_default();
    if fields.get("jsonrpc").is_none_or(|version| version != "2.0") {
        return Err(wrong(INVALID_REQUEST, "Invalid Request: `jsonrpc` is \"2.0\"", id));
    }
    let is_answer = fields.contains_key("result") || fields.contains_key("error");
    if !is_answer && !fields.get("method").is_some_and(Value::is_string) {
        return Err(wrong(INVALID_REQUEST, "Invalid Request: `method` is a text", id));
    }
    if fields.get("params").is_some_and(Value::is_null) {
        fields.remove("params");
    }
    if fields.get("params").is_some_and(|params| !params.is_object()) {
        return Err(wrong(INVALID_PARAMS, "Invalid params: `params` is an object", id));
    }
    Ok(message)
}

/// A whole number that fits, as clients in JavaScript and Lua may write it.
fn whole(number: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| {
        let number = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT)?;
        format!("{number:.0}").parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};
    use serde_json::{Value, json};

    use super::{message, takes_json};

    #[test]
    fn a_client_takes_json_unless_it_says_otherwise() {
        for (accept, takes) in [
            (None, true),
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("*/*"), true),
            (Some("text/html, application/*;q=0.5"), true),
            (Some("text/event-stream, application/json"), true),
            (Some("text/event-stream"), false),
            (Some("application/json;q=0"), false),
            (Some("application/json;q=0.0, text/html"), false),
            (Some(""), false),
        ] {
            let headers = accept.map(|accept| (header::ACCEPT, HeaderValue::from_static(accept)));
            assert_eq!(takes_json(&HeaderMap::from_iter(headers)), takes, "{accept:?}");
        }
    }

    #[test]
    fn what_is_no_message_is_told_in_json_rpcs_own_words() {
        for (body, code, id) in [
            ("", -32_700, json!(null)),
            ("{", -32_700, json!(null)),
            ("\u{feff}{}", -32_700, json!(null)),
            ("[]", -32_600, json!(null)),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32_600, json!(null)),
            ("7", -32_600, json!(null)),
            ("{}", -32_600, json!(null)),
            (r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#, -32_600, json!("a")),
            (r#"{"jsonrpc":"2.0","id":7}"#, -32_600, json!(7)),
            (r#"{"jsonrpc":"2.0","id":7,"method":7}"#, -32_600, json!(7)),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32_600, json!(null)),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32_600, json!(null)),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32_600, json!(null)),
            (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":["disk"]}"#, -32_602, json!(7)),
        ] {
            let wrong = message(body.as_bytes()).expect_err(body);
            assert_eq!((wrong.code, wrong.id), (code, id), "{body}");
        }
        let good = message(br#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#).expect("a message");
        assert_eq!(good["id"], json!(1));
        let told: Value =
            message(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).expect("a message");
        assert!(told.get("id").is_none());
    }
}
