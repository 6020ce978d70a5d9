//! Staff come in and go out.

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_types::Secret;
use serde::Deserialize;

use super::{error_page, forms::form, page};
use crate::{
    AppState,
    controllers::{ApiError, Parameters},
    security::{
        limit,
        sessions::{self, Operator},
    },
};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    operator: Option<String>,
    email: String,
    next: String,
    wrong: bool,
}

/// Where to go after the login.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    #[serde(default)]
    next: String,
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
pub(crate) async fn show(after: Result<Parameters<After>, ApiError>) -> Response {
    let next = after.map(|Parameters(after)| local(after.next)).unwrap_or_default();
    page(StatusCode::OK, &LoginPage { operator: None, email: String::new(), next, wrong: false })
}

/// `POST /login`
pub(crate) async fn submit(State(state): State<AppState>, request: Request) -> Response {
    if !sessions::is_same_origin(request.headers(), &state.public_url) {
        return error_page(ApiError::forbidden("The login form was sent from another site."), None, "/login");
    }
    let caller = limit::caller(&request);
    let LoginForm { email, password, next } = match form(request).await {
        Ok(form) => form,
        Err(error) => return error_page(error, None, "/login"),
    };
    let token = match sessions::begin(&state, caller, &email, password).await {
        Ok(token) => token,
        Err(error) => return error_page(error, None, "/login"),
    };
    let next = local(next);
    match token.and_then(|token| sessions::cookie(&state, &token)) {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response(),
        None => page(StatusCode::UNAUTHORIZED, &LoginPage { operator: None, email, next, wrong: true }),
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
    if next.starts_with('/') && !next.starts_with("//") && next.bytes().all(plain) {
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
        assert_eq!(local("/orders/0199-a".into()), "/orders/0199-a");
        for bad in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nb", "orders"] {
            assert_eq!(local(bad.into()), "/", "{bad:?}");
        }
    }
}
