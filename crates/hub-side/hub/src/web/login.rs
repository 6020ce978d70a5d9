//! Staff come in and go out.

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_pages::login::{Notice, login};
use letsbe_types::Secret;
use serde::Deserialize;

use super::{error_page, forms::form, language, page, stranger_page};
use crate::{
    AppState,
    controllers::{ApiError, Parameters},
    security::{
        limit,
        sessions::{self, Operator},
    },
};

/// Where to go after the login.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    #[serde(default)]
    next: String,
    /// A form came after the login had ended.
    #[serde(default)]
    ended: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginForm {
    email: String,
    password: Secret<String>,
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub(crate) async fn show(after: Result<Parameters<After>, ApiError>, headers: HeaderMap) -> Response {
    let After { next, ended } = after.map(|Parameters(after)| after).unwrap_or_default();
    let notice = ended.then_some(Notice::Ended);
    page(StatusCode::OK, login(language::asked(&headers), String::new(), local(next), notice))
}

/// The login page, after which a reader is back where a form stood that was sent too late.
pub(crate) fn after_late_form(headers: &HeaderMap) -> Response {
    let form = headers.get(header::REFERER).and_then(|value| value.to_str().ok()?.parse::<Uri>().ok());
    let next = form.map_or_else(|| "/".to_owned(), |form| local(form.path().to_owned()));
    Redirect::to(&format!("/login?next={next}&ended=true")).into_response()
}

/// `POST /login`
pub(crate) async fn submit(State(state): State<AppState>, request: Request) -> Response {
    let language = language::asked(request.headers());
    let refuse = |error| stranger_page(error, language, "/login");
    if !sessions::is_same_origin(request.headers(), &state.public_url) {
        return refuse(ApiError::forbidden("The login form was sent from another site."));
    }
    let caller = limit::caller(&request);
    let LoginForm { email, password, next } = match form(request).await {
        Ok(form) => form,
        Err(error) => return refuse(error),
    };
    let token = match sessions::begin(&state, caller, &email, password).await {
        Ok(token) => token,
        Err(error) => return refuse(error),
    };
    let next = local(next);
    match token.and_then(|token| sessions::cookie(&state, &token)) {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response(),
        None => page(StatusCode::UNAUTHORIZED, login(language, email, next, Some(Notice::Wrong))),
    }
}

/// `POST /logout`
pub(crate) async fn logout(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
) -> Response {
    if let Err(error) = state.store.end_session(&operator.session_hash).await {
        return error_page(error.into(), Some(operator.email), "/");
    }
    let gone = sessions::no_cookie(&state).map(|cookie| [(header::SET_COOKIE, cookie)]);
    match gone {
        Some(gone) => (gone, Redirect::to("/login")).into_response(),
        None => Redirect::to("/login").into_response(),
    }
}

/// A path of ours: nobody is sent elsewhere after the login.
fn local(next: String) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_".contains(&b);
    let asked = |b: u8| b.is_ascii_alphanumeric() || b"-_=&%+.~*".contains(&b);
    let (path, query) = next.split_once('?').unwrap_or((&next, ""));
    if path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain) && query.bytes().all(asked)
    {
        next
    } else {
        "/".into()
    }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn the_login_leads_to_our_own_pages_only() {
        for good in ["/orders/0199-a", "/tenants?q=a%40b&page=2"] {
            assert_eq!(local(good.into()), good);
        }
        for bad in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nb",
            "orders",
            "/?a\r\nb",
            "/a?//b",
        ] {
            assert_eq!(local(bad.into()), "/", "{bad:?}");
        }
    }
}
