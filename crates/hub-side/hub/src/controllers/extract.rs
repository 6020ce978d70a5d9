//! What a handler takes from a request. Whatever is wrong is answered in the envelope.

use std::{borrow::Cow, str::FromStr};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{ApiError, field};

/// A JSON body of exactly this shape.
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        json(request, state).await.map(Self)
    }
}

/// The same, for a handler that has to look at something else first.
pub(crate) async fn json<T: DeserializeOwned, S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<T, ApiError> {
    parse(&json_body(request, state).await?)
}

/// The body of a request that says that it is JSON.
pub(crate) async fn json_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        let message = "Send the body as JSON, with Content-Type: application/json.";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    bytes(request, state).await
}

/// The raw body, within the route's limit.
pub(crate) async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than this address takes.")
        }
        _ => ApiError::bad_request("The body could not be read to its end."),
    })
}

/// Parses JSON; a refusal names the field.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = &*without_nul(body);
    // To remember the way to each field takes as long as to read it: only what is refused is read so.
    serde_json::from_slice(body).or_else(|_| parse_with_path(body))
}

/// The same JSON with U+FFFD in place of U+0000, which PostgreSQL keeps in no text: what one server says must not be
/// refused for ever because of it.
fn without_nul(body: &[u8]) -> Cow<'_, [u8]> {
    const NUL: &[u8] = br"\u0000";
    let found: Vec<usize> = memchr::memmem::find_iter(body, NUL).collect();
    if found.is_empty() {
        return Cow::Borrowed(body);
    }
    let mut body = body.to_vec();
    for place in found {
        // After an odd number of backslashes this one is escaped itself.
        let before = body[..place].iter().rev().take_while(|byte| **byte == b'\\').count();
        if before % 2 == 0 {
            body[place..place + NUL.len()].copy_from_slice(br"\ufffd");
        }
    }
    Cow::Owned(body)
}

fn parse_with_path<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json);
    let value = parsed.map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if !cause.is_data() {
            return ApiError::bad_request("The body is not valid JSON.");
        }
        let message = cause.to_string();
        // serde tells the position too, which helps nobody who did not write the JSON by hand.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text).to_owned();
        ApiError::fields(vec![field(field_name(&path, &message), message)])
    })?;
    json.end().map_err(|_| ApiError::bad_request("The body has something after the JSON."))?;
    Ok(value)
}

/// A missing or unknown field is named in the message only, between backticks.
fn field_name(path: &str, message: &str) -> String {
    let path = if path == "." { "" } else { path };
    let named = ["missing field `", "unknown field `"].iter().find_map(|start| {
        let name = message.strip_prefix(start)?.split('`').next()?;
        Some(name.chars().take(60).collect::<String>())
    });
    match named {
        Some(name) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        Some(name) if path.is_empty() => name,
        Some(name) => format!("{path}.{name}"),
        None => path.to_owned(),
    }
}

/// The query, of exactly this shape.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, state).await.map_err(|rejection| {
            let text = rejection.body_text();
            let message = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest).to_owned();
            let (name, message) = message.split_once(": ").unwrap_or(("query", message.as_str()));
            ApiError::fields(vec![field(field_name(name, message), message)])
        })?;
        Ok(Self(query.0))
    }
}

/// The id in the path. What is no id names nothing.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await.ok();
        path.and_then(|Path(text)| text.parse().ok()).map(Self).ok_or_else(ApiError::not_found)
    }
}

/// Two ids in the path: of a thing, and of one of its own.
pub(crate) struct Ids<T, U>(pub(crate) T, pub(crate) U);

impl<T: FromStr, U: FromStr, S: Send + Sync> FromRequestParts<S> for Ids<T, U> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await.ok();
        let ids = path.and_then(|Path((one, other))| Some(Self(one.parse().ok()?, other.parse().ok()?)));
        ids.ok_or_else(ApiError::not_found)
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_with_path, without_nul};
    use letsbe_types::api::CheckoutRequest;

    #[test]
    fn an_escaped_nul_is_replaced_and_an_escaped_backslash_before_it_is_not() {
        for (text, read) in [
            (r#"{"a":"x\u0000y\u0000"}"#, r#"{"a":"x\ufffdy\ufffd"}"#),
            (r#"{"a":"\\u0000"}"#, r#"{"a":"\\u0000"}"#),
            (r#"{"a":"\\\u0000"}"#, r#"{"a":"\\\ufffd"}"#),
            (r#"{"a":"u0000"}"#, r#"{"a":"u0000"}"#),
        ] {
            assert_eq!(String::from_utf8_lossy(&without_nul(text.as_bytes())), read);
        }
    }

    #[test]
    fn the_wrong_field_is_named() {
        let good = r#"{"domain":"a.com","email":"a@a.com","tier":"lite","region":"eu","tools":["x"]}"#;
        assert!(parse::<CheckoutRequest>(good.as_bytes()).is_ok());
        for (body, named) in [
            (good.replace("\"tier\"", "\"size\""), "size"),
            (good.replace("\"tier\":\"lite\",", ""), "tier"),
            (good.replace("\"lite\"", "7"), "tier"),
            (good.replace("[\"x\"]", "[\"x\",7]"), "tools[1]"),
        ] {
            let error = parse::<CheckoutRequest>(body.as_bytes()).expect_err(&body);
            assert_eq!(error.details[0].field, named, "{body}: {:?}", error.details);
        }
        for body in
            [good, "", "{", "null", "{}{}", &good.replace("\"lite\"", "7"), &format!("{good} "), "\u{feff}{}"]
        {
            let read = |read: fn(&[u8]) -> Result<CheckoutRequest, super::ApiError>| {
                read(body.as_bytes()).map_err(|error| (error.status, error.message, error.details))
            };
            assert_eq!(read(parse), read(parse_with_path), "{body}");
        }
        for broken in ["", "{", "[]x", "{}{}", "nul"] {
            let error = parse::<serde_json::Value>(broken.as_bytes()).expect_err(broken);
            assert!(error.details.is_empty(), "{broken}");
        }
    }
}
