//! A Hub's database as it looks after years: tenants of all conditions, and orders in all places where one can wait.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::{EffectKind, Event, Pace};
use letsbe_store::{Beat, Defaults, Introduction, NewEntry, NewJob, NewOrder, Store, token_hash};
use letsbe_types::{
    Code, Problem, Region, Tier,
    ids::{ApprovalId, JobId, OrderId, ServerId, ServerIdentity},
};
use serde_json::{Value, json};

/// After so many, the conditions come again.
const CONDITIONS: u128 = 25;

/// The id of an order.
pub(crate) fn id(number: u128) -> OrderId {
    OrderId(uuid::Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number))
}

/// Its domain: some are as long as a name may be.
fn domain(number: u128) -> String {
    match number % CONDITIONS {
        7 => {
            format!("{}-{number:04}.example", "grosshandel-fuer-feinmechanik-und-optische-geraete-bayern-")
        }
        _ => format!("shop-{number:04}.example"),
    }
}

/// Makes tenants, then orders without a server.
pub(crate) async fn fill(store: &Store, tenants: u128, orders: u128, now: DateTime<Utc>) {
    for number in 0..tenants {
        tenant(store, number, now).await;
    }
    for number in tenants..tenants + orders {
        order(store, number, now).await;
    }
}

async fn apply(store: &Store, id: OrderId, event: &Event, now: DateTime<Utc>) {
    store.apply(id, event, None, &Pace::default(), now).await.unwrap();
}

async fn checked_out(store: &Store, number: u128, now: DateTime<Utc>) -> DateTime<Utc> {
    let new = NewOrder {
        id: id(number),
        domain: domain(number).parse().unwrap(),
        email: format!("owner-{number}@shop.example").parse().unwrap(),
        tier: Tier::Build,
        region: Region::Eu,
        tools: vec!["static-website".into(), "ghost".into()],
        identity: ServerIdentity(format!("planted-{number}")),
    };
    let minutes = i64::try_from(number).unwrap();
    let at = now - TimeDelta::days(40) + TimeDelta::minutes(minutes);
    store.create_order(&new, at).await.unwrap();
    at
}

async fn order(store: &Store, number: u128, now: DateTime<Utc>) {
    let (id, at) = (id(number), checked_out(store, number, now).await);
    let problem = |permanent: bool| {
        let problem = if permanent { Problem::permanent } else { Problem::transient };
        problem(Code::SRV001, "netcup:1 could not be installed", "Look at the server's console at Netcup.")
    };
    let failed =
        |permanent| Event::EffectFailed { effect: EffectKind::ClaimServer, problem: problem(permanent) };
    let server = ServerId(format!("netcup:{number}"));
    let paid = [Event::PaymentReceived];
    let events: Vec<Event> = match number % CONDITIONS {
        1 => paid.into_iter().chain([failed(true)]).collect(),
        2 => paid.into_iter().chain([failed(false)]).collect(),
        3..6 => vec![],
        6..9 => paid
            .into_iter()
            .chain([
                Event::ServerClaimed { server },
                Event::ServerInstalled { address: [192, 0, 2, 7].into() },
                Event::DnsIncomplete { missing: vec!["blog A 192.0.2.7 (nothing)".into()] },
            ])
            .collect(),
        9..12 => paid.into_iter().chain([Event::ServerClaimed { server }]).collect(),
        _ => paid.into_iter().chain([Event::OperatorAbandon { reason: "asked".into() }]).collect(),
    };
    for event in &events {
        apply(store, id, event, at).await;
    }
}

async fn tenant(store: &Store, number: u128, now: DateTime<Utc>) {
    let (id, at) = (id(number), checked_out(store, number, now).await);
    for event in [
        Event::PaymentReceived,
        Event::ServerClaimed { server: ServerId(format!("netcup:{number}")) },
        Event::ServerInstalled { address: [192, 0, 2, 9].into() },
        Event::DnsComplete,
        Event::ProvisioningPrepared,
    ] {
        apply(store, id, &event, at).await;
    }
    let (token, key) = (token_hash(&format!("token {number}")), token_hash(&format!("key {number}")));
    let job = NewJob {
        id: JobId::generate(),
        order: id,
        runner_token_hash: token_hash(&format!("runner {number}")),
        registration_token_hash: token.clone(),
    };
    store.create_job(&job, at).await.unwrap();
    let identity = format!("planted-{number}");
    let introduction =
        Introduction { token_hash: &token, identity: &identity, node_version: "0.1.0", key_hash: &key };
    let defaults = Defaults { token_pools: [2_000_000; 4], escrow_recipients: vec![] };
    store.register_agent(introduction, &defaults, at).await.unwrap();
    apply(store, id, &Event::ProvisioningSucceeded, at).await;
    heard(store, number, &key, now).await;
}

/// What was heard of a tenant's server.
async fn heard(store: &Store, number: u128, key: &str, now: DateTime<Utc>) {
    let condition = number % CONDITIONS;
    let mut at = now;
    let mut beat = heartbeat(now);
    match condition {
        1 => return,
        2 => at = now - TimeDelta::hours(2),
        3 => beat["disk_used_percent"] = json!(97),
        4 => beat["containers"][0]["state"] = json!("stopped"),
        5 => beat["backup"]["succeeded"] = json!(false),
        _ => {}
    }
    let beat = serde_json::from_value(beat).unwrap();
    let beat = Beat::new(key.to_owned(), &beat).unwrap();
    store.take_heartbeats(vec![beat], at).await.unwrap()[0].clone().unwrap();
    match condition {
        6 => {
            let events = serde_json::from_value::<Vec<_>>(json!([question(number, now)])).unwrap();
            store.take_events(key, &events, now).await.unwrap().unwrap();
        }
        8 => {
            store
                .revoke_agent(id(number), &NewEntry::new("operator", "warning", "revoked"), now)
                .await
                .unwrap();
        }
        _ => {}
    }
}

fn question(number: u128, now: DateTime<Utc>) -> Value {
    json!({"sequence": 1, "at": now, "event": {"kind": "approval_requested", "approval": {
        "id": ApprovalId(uuid::Uuid::from_u128(number)), "requested_at": now,
        "expires_at": now + TimeDelta::hours(3), "action": "restart", "tool": "ghost", "class": "RED",
        "plan": "Restart ghost. Whoever is at work in it loses what is not saved.", "agent": "ops", "state": "pending",
    }}})
}

fn heartbeat(now: DateTime<Utc>) -> Value {
    let ago = |hours| now - TimeDelta::hours(hours);
    json!({
        "version": 2, "node_version": "0.1.0", "sent_at": now, "uptime_seconds": 90,
        "disk_used_percent": 12, "memory_used_mib": 800, "agent_memory_mib": 20,
        "containers": [
            {"name": "letsbe-ghost", "state": "fine", "restarts": 0, "out_of_memory": false},
            {"name": "letsbe-ghost-db", "state": "fine", "restarts": 1, "out_of_memory": false},
        ],
        "tokens": {"period": "2026-11", "pool": 2_000_000, "used": 100_000, "reserved": 0},
        "backup": {"at": ago(8), "succeeded": true, "bytes": 63_000_000, "errors": 0,
                   "remote": "success", "remote_at": ago(8),
                   "protection": {"is": "locked", "days": 30}, "repository_bytes": 5_000_000_000_u64,
                   "checked_at": ago(7), "damage": 0,
                   "tools": [{"tool": "ghost", "taken_at": ago(8), "proven_at": ago(30), "ok": true,
                              "proof_ok": true}]},
        "certificate_expires_at": now + TimeDelta::days(60),
        "updates": [], "drift": {"checked_at": ago(1), "operations": []},
        "openclaw": {"version": "2026.9", "healthy": true},
        "vault": {"secrets": 12, "proxy_ready": true, "rotated_at": null, "rotating": null,
                  "escrow_recipients": []},
        "approvals_pending": 0, "events_waiting": 0, "events_dropped": 0, "configuration": 1,
        "gate_log": {"entry": 3, "hash": "ab".repeat(32)},
    })
}
