//! `/api/v1/tenant`: registration and heartbeats.

use axum::http::StatusCode;
use letsbe_store::{NewJob, token_hash};
use letsbe_test_postgres::cases;
use letsbe_types::{
    clock::Clock as _,
    ids::{JobId, OrderId},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Answer, Hub, jobs::job, start};

const REGISTER: &str = "/api/v1/tenant/register";
pub(crate) const HEARTBEAT: &str = "/api/v1/tenant/heartbeat";
const TOKEN: Option<&str> = Some("registration-token");

pub(crate) fn heartbeat() -> Value {
    json!({
        "version": 2, "node_version": "0.1.0", "sent_at": "2026-11-21T11:59:58Z", "uptime_seconds": 90,
        "disk_used_percent": 12, "memory_used_mib": 800, "agent_memory_mib": 20,
        "containers": [
            {"name": "letsbe-ghost", "state": "fine", "restarts": 0, "out_of_memory": false},
            {"name": "letsbe-ghost-db", "state": "fine", "restarts": 1, "out_of_memory": false},
        ],
        "tokens": {"period": "2026-11", "pool": 2000, "used": 100, "reserved": 0},
        "backup": {"at": "2026-11-21T02:00:00Z", "succeeded": true, "bytes": 1000, "errors": 0,
                   "remote": "success", "remote_at": "2026-11-21T02:05:00Z",
                   "protection": {"is": "locked", "days": 30}, "repository_bytes": 5000,
                   "checked_at": "2026-11-21T02:40:00Z", "damage": 0,
                   "tools": [{"tool": "ghost", "taken_at": "2026-11-21T02:00:00Z",
                              "proven_at": "2026-11-20T02:30:00Z", "ok": true, "proof_ok": true}]},
        "certificate_expires_at": "2027-02-01T00:00:00Z",
        "updates": [{"image": "ghost:6", "digest": "sha256:ab", "seen_at": "2026-11-20T00:00:00Z"}],
        "drift": {"checked_at": "2026-11-21T10:00:00Z", "operations": []},
        "openclaw": {"version": "2026.9", "healthy": true},
        "vault": {"secrets": 12, "proxy_ready": true, "rotated_at": null, "rotating": null,
                  "escrow_recipients": ["age1first"]},
        "approvals_pending": 0, "events_waiting": 0, "events_dropped": 0, "configuration": 1,
        "gate_log": {"entry": 3, "hash": "ab".repeat(32)},
    })
}

pub(crate) fn introduction(identity: &str) -> Value {
    json!({"identity": identity, "node_version": "0.1.0"})
}

fn key(answer: &Answer) -> String {
    answer.json()["data"]["agent_key"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

/// A further job of an order; its token registers the agent.
async fn another_job(hub: &Hub, order: OrderId, token: &str) {
    let new = NewJob {
        id: JobId::generate(),
        order,
        runner_token_hash: token_hash(&format!("runner of {token}")),
        registration_token_hash: token_hash(token),
    };
    hub.store.create_job(&new, hub.clock.now()).await.unwrap();
}

/// A tenant whose agent has registered, and the agent's key.
pub(crate) async fn registered(hub: &Hub, number: u128) -> (OrderId, String) {
    let order = hub.order(number).await;
    let token = format!("token-{number}");
    another_job(hub, order, &token).await;
    let answer = hub.json("POST", REGISTER, Some(&token), &introduction("planted")).await;
    (order, key(&answer))
}

#[tokio::test]
async fn an_agent_registers_and_is_heard() {
    let hub = Hub::new().await;
    let order = hub.order(1).await;
    job(&hub, order).await;
    let first = key(&hub.json("POST", REGISTER, TOKEN, &introduction("planted")).await);
    assert_eq!(first.len(), 64);
    // The reply may have been lost: the same token works again, and the first key is dead then.
    let second = key(&hub.json("POST", REGISTER, TOKEN, &introduction("planted")).await);
    assert_ne!(first, second);
    let dead = hub.json("POST", HEARTBEAT, Some(&first), &heartbeat()).await;
    assert_eq!(dead.status, StatusCode::UNAUTHORIZED);
    let heard = hub.json("POST", HEARTBEAT, Some(&second), &heartbeat()).await;
    insta::assert_snapshot!(heard.shown());
    let agent = hub.store.agent(order).await.unwrap().unwrap();
    assert_eq!(agent.last_heartbeat_at, Some(start()));
    assert_eq!(serde_json::to_value(agent.last_heartbeat).unwrap(), heartbeat(), "nothing is lost of it");
    // Once it was heard, the token is spent.
    let late = hub.json("POST", REGISTER, TOKEN, &introduction("planted")).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    assert_eq!(hub.json("POST", HEARTBEAT, Some(&second), &heartbeat()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_token_identity_or_field_registers_nothing() {
    let hub = Hub::new().await;
    let order = hub.order(1).await;
    job(&hub, order).await;
    let good = introduction("planted");
    for (key, body, status) in [
        (None, good.clone(), StatusCode::UNAUTHORIZED),
        (Some("wrong"), good.clone(), StatusCode::UNAUTHORIZED),
        (Some("runner-token"), good, StatusCode::UNAUTHORIZED),
        (TOKEN, introduction("another"), StatusCode::FORBIDDEN),
        (TOKEN, json!({"identity": "planted"}), StatusCode::BAD_REQUEST),
        (TOKEN, json!({"identity": "planted", "node_version": "free text!"}), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(hub.json("POST", REGISTER, key, &body).await.status, status, "{key:?} {body}");
    }
    assert_eq!(hub.store.agent(order).await.unwrap(), None);
}

#[tokio::test]
async fn only_the_newest_jobs_token_registers_again() {
    let hub = Hub::new().await;
    let (order, first) = registered(&hub, 1).await;
    assert_eq!(hub.json("POST", HEARTBEAT, Some(&first), &heartbeat()).await.status, StatusCode::OK);
    hub.clock.advance(chrono::TimeDelta::minutes(1));
    another_job(&hub, order, "second").await;
    hub.clock.advance(chrono::TimeDelta::minutes(1));
    another_job(&hub, order, "third").await;
    let register = async |token| hub.json("POST", REGISTER, Some(token), &introduction("planted")).await;
    assert_eq!(register("second").await.status, StatusCode::UNAUTHORIZED, "a newer job exists");
    let third = key(&register("third").await);
    assert_eq!(
        hub.json("POST", HEARTBEAT, Some(&first), &heartbeat()).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(hub.json("POST", HEARTBEAT, Some(&third), &heartbeat()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_heartbeat_has_its_fields_and_no_others() {
    let hub = Hub::new().await;
    let with = |path: &str, value: Value| {
        let mut beat = heartbeat();
        let (above, name) = path.rsplit_once('/').unwrap();
        match beat.pointer_mut(path) {
            Some(place) => *place = value,
            None => beat.pointer_mut(above).unwrap()[name] = value,
        }
        beat
    };
    let many = |one: Value| Value::Array(vec![one; 201]);
    let container = heartbeat()["containers"][0].clone();
    let mut older = heartbeat();
    older["version"] = json!(1);
    older.as_object_mut().unwrap().remove("vault");
    for (body, named) in [
        (with("/log", json!("free text")), "log"),
        (with("/disk_used_percent", json!(101)), "disk_used_percent"),
        (with("/disk_used_percent", json!(300)), "disk_used_percent"),
        (with("/node_version", json!("a b")), "node_version"),
        (with("/containers/1/name", json!("a secret, perhaps")), "containers[1]"),
        (with("/containers/0/log", json!("x")), "containers"),
        (with("/containers", many(container)), "containers"),
        (with("/tokens/period", json!("2026-13")), "tokens.period"),
        (with("/tokens/used", json!(u64::MAX)), "tokens.used"),
        (with("/gate_log/hash", json!("zz")), "gate_log.hash"),
        (with("/vault/escrow_recipients", json!(["ssh-rsa x"])), "vault.escrow_recipients"),
        (with("/backup/tools/0/tool", json!("a b")), "backup.tools[0].tool"),
        (
            with("/backup/tools/0/outside", json!({"since": "1026-11-21T12:00:00Z", "ok": true})),
            "backup.tools[0].outside.since",
        ),
        (with("/updates/0/digest", json!("b c")), "updates[0].digest"),
        (
            with("/gate_chain", json!({"after": {"entry": 1, "hash": ""}, "hashes": ["zz"]})),
            "gate_chain.hashes[0]",
        ),
        (with("/version", json!(3)), "version"),
        (older, "version"),
    ] {
        let answer = hub.json("POST", HEARTBEAT, Some("key"), &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{named}");
        assert!(answer.fields()[0].starts_with(named), "{named}: {answer:?}");
    }
    let large = json!({"version": 2, "node_version": "x".repeat(70_000)});
    let large = hub.json("POST", HEARTBEAT, Some("key"), &large).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let unknown = hub.json("POST", HEARTBEAT, Some("key"), &heartbeat()).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_heartbeat_is_told_the_configuration_that_it_does_not_have() {
    let hub = Hub::new().await;
    let (_, key) = registered(&hub, 1).await;
    let mut beat = heartbeat();
    beat["configuration"] = json!(0);
    let told = hub.json("POST", HEARTBEAT, Some(&key), &beat).await.json();
    assert_eq!(
        told["data"]["configuration"],
        json!({"version": 1, "autonomy": 1, "external_unlocked": [], "token_pool": 2000,
               "escrow_recipients": ["age1first"], "openclaw_version": null})
    );
    let told = hub.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await.json();
    assert_eq!(told["data"]["configuration"], Value::Null);
}

#[derive(Debug, Clone)]
enum Mutation {
    Replace(usize, Value),
    Remove(usize),
    Byte(usize, u8),
    Cut(usize),
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[0-9+-]{1,7}-[0-9]{2}-[0-9]{2}T00:00:00Z".prop_map(Value::from),
        proptest::collection::vec(any::<u8>().prop_map(Value::from), 0..4).prop_map(Value::from),
        Just(json!({"a": {"b": []}})),
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => (any::<usize>(), anything()).prop_map(|(place, value)| Mutation::Replace(place, value)),
        1 => any::<usize>().prop_map(Mutation::Remove),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(place, byte)| Mutation::Byte(place, byte)),
        1 => any::<usize>().prop_map(Mutation::Cut),
    ]
}

/// Every place in a value, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, value)| places(value, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

fn mutated(mutations: &[Mutation]) -> Vec<u8> {
    let mut beat = heartbeat();
    for mutation in mutations {
        let mut all = Vec::new();
        places(&beat, "", &mut all);
        match mutation {
            Mutation::Replace(place, value) => {
                *beat.pointer_mut(&all[place % all.len()]).unwrap() = value.clone();
            }
            Mutation::Remove(place) => {
                if let Some((parent, name)) = all[place % all.len()].rsplit_once('/')
                    && let Some(Value::Object(map)) = beat.pointer_mut(parent)
                {
                    map.remove(name);
                }
            }
            Mutation::Byte(..) | Mutation::Cut(_) => {}
        }
    }
    let mut bytes = beat.to_string().into_bytes();
    for mutation in mutations {
        match mutation {
            Mutation::Byte(place, byte) if !bytes.is_empty() => {
                let place = place % bytes.len();
                bytes[place] = *byte;
            }
            Mutation::Cut(place) => bytes.truncate(place % (bytes.len() + 1)),
            _ => {}
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(400)) })]

    #[test]
    fn a_heartbeat_of_any_form_is_taken_whole_or_refused(
        bodies in proptest::collection::vec(proptest::collection::vec(mutation(), 1..4), 1..12),
    ) {
        static RUNTIME: std::sync::OnceLock<(tokio::runtime::Runtime, Hub, String, String)> = std::sync::OnceLock::new();
        let (runtime, hub, key, staff) = RUNTIME.get_or_init(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let (hub, key, staff) = runtime.block_on(async {
                let (hub, staff) = Hub::with_staff().await;
                let (_, key) = registered(&hub, 1).await;
                (hub, key, staff)
            });
            (runtime, hub, key, staff)
        });
        runtime.block_on(async {
            // A key has so many requests a minute.
            hub.clock.advance(chrono::TimeDelta::seconds(3));
            let bearer = format!("Bearer {key}");
            for body in &bodies {
                // Each from an address of its own: refusals are counted.
                let from = std::net::Ipv4Addr::from(next_address()).to_string();
                let headers = [
                    ("authorization", bearer.as_str()),
                    ("content-type", "application/json"),
                    ("x-forwarded-for", &from),
                ];
                let answer = hub.send("POST", HEARTBEAT, &headers, mutated(body)).await;
                assert!([200, 400].contains(&answer.status.as_u16()), "{answer:?}");
            }
            let read = hub.get("/api/v1/admin/tenants", Some(staff)).await;
            assert_eq!(read.status, StatusCode::OK, "what was taken can be read: {read:?}");
        });
    }
}

fn next_address() -> u32 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0x0a00_0000);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
