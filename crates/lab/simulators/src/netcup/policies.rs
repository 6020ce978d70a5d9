//! The SCP API: firewall policies of the account, VLANs and failover addresses.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, patch},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    api::{Page, Sim, accepted, error, invalid, not_found},
    realm::USER_ID,
    state::Shared,
    task::{self, Work},
};

pub(super) fn routes() -> Router<Arc<Shared>> {
    let user = "/api/v1/users/{user}";
    Router::new()
        .route(&format!("{user}/firewall-policies"), get(list).post(create))
        .route(&format!("{user}/firewall-policies/{{policy}}"), get(one).put(replace).delete(remove))
        .route(&format!("{user}/failoverips/{{version}}"), get(no_failover_addresses))
        .route(&format!("{user}/failoverips/{{version}}/{{address}}"), patch(no_failover_address))
        .route(&format!("{user}/vlans"), get(no_vlans))
        .route(&format!("{user}/vlans/{{vlan}}"), get(no_vlan).put(no_vlan))
        .route("/api/v1/vlans/{vlan}", get(no_vlan))
}

/// What is wrong with a policy: the field and why.
fn fault(policy: &Value) -> Option<(&'static str, &'static str)> {
    if policy["name"].as_str().is_none_or(|name| name.trim().is_empty()) {
        return Some(("name", "must not be blank"));
    }
    let rules = policy["rules"].as_array().into_iter().flatten();
    for rule in rules {
        let one_of =
            |field: &str, words: &[&str]| rule[field].as_str().is_some_and(|word| words.contains(&word));
        if !one_of("direction", &["INGRESS", "EGRESS"]) {
            return Some(("rules.direction", "unknown direction"));
        }
        if !one_of("protocol", &["TCP", "UDP", "ICMP", "ICMPv6"]) {
            return Some(("rules.protocol", "unknown protocol"));
        }
        if !one_of("action", &["ACCEPT", "DROP"]) {
            return Some(("rules.action", "unknown action"));
        }
    }
    None
}

fn kept(id: i32, given: &Value) -> Value {
    json!({"id": id, "name": given["name"], "description": given["description"].as_str().unwrap_or_default(),
        "rules": given["rules"].as_array().cloned().unwrap_or_default()})
}

#[derive(Deserialize)]
struct Search {
    q: Option<String>,
}

async fn list(
    State(shared): Sim,
    Path(user): Path<i32>,
    Query(page): Query<Page>,
    Query(search): Query<Search>,
) -> Response {
    if user != USER_ID {
        return not_found();
    }
    let state = shared.state();
    let named = |policy: &&Value| {
        let name = policy["name"].as_str().unwrap_or_default();
        search.q.as_ref().is_none_or(|wanted| name.contains(wanted.as_str()))
    };
    Json(page.of(state.policies.values().filter(named).cloned())).into_response()
}

async fn create(State(shared): Sim, Path(user): Path<i32>, Json(given): Json<Value>) -> Response {
    if user != USER_ID {
        return not_found();
    }
    if let Some((field, why)) = fault(&given) {
        return invalid(field, why);
    }
    let mut state = shared.state();
    if state.policies.values().any(|policy| policy["name"] == given["name"]) {
        return error(400, "firewall.policy.exists", "A policy of this name exists");
    }
    let id = state.policies.keys().last().map_or(1, |last| last + 1);
    let policy = kept(id, &given);
    state.policies.insert(id, policy.clone());
    (StatusCode::CREATED, Json(policy)).into_response()
}

async fn one(State(shared): Sim, Path((_, id)): Path<(i32, i32)>) -> Response {
    shared.state().policies.get(&id).map_or_else(not_found, |policy| Json(policy).into_response())
}

async fn replace(State(shared): Sim, Path((_, id)): Path<(i32, i32)>, Json(given): Json<Value>) -> Response {
    if let Some((field, why)) = fault(&given) {
        return invalid(field, why);
    }
    let mut state = shared.state();
    let Some(policy) = state.policies.get_mut(&id) else { return not_found() };
    *policy = kept(id, &given);
    (StatusCode::ACCEPTED, Json(json!({"firewallPolicy": policy}))).into_response()
}

/// A policy that a firewall uses cannot be removed.
async fn remove(State(shared): Sim, Path((_, id)): Path<(i32, i32)>) -> Response {
    let mut state = shared.state();
    let used = state.firewalls.values().flat_map(|firewall| firewall.user_policies.iter().flatten());
    if used.into_iter().any(|policy| policy.id == Some(id)) {
        return invalid("id", "The policy is in use");
    }
    match state.policies.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => not_found(),
    }
}

/// An account as ours has no failover addresses and no VLANs.
async fn no_failover_addresses(Path((user, version)): Path<(i32, String)>) -> Response {
    let known = user == USER_ID && matches!(version.as_str(), "v4" | "v6");
    if known { Json(json!([])).into_response() } else { not_found() }
}

async fn no_failover_address() -> Response {
    not_found()
}

async fn no_vlans(Path(user): Path<i32>) -> Response {
    if user == USER_ID { Json(json!([])).into_response() } else { not_found() }
}

async fn no_vlan() -> Response {
    not_found()
}

/// `firewall:reapply` and `firewall:restore-copied-policies`.
pub(super) async fn reapply(State(shared): Sim, Path((id, mac)): Path<(i32, String)>) -> Response {
    let mut state = shared.state();
    match state.servers.get(&id) {
        Some(server) if server.mac() == mac => accepted(task::start(&shared, &mut state, id, Work::Reapply)),
        _ => not_found(),
    }
}
