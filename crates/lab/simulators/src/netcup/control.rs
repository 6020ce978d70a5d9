//! The lab's own endpoints, for scripts and tests that run in another process.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{Faults, state::Shared};

pub(super) fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/faults", get(faults).patch(change_faults).delete(no_faults))
        .route("/journal", get(journal))
        .route("/installs", get(installs))
        .route("/login", post(login))
        .route("/login/{user_code}/{decision}", post(decide))
        .with_state(Arc::clone(shared))
}

fn set(shared: &Shared, faults: Faults) -> Json<Faults> {
    shared.hold.send_replace(faults.hold_tasks);
    shared.state().faults = faults.clone();
    Json(faults)
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<Faults> {
    Json(shared.state().faults.clone())
}

async fn no_faults(State(shared): State<Arc<Shared>>) -> Json<Faults> {
    set(&shared, Faults::default())
}

/// Changes the members that are given, keeps the others.
async fn change_faults(State(shared): State<Arc<Shared>>, Json(given): Json<Value>) -> Response {
    let mut merged = json!(shared.state().faults);
    if let (Value::Object(all), Value::Object(given)) = (&mut merged, given) {
        all.extend(given);
    }
    match serde_json::from_value(merged) {
        Ok(faults) => set(&shared, faults).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("no such fault: {error}\n")).into_response(),
    }
}

async fn journal(State(shared): State<Arc<Shared>>) -> Response {
    let calls: Vec<_> = shared.state().calls.iter().cloned().collect();
    Json(calls).into_response()
}

async fn installs(State(shared): State<Arc<Shared>>) -> Response {
    let state = shared.state();
    let all = state.servers.keys().map(|id| (*id, state.installs.get(id).copied().unwrap_or(0)));
    Json(all.collect::<std::collections::BTreeMap<_, _>>()).into_response()
}

/// A refresh token without the browser, for the set-up of the demo.
async fn login(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let token = shared.state().logins.open(shared.clock.now());
    Json(json!({"refresh_token": token.expose()}))
}

async fn decide(
    State(shared): State<Arc<Shared>>,
    Path((code, decision)): Path<(String, String)>,
) -> StatusCode {
    let known = matches!(decision.as_str(), "confirm" | "deny");
    if known && shared.state().logins.decide(&code, decision == "confirm") {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}
