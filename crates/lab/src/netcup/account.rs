//! The SCP API: snapshots, tasks, the user and the SSH keys.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use letsbe_netcup::types;
use serde::Deserialize;
use serde_json::json;

use super::{
    api::{Page, Sim, error, invalid, not_found, start_task},
    realm::{CUSTOMER, USER_ID},
    state::Shared,
    task::{Task, Work},
};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/tasks", get(tasks))
        .route("/api/v1/tasks/{uuid}", get(task))
        .route("/api/v1/users/{user}", get(user))
        .route("/api/v1/users/{user}/ssh-keys", get(keys).post(add_key))
        .route("/api/v1/users/{user}/ssh-keys/{key}", delete(remove_key))
}

pub(super) async fn snapshots(State(shared): Sim, Path(id): Path<i32>) -> Response {
    let state = shared.state();
    if !state.servers.contains_key(&id) {
        return not_found();
    }
    Json(state.snapshots.get(&id).cloned().unwrap_or_default()).into_response()
}

pub(super) async fn check_snapshot(State(shared): Sim, Path(id): Path<i32>) -> Response {
    if shared.state().servers.contains_key(&id) { Json(json!([])).into_response() } else { not_found() }
}

pub(super) async fn create_snapshot(
    State(shared): Sim,
    Path(id): Path<i32>,
    Json(wanted): Json<types::ServerSnapshotCreate>,
) -> Response {
    if wanted.online_snapshot == Some(false) && wanted.disk_name.is_none() {
        return invalid("diskName", "Disk name cannot be blank");
    }
    let exists =
        |kept: &Vec<types::SnapshotMinimal>| kept.iter().any(|kept| kept.name.as_ref() == Some(&wanted.name));
    if shared.state().snapshots.get(&id).is_some_and(exists) {
        return error(400, "snapshot.exists", "A snapshot of this name exists");
    }
    start_task(&shared, id, Work::CreateSnapshot(wanted))
}

pub(super) async fn delete_snapshot(State(shared): Sim, Path((id, name)): Path<(i32, String)>) -> Response {
    let exists =
        |kept: &Vec<types::SnapshotMinimal>| kept.iter().any(|kept| kept.name.as_ref() == Some(&name));
    if !shared.state().snapshots.get(&id).is_some_and(exists) {
        return not_found();
    }
    start_task(&shared, id, Work::DeleteSnapshot(name))
}

#[derive(Deserialize)]
struct OfServer {
    #[serde(rename = "serverId")]
    server: Option<i32>,
}

/// Newest first.
async fn tasks(State(shared): Sim, Query(page): Query<Page>, Query(of): Query<OfServer>) -> Response {
    let state = shared.state();
    let wanted = state.tasks.iter().rev().filter(|task| of.server.is_none_or(|server| task.server == server));
    Json(page.of(wanted.map(Task::listed))).into_response()
}

async fn task(State(shared): Sim, Path(uuid): Path<String>) -> Response {
    let state = shared.state();
    match state.tasks.iter().find(|task| task.uuid == uuid) {
        Some(task) => Json(task.info()).into_response(),
        None => not_found(),
    }
}

async fn user(Path(user): Path<i32>) -> Response {
    if user != USER_ID {
        return not_found();
    }
    Json(types::User { id: Some(USER_ID), username: Some(CUSTOMER.into()), ..Default::default() })
        .into_response()
}

async fn keys(State(shared): Sim, Path(user): Path<i32>) -> Response {
    if user != USER_ID {
        return not_found();
    }
    Json(&shared.state().ssh_keys).into_response()
}

async fn add_key(State(shared): Sim, Path(user): Path<i32>, Json(mut key): Json<types::SshKey>) -> Response {
    let mut state = shared.state();
    let known_kind = ["ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-"].iter().any(|kind| key.key.starts_with(kind));
    if user != USER_ID {
        return not_found();
    }
    if state.faults.refuse_ssh_keys || !known_kind {
        return invalid("key", "The SSH key is not valid");
    }
    key.id = Some(state.next_key);
    key.created_at = Some(shared.clock.now());
    state.next_key += 1;
    state.ssh_keys.push(key.clone());
    (StatusCode::CREATED, Json(key)).into_response()
}

async fn remove_key(State(shared): Sim, Path((user, key)): Path<(i32, i32)>) -> Response {
    let mut state = shared.state();
    let before = state.ssh_keys.len();
    if user == USER_ID {
        state.ssh_keys.retain(|kept| kept.id != Some(key));
    }
    if state.ssh_keys.len() == before { not_found() } else { StatusCode::NO_CONTENT.into_response() }
}
