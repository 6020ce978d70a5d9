//! The SCP API: interfaces, firewall, reverse names and the rescue system.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use letsbe_netcup::types;
use serde::Deserialize;
use serde_json::json;

use super::{
    SimServer,
    api::{Sim, error, not_found, start_task},
    state::Shared,
    task::Work,
};

pub(super) fn routes() -> Router<Arc<Shared>> {
    let server = "/api/v1/servers/{id}";
    Router::new()
        .route(&format!("{server}/interfaces"), get(interfaces))
        .route(&format!("{server}/interfaces/{{mac}}/firewall"), get(firewall).put(set_firewall))
        .route(&format!("{server}/rescuesystem"), get(rescue).post(start_rescue).delete(stop_rescue))
        .route("/api/v1/rdns/ipv4", post(set_reverse_name))
        .route("/api/v1/rdns/ipv6", post(set_reverse_name))
        .route("/api/v1/rdns/ipv4/{ip}", get(reverse_name).delete(remove_reverse_name))
        .route("/api/v1/rdns/ipv6/{ip}", get(reverse_name).delete(remove_reverse_name))
}

async fn interfaces(State(shared): Sim, Path(id): Path<i32>) -> Response {
    let state = shared.state();
    let Some(server) = state.servers.get(&id) else { return not_found() };
    let ip = server.address.to_string();
    let address = types::ServerIpv4 {
        id: Some(id),
        interface_mac: Some(server.mac()),
        rdns: state.reverse_names.get(&ip).cloned(),
        ip: Some(ip),
        editable: Some(true),
        ..Default::default()
    };
    let interface = types::Interface {
        mac: Some(server.mac()),
        driver: Some("virtio".into()),
        ipv4_addresses: Some(vec![address]),
        ..Default::default()
    };
    Json([interface]).into_response()
}

fn has(server: Option<&SimServer>, mac: &str) -> bool {
    server.is_some_and(|server| server.mac() == mac)
}

async fn firewall(State(shared): Sim, Path((id, mac)): Path<(i32, String)>) -> Response {
    let state = shared.state();
    if !has(state.servers.get(&id), &mac) {
        return not_found();
    }
    Json(state.firewalls.get(&id).cloned().unwrap_or_default()).into_response()
}

async fn set_firewall(
    State(shared): Sim,
    Path((id, mac)): Path<(i32, String)>,
    Json(wanted): Json<types::ServerFirewallSave>,
) -> Response {
    if !has(shared.state().servers.get(&id), &mac) {
        return not_found();
    }
    start_task(&shared, id, Work::Firewall(wanted.active.unwrap_or(true)))
}

async fn rescue(State(shared): Sim, Path(id): Path<i32>) -> Response {
    match shared.state().servers.get(&id) {
        Some(server) => Json(json!({"active": server.rescue})).into_response(),
        None => not_found(),
    }
}

async fn start_rescue(State(shared): Sim, Path(id): Path<i32>) -> Response {
    switch_rescue(&shared, id, true)
}

async fn stop_rescue(State(shared): Sim, Path(id): Path<i32>) -> Response {
    switch_rescue(&shared, id, false)
}

fn switch_rescue(shared: &Arc<Shared>, id: i32, active: bool) -> Response {
    if shared.state().servers.get(&id).is_some_and(|server| server.rescue == active) {
        return error(400, "rescue.state", "The rescue system is in this state already");
    }
    start_task(shared, id, Work::Rescue(active))
}

#[derive(Deserialize)]
struct ReverseName {
    ip: String,
    rdns: String,
}

async fn set_reverse_name(State(shared): Sim, Json(wanted): Json<ReverseName>) -> StatusCode {
    shared.state().reverse_names.insert(wanted.ip, wanted.rdns);
    StatusCode::OK
}

async fn reverse_name(State(shared): Sim, Path(ip): Path<String>) -> Response {
    Json(json!({"rdns": shared.state().reverse_names.get(&ip)})).into_response()
}

async fn remove_reverse_name(State(shared): Sim, Path(ip): Path<String>) -> StatusCode {
    shared.state().reverse_names.remove(&ip);
    StatusCode::NO_CONTENT
}
