//! The SCP API: disks, ISO images, and what a customer has uploaded (his own images and ISOs).

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    api::{Sim, error, invalid, not_found, present, start_task},
    realm::USER_ID,
    server::DISK,
    state::Shared,
    task::Work,
};

const DRIVERS: [&str; 4] = ["VIRTIO", "VIRTIO_SCSI", "IDE", "SATA"];
/// The ISO images that Netcup offers, of which the lab knows one.
const ISO: i32 = 1;

pub(super) fn routes() -> Router<Arc<Shared>> {
    let server = "/api/v1/servers/{id}";
    let mut routes = Router::new()
        .route(&format!("{server}/disks"), get(disks).patch(change_driver))
        .route(&format!("{server}/disks/supported-drivers"), get(drivers))
        .route(&format!("{server}/disks/{{disk}}"), get(disk).post(format_disk))
        .route(&format!("{server}/storageoptimization"), post(optimise))
        .route(&format!("{server}/iso"), get(attached).post(attach).delete(detach))
        .route(&format!("{server}/isoimages"), get(iso_images))
        .route(&format!("{server}/user-image"), post(install_user_image));
    for kind in ["images", "isos"] {
        let uploads = format!("/api/v1/users/{{user}}/{kind}");
        routes = routes
            .route(&uploads, get(no_uploads))
            .route(&format!("{uploads}/{{key}}"), get(no_upload).post(start_upload).delete(remove_upload))
            .route(&format!("{uploads}/{{key}}/{{upload}}"), axum::routing::put(no_such_upload))
            .route(&format!("{uploads}/{{key}}/{{upload}}/parts/{{part}}"), get(sign_part));
    }
    routes
}

fn disk_of(shared: &Shared, id: i32) -> Option<Value> {
    let state = shared.state();
    let capacity = state.servers.get(&id)?.disk_mib;
    let driver = state.disk_drivers.get(&id).map_or("VIRTIO", String::as_str);
    let disk =
        json!({"name": DISK, "capacityInMiB": capacity, "allocationInMiB": 0, "storageDriver": driver});
    Some(disk)
}

async fn disks(State(shared): Sim, Path(id): Path<i32>) -> Response {
    disk_of(&shared, id).map_or_else(not_found, |disk| Json([disk]).into_response())
}

async fn drivers(State(shared): Sim, Path(id): Path<i32>) -> Response {
    disk_of(&shared, id).map_or_else(not_found, |_| Json(DRIVERS).into_response())
}

async fn disk(State(shared): Sim, Path((id, name)): Path<(i32, String)>) -> Response {
    disk_of(&shared, id).filter(|_| name == DISK).map_or_else(not_found, |disk| Json(disk).into_response())
}

async fn change_driver(State(shared): Sim, Path(id): Path<i32>, Json(wanted): Json<Value>) -> Response {
    match wanted["driver"].as_str().filter(|driver| DRIVERS.contains(driver)) {
        Some(driver) => start_task(&shared, id, Work::DiskDriver(driver.to_owned())),
        None => invalid("driver", "unknown driver"),
    }
}

async fn format_disk(State(shared): Sim, Path((id, call)): Path<(i32, String)>) -> Response {
    if call != format!("{DISK}:format") || disk_of(&shared, id).is_none() {
        return not_found();
    }
    if shared.state().servers.get(&id).is_some_and(|server| server.state == "RUNNING") {
        return error(400, "server.running", "The server must be off");
    }
    start_task(&shared, id, Work::Format)
}

async fn optimise(State(shared): Sim, Path(id): Path<i32>) -> Response {
    start_task(&shared, id, Work::Optimise)
}

async fn iso_images(State(shared): Sim, Path(id): Path<i32>) -> Response {
    let offered = json!([{"id": ISO, "name": "Debian 12", "description": "netinst", "architecture": "AMD64",
        "filename": "debian-12-netinst.iso"}]);
    disk_of(&shared, id).map_or_else(not_found, |_| Json(offered).into_response())
}

async fn attached(State(shared): Sim, Path(id): Path<i32>) -> Response {
    let state = shared.state();
    if !state.servers.contains_key(&id) {
        return not_found();
    }
    let iso = state.isos.get(&id).cloned();
    let mut answer = present([("iso", iso)]);
    answer["isoAttached"] = answer["iso"].is_string().into();
    Json(answer).into_response()
}

async fn attach(State(shared): Sim, Path(id): Path<i32>, Json(wanted): Json<Value>) -> Response {
    if wanted["isoId"] != ISO {
        return invalid("isoId", "ISO not found");
    }
    start_task(&shared, id, Work::AttachIso)
}

async fn detach(State(shared): Sim, Path(id): Path<i32>) -> Response {
    let mut state = shared.state();
    if !state.servers.contains_key(&id) {
        return not_found();
    }
    state.isos.remove(&id);
    StatusCode::NO_CONTENT.into_response()
}

async fn install_user_image() -> Response {
    invalid("userImageName", "Image not found")
}

/// A customer's uploads go to an object storage that the lab does not play: there are none, and each is refused.
async fn no_uploads(Path(user): Path<i32>) -> Response {
    if user == USER_ID { Json(json!([])).into_response() } else { not_found() }
}

async fn no_upload() -> Response {
    error(404, "error.notfound", "Object not found")
}

async fn start_upload(State(shared): Sim, Path((user, key)): Path<(i32, String)>) -> Response {
    if user != USER_ID {
        return not_found();
    }
    let url = format!("{}/uploads/{key}", shared.origin);
    (StatusCode::CREATED, Json(json!({"uploadId": uuid::Uuid::new_v4(), "presignedUrl": url})))
        .into_response()
}

async fn remove_upload() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn no_such_upload() -> Response {
    error(404, "no.such.upload", "The upload does not exist")
}

async fn sign_part(
    State(shared): Sim,
    Path((_, key, upload, part)): Path<(i32, String, String, u32)>,
) -> Response {
    Json(json!({"url": format!("{}/uploads/{key}/{upload}/{part}", shared.origin)})).into_response()
}
