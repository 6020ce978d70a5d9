//! The SCP API: interfaces, firewall, reverse names and the rescue system.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State as AnyState},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use letsbe_netcup::types;
use serde::Deserialize;
use serde_json::json;

use super::{
    SimServer,
    api::{Sim, error, invalid, not_found, present, start_task},
    policies,
    state::{Shared, State},
    task::Work,
};

pub(super) fn routes() -> Router<Arc<Shared>> {
    let server = "/api/v1/servers/{id}";
    Router::new()
        .route(&format!("{server}/interfaces"), get(interfaces).post(no_such_vlan))
        .route(
            &format!("{server}/interfaces/{{mac}}"),
            get(interface).put(change_interface).delete(keep_interface),
        )
        .route(&format!("{server}/interfaces/{{mac}}/firewall:reapply"), post(policies::reapply))
        .route(
            &format!("{server}/interfaces/{{mac}}/firewall:restore-copied-policies"),
            post(policies::reapply),
        )
        .route(&format!("{server}/interfaces/{{mac}}/firewall"), get(firewall).put(set_firewall))
        .route(&format!("{server}/rescuesystem"), get(rescue).post(start_rescue).delete(stop_rescue))
        .route("/api/v1/rdns/{version}", post(set_reverse_name))
        .route("/api/v1/rdns/{version}/{ip}", get(reverse_name).delete(remove_reverse_name))
}

fn interface_of(state: &State, id: i32) -> Option<types::Interface> {
    let server = state.servers.get(&id)?;
    let ip = server.address.to_string();
    let address = types::ServerIpv4 {
        id: Some(id),
        interface_mac: Some(server.mac()),
        rdns: state.reverse_names.get(&ip).cloned(),
        ip: Some(ip),
        editable: Some(true),
        ..Default::default()
    };
    Some(types::Interface {
        mac: Some(server.mac()),
        driver: Some("virtio".into()),
        ipv4_addresses: Some(vec![address]),
        ..Default::default()
    })
}

async fn interfaces(AnyState(shared): Sim, Path(id): Path<i32>) -> Response {
    let interface = interface_of(&shared.state(), id);
    interface.map_or_else(not_found, |interface| Json([interface]).into_response())
}

async fn interface(AnyState(shared): Sim, Path((id, mac)): Path<(i32, String)>) -> Response {
    let interface = interface_of(&shared.state(), id).filter(|found| found.mac.as_ref() == Some(&mac));
    interface.map_or_else(not_found, |interface| Json(interface).into_response())
}

async fn change_interface(
    AnyState(shared): Sim,
    Path((id, mac)): Path<(i32, String)>,
    Json(wanted): Json<serde_json::Value>,
) -> Response {
    if !has(shared.state().servers.get(&id), &mac) {
        return not_found();
    }
    if !matches!(wanted["driver"].as_str(), Some("VIRTIO" | "E1000" | "E1000E" | "RTL8139" | "VMXNET3")) {
        return invalid("driver", "unknown driver");
    }
    start_task(&shared, id, Work::Interface)
}

/// The account has no VLAN to connect to.
async fn no_such_vlan() -> Response {
    invalid("vlanId", "VLAN not found")
}

/// Only an interface of a VLAN can be removed.
async fn keep_interface() -> Response {
    invalid("mac", "The interface is not one of a VLAN")
}

fn has(server: Option<&SimServer>, mac: &str) -> bool {
    server.is_some_and(|server| server.mac() == mac)
}

async fn firewall(AnyState(shared): Sim, Path((id, mac)): Path<(i32, String)>) -> Response {
    let state = shared.state();
    if !has(state.servers.get(&id), &mac) {
        return not_found();
    }
    Json(state.firewalls.get(&id).cloned().unwrap_or_default()).into_response()
}

async fn set_firewall(
    AnyState(shared): Sim,
    Path((id, mac)): Path<(i32, String)>,
    Json(wanted): Json<types::ServerFirewallSave>,
) -> Response {
    if !has(shared.state().servers.get(&id), &mac) {
        return not_found();
    }
    let policies: Vec<i32> = wanted.user_policies.iter().map(|policy| policy.id).collect();
    if policies.iter().any(|id| !shared.state().policies.contains_key(id)) {
        return invalid("userPolicies", "Firewall policy not found");
    }
    start_task(&shared, id, Work::Firewall(wanted.active.unwrap_or(true), policies))
}

async fn rescue(AnyState(shared): Sim, Path(id): Path<i32>) -> Response {
    match shared.state().servers.get(&id) {
        Some(server) => {
            Json(json!({"active": server.rescue, "password": if server.rescue { "lab-rescue" } else { "" }}))
                .into_response()
        }
        None => not_found(),
    }
}

async fn start_rescue(AnyState(shared): Sim, Path(id): Path<i32>) -> Response {
    switch_rescue(&shared, id, true)
}

async fn stop_rescue(AnyState(shared): Sim, Path(id): Path<i32>) -> Response {
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

/// An address of this version that one of the account's servers has.
fn own_address(shared: &Shared, version: &str, ip: &str) -> Result<IpAddr, &'static str> {
    let parsed = ip.parse::<IpAddr>().ok().filter(|ip| ip.is_ipv4() == (version == "ipv4"));
    let Some(address) = parsed.filter(|_| matches!(version, "ipv4" | "ipv6")) else {
        return Err("must be an IP address");
    };
    let state = shared.state();
    let owned = state.servers.values().any(|server| IpAddr::from(server.address) == address);
    if owned { Ok(address) } else { Err("The IP address does not belong to you") }
}

async fn set_reverse_name(
    AnyState(shared): Sim,
    Path(version): Path<String>,
    Json(wanted): Json<ReverseName>,
) -> Response {
    if wanted.rdns.parse::<letsbe_types::DomainName>().is_err() {
        return invalid("rdns", "must be a host name");
    }
    match own_address(&shared, &version, &wanted.ip) {
        Ok(address) => {
            shared.state().reverse_names.insert(address.to_string(), wanted.rdns);
            StatusCode::OK.into_response()
        }
        Err(why) => invalid("ip", why),
    }
}

async fn reverse_name(AnyState(shared): Sim, Path((version, ip)): Path<(String, String)>) -> Response {
    match own_address(&shared, &version, &ip) {
        Ok(address) => {
            let name = shared.state().reverse_names.get(&address.to_string()).cloned();
            Json(present([("rdns", name)])).into_response()
        }
        Err(why) => invalid("ip", why),
    }
}

async fn remove_reverse_name(AnyState(shared): Sim, Path((version, ip)): Path<(String, String)>) -> Response {
    match own_address(&shared, &version, &ip) {
        Ok(address) => {
            shared.state().reverse_names.remove(&address.to_string());
            StatusCode::NO_CONTENT.into_response()
        }
        Err(why) => invalid("ip", why),
    }
}
