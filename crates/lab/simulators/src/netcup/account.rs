//! The SCP API: snapshots, tasks, the user and the SSH keys.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use base64::Engine as _;
use letsbe_netcup::types;
use serde::Deserialize;
use serde_json::json;

use super::{
    Faults,
    api::{Page, Sim, error, invalid, not_found, start_task},
    realm::{CUSTOMER, USER_ID},
    state::Shared,
    task::{self, Task, Work},
};

const NO_DISK: &str = "Disk name cannot be blank";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/tasks", get(tasks))
        .route("/api/v1/tasks/{uuid}", get(task).put(cancel_task))
        .route("/api/v1/users/{user}", get(user).put(change_user))
        .route("/api/v1/servers/{id}/snapshots", get(snapshots).post(create_snapshot))
        .route("/api/v1/servers/{id}/snapshots:dryrun", post(check_snapshot))
        .route("/api/v1/servers/{id}/snapshots/{name}", get(snapshot).delete(delete_snapshot))
        .route("/api/v1/servers/{id}/snapshots/{name}/export", post(export_snapshot))
        .route("/api/v1/servers/{id}/snapshots/{name}/revert", post(revert_snapshot))
        .route("/api/v1/users/{user}/ssh-keys", get(keys).post(add_key))
        .route("/api/v1/users/{user}/ssh-keys/{key}", delete(remove_key))
}

async fn snapshots(State(shared): Sim, Path(id): Path<i32>) -> Response {
    let state = shared.state();
    if !state.servers.contains_key(&id) {
        return not_found();
    }
    Json(state.snapshots.get(&id).cloned().unwrap_or_default()).into_response()
}

/// What stands against a snapshot; the answer is a list, empty if nothing does.
async fn check_snapshot(
    State(shared): Sim,
    Path(id): Path<i32>,
    Json(wanted): Json<types::ServerSnapshotCreateCheck>,
) -> Response {
    if !shared.state().servers.contains_key(&id) {
        return not_found();
    }
    if without_disk(wanted.online_snapshot, wanted.disk_name.as_deref()) {
        return Json(json!([{"code": "snapshot.disk", "message": NO_DISK}])).into_response();
    }
    Json(json!([])).into_response()
}

/// A snapshot of a server that is off is one of a disk.
fn without_disk(online: Option<bool>, disk: Option<&str>) -> bool {
    online == Some(false) && disk.is_none_or(|name| name.trim().is_empty())
}

async fn create_snapshot(
    State(shared): Sim,
    Path(id): Path<i32>,
    Json(wanted): Json<types::ServerSnapshotCreate>,
) -> Response {
    if without_disk(wanted.online_snapshot, wanted.disk_name.as_deref()) {
        return error(400, "snapshot.disk", NO_DISK);
    }
    if shared.state().snapshot(id, &wanted.name).is_some() {
        return error(400, "snapshot.exists", "A snapshot of this name exists");
    }
    start_task(&shared, id, Work::CreateSnapshot(wanted))
}

async fn delete_snapshot(State(shared): Sim, Path((id, name)): Path<(i32, String)>) -> Response {
    with_snapshot(&shared, id, name, Work::DeleteSnapshot)
}

async fn revert_snapshot(State(shared): Sim, Path((id, name)): Path<(i32, String)>) -> Response {
    with_snapshot(&shared, id, name, |_| Work::RevertSnapshot)
}

async fn export_snapshot(State(shared): Sim, Path((id, name)): Path<(i32, String)>) -> Response {
    if shared.state().snapshot(id, &name).is_some_and(|snapshot| snapshot.exported == Some(true)) {
        return error(400, "snapshot.exported", "The snapshot is exported already");
    }
    with_snapshot(&shared, id, name, Work::ExportSnapshot)
}

fn with_snapshot(shared: &Arc<Shared>, id: i32, name: String, work: fn(String) -> Work) -> Response {
    if shared.state().snapshot(id, &name).is_none() {
        return not_found();
    }
    start_task(shared, id, work(name))
}

async fn snapshot(State(shared): Sim, Path((id, name)): Path<(i32, String)>) -> Response {
    shared.state().snapshot(id, &name).map_or_else(not_found, |snapshot| Json(snapshot).into_response())
}

#[derive(Deserialize)]
struct OfServer {
    #[serde(rename = "serverId")]
    server: Option<i32>,
    state: Option<String>,
    q: Option<String>,
}

/// Newest first.
async fn tasks(State(shared): Sim, Query(page): Query<Page>, Query(of): Query<OfServer>) -> Response {
    let known = ["PENDING", "RUNNING", "FINISHED", "ERROR", "WAITING_FOR_CANCEL", "CANCELED", "ROLLBACK"];
    if of.state.as_deref().is_some_and(|state| !known.contains(&state)) {
        return error(400, "state.invalid", "Unknown task state");
    }
    let mut state = shared.state();
    let any = |task: &Task| of.server == Some(task.server);
    let late = state.tasks.iter().any(any) && Faults::strikes(&mut state.faults.list_late);
    let wanted = state.tasks.iter().rev().filter(|task| {
        let name = task.info().name.unwrap_or_default();
        !late
            && of.server.is_none_or(|server| task.server == server)
            && of.state.as_deref().is_none_or(|state| task.state() == state)
            && of.q.as_ref().is_none_or(|q| name.contains(q.as_str()))
    });
    Json(page.of(wanted.map(Task::listed))).into_response()
}

/// `PUT /tasks/{uuid}:cancel`. A task that is over stays as it is.
async fn cancel_task(State(shared): Sim, Path(call): Path<String>) -> Response {
    let Some(uuid) = call.strip_suffix(":cancel") else { return not_found() };
    let mut state = shared.state();
    let Some(task) = state.tasks.iter().find(|task| task.uuid == uuid) else { return not_found() };
    if task.is_over() {
        return StatusCode::NO_CONTENT.into_response();
    }
    task::cancel(&mut state, uuid);
    let task = state.tasks.iter().find(|task| task.uuid == uuid).map(Task::info);
    (StatusCode::ACCEPTED, Json(task)).into_response()
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

/// Only what the API demands is looked at; nothing of an account is kept.
async fn change_user(Path(user): Path<i32>, Json(wanted): Json<serde_json::Value>) -> Response {
    if user != USER_ID {
        return not_found();
    }
    if !matches!(wanted["language"].as_str(), Some("en" | "de")) {
        return invalid("language", "must match (en|de)");
    }
    if wanted["timeZone"].as_str().is_none_or(|zone| zone.trim().is_empty()) {
        return invalid("timeZone", "must not be blank");
    }
    Json(wanted).into_response()
}

async fn keys(State(shared): Sim, Path(user): Path<i32>) -> Response {
    if user != USER_ID {
        return not_found();
    }
    Json(&shared.state().ssh_keys).into_response()
}

async fn add_key(State(shared): Sim, Path(user): Path<i32>, Json(mut key): Json<types::SshKey>) -> Response {
    let mut state = shared.state();
    if user != USER_ID {
        return not_found();
    }
    if state.faults.refuse_ssh_keys || !is_public_key(&key.key) {
        return invalid("key", "The SSH key is not valid");
    }
    key.id = Some(state.next_key);
    key.created_at = Some(shared.clock.now());
    state.next_key += 1;
    state.ssh_keys.push(key.clone());
    (StatusCode::CREATED, Json(key)).into_response()
}

/// `kind base64 [comment]`, where the bytes begin with the kind once more (RFC 4253, section 6.6).
fn is_public_key(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (Some(kind), Some(bytes)) = (words.next(), words.next()) else { return false };
    let known = ["ssh-ed25519", "ssh-rsa"].contains(&kind) || kind.starts_with("ecdsa-sha2-");
    let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).unwrap_or_default();
    let named = bytes
        .split_first_chunk::<4>()
        .and_then(|(length, rest)| rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?));
    known && named == Some(kind.as_bytes())
}

async fn remove_key(State(shared): Sim, Path((user, key)): Path<(i32, i32)>) -> Response {
    let mut state = shared.state();
    let before = state.ssh_keys.len();
    if user == USER_ID {
        state.ssh_keys.retain(|kept| kept.id != Some(key));
    }
    if state.ssh_keys.len() == before { not_found() } else { StatusCode::NO_CONTENT.into_response() }
}
