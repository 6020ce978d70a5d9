//! The Keycloak realm `scp`: device login, tokens, and the page on which a person confirms.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::Secret;
use serde::Deserialize;
use serde_json::json;

use super::state::Shared;

/// The SCP's number of the simulated user, and his customer number.
pub(super) const USER_ID: i32 = 4711;
pub(super) const CUSTOMER: &str = "123456";

const ACCESS_LIFE: TimeDelta = TimeDelta::seconds(300);
const IDLE_LIFE: TimeDelta = TimeDelta::days(30);
const DEVICE_LIFE: TimeDelta = TimeDelta::seconds(600);
const POLL_INTERVAL: TimeDelta = TimeDelta::seconds(5);

struct Device {
    user_code: String,
    until: DateTime<Utc>,
    polled: Option<DateTime<Utc>>,
    confirmed: Option<bool>,
}

struct Session {
    used: DateTime<Utc>,
    refresh: Vec<String>,
}

/// Who is logged in.
#[derive(Default)]
pub(super) struct Logins {
    devices: BTreeMap<String, Device>,
    sessions: Vec<Session>,
    access: BTreeMap<String, DateTime<Utc>>,
}

fn random() -> String {
    hex::encode(rand::random::<[u8; 24]>())
}

impl Logins {
    /// Opens a session and gives its refresh token.
    pub(super) fn open(&mut self, now: DateTime<Utc>) -> Secret<String> {
        let token = random();
        self.sessions.push(Session { used: now, refresh: vec![token.clone()] });
        Secret::new(token)
    }

    pub(super) fn decide(&mut self, user_code: &str, confirm: bool) -> bool {
        let device = self.devices.values_mut().find(|device| device.user_code == user_code);
        device.map(|device| device.confirmed = Some(confirm)).is_some()
    }

    pub(super) fn expire_access(&mut self) {
        self.access.clear();
    }

    pub(super) fn accepts(&self, headers: &HeaderMap, now: DateTime<Utc>) -> bool {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer "));
        token.and_then(|token| self.access.get(token)).is_some_and(|until| now < *until)
    }

    fn grant(&mut self, refresh: &Secret<String>, now: DateTime<Utc>) -> Response {
        let access = random();
        self.access.retain(|_, until| now < *until);
        self.access.insert(access.clone(), now + ACCESS_LIFE);
        Json(json!({
            "access_token": access, "expires_in": ACCESS_LIFE.num_seconds(), "token_type": "Bearer",
            "refresh_token": refresh.expose(), "refresh_expires_in": 0, "scope": "openid offline_access",
        }))
        .into_response()
    }

    fn poll(&mut self, device_code: &str, now: DateTime<Utc>) -> Result<Secret<String>, &'static str> {
        let device = self.devices.get_mut(device_code).ok_or("invalid_grant")?;
        if now >= device.until {
            return Err("expired_token");
        }
        match device.confirmed {
            Some(true) => {
                self.devices.remove(device_code);
                Ok(self.open(now))
            }
            Some(false) => Err("access_denied"),
            None if device.polled.replace(now).is_some_and(|last| now < last + POLL_INTERVAL) => {
                Err("slow_down")
            }
            None => Err("authorization_pending"),
        }
    }

    /// A new refresh token for an old one. The session lives on; with `once`, the old token dies.
    fn rotate(&mut self, old: &str, once: bool, now: DateTime<Utc>) -> Result<Secret<String>, &'static str> {
        self.sessions.retain(|session| now < session.used + IDLE_LIFE);
        let owner = self.sessions.iter_mut().find(|session| session.refresh.iter().any(|token| token == old));
        let session = owner.ok_or("invalid_grant")?;
        let new = random();
        session.used = now;
        if once {
            session.refresh.clear();
        } else if session.refresh.len() > 100 {
            session.refresh.remove(0);
        }
        session.refresh.push(new.clone());
        Ok(Secret::new(new))
    }
}

#[derive(Deserialize)]
struct TokenForm {
    client_id: String,
    grant_type: String,
    device_code: Option<Secret<String>>,
    refresh_token: Option<Secret<String>>,
}

#[derive(Deserialize)]
struct DeviceForm {
    client_id: String,
}

#[derive(Deserialize)]
struct Decision {
    #[serde(default)]
    user_code: String,
    decision: Option<String>,
}

pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let oidc = "/protocol/openid-connect";
    Router::new()
        .route("/.well-known/openid-configuration", get(configuration))
        .route(&format!("{oidc}/auth/device"), post(start_device))
        .route(&format!("{oidc}/token"), post(token))
        .route(&format!("{oidc}/userinfo"), get(user_info))
        .route(&format!("{oidc}/revoke"), post(revoke))
        .route("/device", get(device_page).post(device_decision))
        .with_state(Arc::clone(shared))
}

fn denied(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response()
}

async fn configuration(State(shared): State<Arc<Shared>>) -> Json<serde_json::Value> {
    let issuer = format!("{}/realms/scp", shared.origin);
    let oidc = format!("{issuer}/protocol/openid-connect");
    Json(json!({
        "issuer": issuer,
        "device_authorization_endpoint": format!("{oidc}/auth/device"),
        "token_endpoint": format!("{oidc}/token"),
        "userinfo_endpoint": format!("{oidc}/userinfo"),
        "revocation_endpoint": format!("{oidc}/revoke"),
    }))
}

async fn start_device(State(shared): State<Arc<Shared>>, Form(form): Form<DeviceForm>) -> Response {
    if form.client_id != "scp" {
        return denied("invalid_client");
    }
    let (device_code, now) = (random(), shared.clock.now());
    let code = hex::encode_upper(rand::random::<[u8; 4]>());
    let user_code = format!("{}-{}", &code[..4], &code[4..]);
    let device =
        Device { user_code: user_code.clone(), until: now + DEVICE_LIFE, polled: None, confirmed: None };
    shared.state().logins.devices.insert(device_code.clone(), device);
    let page = format!("{}/realms/scp/device", shared.origin);
    Json(json!({
        "device_code": device_code, "user_code": user_code, "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "expires_in": DEVICE_LIFE.num_seconds(), "interval": POLL_INTERVAL.num_seconds(),
    }))
    .into_response()
}

async fn token(State(shared): State<Arc<Shared>>, Form(form): Form<TokenForm>) -> Response {
    if form.client_id != "scp" {
        return denied("invalid_client");
    }
    let now = shared.clock.now();
    let mut state = shared.state();
    let (dead, once) = (state.faults.login_dead, state.faults.refresh_once);
    let granted = match (form.grant_type.as_str(), form.device_code, form.refresh_token) {
        ("urn:ietf:params:oauth:grant-type:device_code", Some(code), _) => {
            state.logins.poll(code.expose(), now)
        }
        ("refresh_token", _, Some(_)) if dead => Err("invalid_grant"),
        ("refresh_token", _, Some(old)) => state.logins.rotate(old.expose(), once, now),
        _ => Err("unsupported_grant_type"),
    };
    match granted {
        Ok(refresh) => state.logins.grant(&refresh, now),
        Err(error) => denied(error),
    }
}

#[derive(Deserialize)]
struct RevokeForm {
    token: Secret<String>,
}

/// RFC 7009: a token that is not known is no error.
async fn revoke(State(shared): State<Arc<Shared>>, Form(form): Form<RevokeForm>) -> StatusCode {
    let logins = &mut shared.state().logins;
    logins.access.remove(form.token.expose());
    logins.sessions.retain(|session| !session.refresh.contains(form.token.expose()));
    StatusCode::OK
}

async fn user_info(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if !shared.state().logins.accepts(&headers, shared.clock.now()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(json!({"id": USER_ID.to_string(), "preferred_username": CUSTOMER})).into_response()
}

async fn device_page(Query(query): Query<Decision>) -> Html<String> {
    let code: String = query.user_code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    Html(format!(
        "<!doctype html><title>Netcup (lab)</title><h1>Log in to the simulated SCP</h1>\
         <form method=post><label>Code <input name=user_code value=\"{code}\"></label>\
         <button name=decision value=confirm>Confirm</button><button name=decision value=deny>Deny</button></form>"
    ))
}

async fn device_decision(
    State(shared): State<Arc<Shared>>,
    Form(form): Form<Decision>,
) -> (StatusCode, Html<&'static str>) {
    let confirm = form.decision.as_deref() == Some("confirm");
    if shared.state().logins.decide(&form.user_code, confirm) {
        (StatusCode::OK, Html("<!doctype html><title>Netcup (lab)</title><p>Noted. You can close this page."))
    } else {
        (StatusCode::NOT_FOUND, Html("<!doctype html><title>Netcup (lab)</title><p>There is no such code."))
    }
}
