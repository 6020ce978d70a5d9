//! The SCP API: what can only be read. Metrics, logs, maintenance, guest agent, the description itself.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    api::{Page, Sim, error, not_found},
    realm::{CUSTOMER, USER_ID},
    state::Shared,
    task::Task,
};

/// The API's description, as Netcup publishes it.
const DESCRIPTION: &str = include_str!("../../../../hub-side/netcup/spec/scp-openapi.json");
/// The longest time that metrics are kept for: 31 days.
const MOST_HOURS: u32 = 744;
/// A value of a metric every five minutes.
const METRIC_MINUTES: u32 = 5;

pub(super) fn routes() -> Router<Arc<Shared>> {
    let server = "/api/v1/servers/{id}";
    Router::new()
        .route("/api/v1/maintenance", get(maintenance))
        .route("/api/v1/openapi", get(description))
        .route("/api/v1/openapi/mcp", post(description))
        .route(&format!("{server}/logs"), get(server_logs))
        .route("/api/v1/users/{user}/logs", get(user_logs))
        .route(&format!("{server}/metrics/cpu"), get(cpu))
        .route(&format!("{server}/metrics/disk"), get(disk))
        .route(&format!("{server}/metrics/network"), get(network))
        .route(&format!("{server}/metrics/network/packet"), get(packets))
        .route(&format!("{server}/guest-agent"), get(guest_agent))
        .route(&format!("{server}/guest-agent/status"), get(guest_agent_status))
        .route(&format!("{server}/gpu-driver"), get(gpu_driver))
}

/// The next maintenance: none is planned, so both times are absent.
async fn maintenance() -> Response {
    Json(json!({})).into_response()
}

async fn description() -> Response {
    match serde_json::from_str::<Value>(DESCRIPTION) {
        Ok(description) => Json(description).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn log_of(task: &Task) -> Value {
    let info = task.info();
    let failed = task.is_over() && info.message.is_some();
    json!({
        "type": if failed { "ERROR" } else { "INFO" },
        "executingUser": {"id": USER_ID, "username": CUSTOMER},
        "date": info.finished_at.or(info.started_at),
        "logKey": "task",
        "message": info.message.or(info.name),
    })
}

/// Newest first.
async fn server_logs(State(shared): Sim, Path(id): Path<i32>, Query(page): Query<Page>) -> Response {
    let state = shared.state();
    if !state.servers.contains_key(&id) {
        return not_found();
    }
    let of_server = state.tasks.iter().rev().filter(|task| task.server == id);
    Json(page.of(of_server.map(log_of))).into_response()
}

async fn user_logs(State(shared): Sim, Path(user): Path<i32>, Query(page): Query<Page>) -> Response {
    if user != USER_ID {
        return not_found();
    }
    Json(page.of(shared.state().tasks.iter().rev().map(log_of))).into_response()
}

#[derive(Deserialize)]
struct Window {
    hours: Option<u32>,
}

/// The description says of metrics only that they are an object. Here: a name for each series, and for each a list of
/// times and values. The values are made up, but the same for the same moment.
fn series(shared: &Shared, id: i32, window: &Window, names: &[&str]) -> Response {
    let hours = window.hours.unwrap_or(24);
    if !(1..=MOST_HOURS).contains(&hours) {
        return error(400, "hours.invalid", "hours must be between 1 and 744");
    }
    if !shared.state().servers.contains_key(&id) {
        return not_found();
    }
    let now = shared.clock.now();
    let points = |offset: i64| -> Vec<Value> {
        let count = hours * 60 / METRIC_MINUTES;
        let ago = |index: u32| TimeDelta::minutes(i64::from(index * METRIC_MINUTES));
        (0..count)
            .rev()
            .map(|index| {
                let at = now - ago(index);
                json!({"time": at, "value": (at.timestamp() / 300 + offset + i64::from(id)).rem_euclid(100)})
            })
            .collect()
    };
    let all =
        names.iter().zip(0..).map(|(name, offset)| ((*name).to_owned(), Value::from(points(offset * 7))));
    Json(Value::Object(all.collect())).into_response()
}

async fn cpu(State(shared): Sim, Path(id): Path<i32>, Query(window): Query<Window>) -> Response {
    series(&shared, id, &window, &["cpu"])
}

async fn disk(State(shared): Sim, Path(id): Path<i32>, Query(window): Query<Window>) -> Response {
    series(&shared, id, &window, &["read", "write"])
}

async fn network(State(shared): Sim, Path(id): Path<i32>, Query(window): Query<Window>) -> Response {
    series(&shared, id, &window, &["rx", "tx"])
}

async fn packets(State(shared): Sim, Path(id): Path<i32>, Query(window): Query<Window>) -> Response {
    series(&shared, id, &window, &["rx", "tx"])
}

fn about_server(shared: &Shared, id: i32, answer: Value) -> Response {
    if shared.state().servers.contains_key(&id) { Json(answer).into_response() } else { not_found() }
}

async fn guest_agent(State(shared): Sim, Path(id): Path<i32>) -> Response {
    about_server(&shared, id, json!({"guestAgentAvailable": false, "guestAgentData": {}}))
}

async fn guest_agent_status(State(shared): Sim, Path(id): Path<i32>) -> Response {
    about_server(&shared, id, json!({"available": false}))
}

async fn gpu_driver() -> Response {
    error(400, "gpu.driver.unavailable", "No GPU driver is available for this server")
}
