//! Sessions of staff: a random token, in a cookie for pages or as a bearer key for programs; only its hash is kept.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use chrono::TimeDelta;
use letsbe_store::{Staff, token_hash};
use letsbe_types::{EmailAddress, Secret};
use url::form_urlencoded::byte_serialize;

use super::{keys, passwords};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult},
    web::{around, login},
};

/// A working day; then the password is asked for again.
const LIFETIME: TimeDelta = TimeDelta::hours(12);
const COOKIE: &str = "letsbe_session";
/// Longer passwords are refused unread: hashing must not be a way to keep the Hub busy.
const LONGEST_PASSWORD: usize = 256;
const LONGEST_NAME: usize = 320;
/// A search that a reader is led back to after the login.
const LONGEST_QUERY: usize = 500;

/// The member of staff behind a request that passed [`require`].
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) email: String,
    pub(crate) session_hash: String,
}

/// Checks a login and begins a session; `None` is a wrong name or password, whichever.
pub(crate) async fn begin(
    state: &AppState,
    caller: IpAddr,
    email: &str,
    password: Secret<String>,
) -> ApiResult<Option<String>> {
    // No database has a name with a NUL in it.
    if password.expose().len() > LONGEST_PASSWORD || email.len() > LONGEST_NAME || email.contains('\0') {
        return Ok(None);
    }
    // Names are kept in the form that addresses have.
    let name = email.parse::<EmailAddress>().map_or_else(|_| email.trim().to_owned(), String::from);
    let now = state.clock.now();
    // Nothing is said about whether there is such an account: the name alone is counted.
    if let Some(wait) = state.logins.wait(&name, caller, now) {
        return Err(ApiError::too_often(wait));
    }
    let staff = state.store.staff_by_email(&name).await?;
    let hash = staff.as_ref().map(|staff| staff.password_hash.clone());
    let fits = passwords::verify(password, hash).await.map_err(|error| ApiError::internal(&error))?;
    let Some(Staff { id, .. }) = staff.filter(|_| fits) else {
        state.logins.failed(&name, caller, now);
        return Ok(None);
    };
    state.logins.succeeded(&name, caller, now);
    let token = keys::generate();
    state.store.create_session(&token_hash(&token), id, now + LIFETIME, now).await?;
    Ok(Some(token))
}

/// The cookie that carries a session.
pub(crate) fn cookie(state: &AppState, token: &str) -> Option<HeaderValue> {
    set_cookie(state, token, LIFETIME.num_seconds())
}

/// The cookie that takes it away again.
pub(crate) fn no_cookie(state: &AppState) -> Option<HeaderValue> {
    set_cookie(state, "", 0)
}

fn set_cookie(state: &AppState, token: &str, seconds: i64) -> Option<HeaderValue> {
    let secure = if state.public_url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).ok()
}

fn cookie_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then_some(value)
    })
}

/// What the layer does with somebody who is not logged in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stranger {
    /// 401.
    Refuse,
    /// Off to the login page.
    Redirect,
}

/// The one gate before everything of staff.
pub(crate) async fn require(
    State((state, stranger)): State<(AppState, Stranger)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match operator(&state, &parts).await {
        Ok(Some(operator)) => {
            parts.extensions.insert(operator);
            let (path, headers) = (parts.uri.path().to_owned(), parts.headers.clone());
            let answer = next.run(Request::from_parts(parts, body));
            match stranger {
                Stranger::Redirect => around::with(&state, &headers, &path, answer).await,
                Stranger::Refuse => answer.await,
            }
        }
        Ok(None) => match stranger {
            Stranger::Redirect if parts.method == Method::GET => {
                let path: String = parts.uri.path().chars().take(200).collect();
                let query = parts.uri.query().filter(|query| query.len() <= LONGEST_QUERY);
                let query = query.map(|query| format!("?{query}")).unwrap_or_default();
                let query: String = byte_serialize(query.as_bytes()).collect();
                Redirect::to(&format!("/login?next={path}{query}")).into_response()
            }
            Stranger::Redirect => login::after_late_form(&parts.headers),
            Stranger::Refuse => ApiError::unauthorized("Log in first.").into_response(),
        },
        Err(error) => error.into_response(),
    }
}

/// Who of staff looks at a page that strangers may see too.
pub(crate) async fn visitor(state: &AppState, headers: &HeaderMap) -> Option<String> {
    let token = cookie_token(headers)?;
    let session = state.store.session(&token_hash(token), state.clock.now()).await;
    session.ok().flatten().map(|staff| staff.email)
}

async fn operator(state: &AppState, request: &Parts) -> ApiResult<Option<Operator>> {
    let headers = &request.headers;
    let (token, by_cookie) = match (keys::bearer(headers), cookie_token(headers)) {
        (Some(token), _) => (token, false),
        (None, Some(token)) => (token, true),
        (None, None) => return Ok(None),
    };
    let session_hash = token_hash(token);
    let Some(staff) = state.store.session(&session_hash, state.clock.now()).await? else { return Ok(None) };
    // A browser sends the cookie along whoever made it ask; a bearer key it never sends by itself.
    if by_cookie && !request.method.is_safe() && !is_same_origin(headers, &state.public_url) {
        return Err(ApiError::forbidden("This request came from another site and was not carried out."));
    }
    Ok(Some(Operator { email: staff.email, session_hash }))
}

/// Whether a browser says that the request was made by our own page.
pub(crate) fn is_same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let Some(origin) = text(header::ORIGIN) else { return false };
    let host = origin.split_once("://").map(|(_, host)| host);
    origin == public_url.trim_end_matches('/') || (host.is_some() && host == text(header::HOST))
}

#[cfg(test)]
mod tests {
    use super::is_same_origin;
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn only_our_own_pages_count_as_same_origin() {
        for (headers, same) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://hub.example.com")], false),
            (&[("origin", "https://hub.example.com")], true),
            (&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], true),
            (&[("origin", "https://evil.example"), ("host", "hub.example.com")], false),
            (&[("origin", "null"), ("host", "hub.example.com")], false),
            (&[], false),
        ] {
            let map: HeaderMap = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(is_same_origin(&map, "https://hub.example.com/"), same, "{headers:?}");
        }
    }
}
