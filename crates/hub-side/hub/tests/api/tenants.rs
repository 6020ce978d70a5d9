//! `/api/v1/admin/tenants`

use axum::http::StatusCode;
use letsbe_hub::router::{Access, routes};
use letsbe_types::ids::OrderId;
use serde_json::{Value, json};

use crate::{
    Hub,
    escrows::sealed_keys,
    tenant::{HEARTBEAT, heartbeat, registered},
    tenant_events::{approval, event, send},
};

const TENANTS: &str = "/api/v1/admin/tenants";

async fn configure(hub: &Hub, staff: &str, tenant: OrderId, body: &Value) -> crate::Answer {
    hub.json("PUT", &format!("{TENANTS}/{tenant}/configuration"), Some(staff), body).await
}

#[tokio::test]
async fn tenants_are_listed_with_their_health() {
    let (hub, staff) = Hub::with_staff().await;
    let list = async || hub.get(TENANTS, Some(&staff)).await.json();
    assert_eq!(list().await["data"], json!([]));
    let (tenant, key) = registered(&hub, 1).await;
    assert_eq!(list().await["data"][0]["health"], "never");
    hub.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await;
    send(&hub, &key, &[event(1, approval(1))]).await;
    insta::assert_snapshot!(hub.get(TENANTS, Some(&staff)).await.shown());
    hub.clock.advance(chrono::TimeDelta::minutes(16));
    assert_eq!(list().await["data"][0]["health"], "silent");
    let mut beat = heartbeat();
    beat["containers"][0]["state"] = json!("stopped");
    beat["gate_log"] = json!({"entry": 2, "hash": "cd".repeat(32)});
    hub.json("POST", HEARTBEAT, Some(&key), &beat).await;
    let troubled = list().await["data"][0].clone();
    assert_eq!(troubled["health"], "troubled");
    let troubles = troubled["troubles"].to_string();
    assert!(troubles.contains("letsbe-ghost") && troubles.contains("log was cut"), "{troubles}");
    hub.json("POST", &format!("{TENANTS}/{tenant}/revoke"), Some(&staff), &json!({})).await;
    assert_eq!(list().await["data"][0]["health"], "revoked");
    let none = hub.get(&format!("{TENANTS}?domain=other.example"), Some(&staff)).await.json();
    assert_eq!((&none["data"], &none["meta"]["total"]), (&json!([]), &json!(0)));
    let some = hub.get(&format!("{TENANTS}?domain=acme.example&pageSize=1"), Some(&staff)).await.json();
    assert_eq!(some["meta"]["total"], 1);
    assert_eq!(hub.get(&format!("{TENANTS}?page=0"), Some(&staff)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_gates_log_that_was_rewritten_is_a_trouble_and_every_end_that_was_told_is_listed() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    let hash = |letter: &str| letter.repeat(64);
    let tell = async |entry: u64, end: &str, chain: Value| {
        let mut beat = heartbeat();
        beat["gate_log"] = json!({"entry": entry, "hash": hash(end)});
        beat["gate_chain"] = chain;
        hub.clock.advance(chrono::TimeDelta::minutes(5));
        let answer = hub.json("POST", HEARTBEAT, Some(&key), &beat).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["data"]["gate_log"]["entry"].as_u64()
    };
    let troubles = async || hub.get(TENANTS, Some(&staff)).await.json()["data"][0]["troubles"].to_string();
    let after = |entry: u64, end: &str, hashes: &[&str]| {
        let hashes: Vec<String> = hashes.iter().map(|letter| hash(letter)).collect();
        json!({"after": {"entry": entry, "hash": hash(end)}, "hashes": hashes})
    };
    assert_eq!(tell(100, "a", json!(null)).await, Some(100));
    assert_eq!(tell(101, "b", after(100, "a", &["b"])).await, Some(101));
    assert_eq!(troubles().await, "[]");
    assert_eq!(tell(102, "d", after(101, "c", &["d"])).await, Some(101), "another chain");
    assert!(troubles().await.contains("lines 101 to 102 are not as they were told"), "{}", troubles().await);
    let heads = hub.get(&format!("{TENANTS}/{tenant}/gate-heads"), Some(&staff)).await.json();
    assert_eq!((heads["data"][0]["entry"].as_u64(), &heads["data"][0]["linked"]), (Some(102), &json!(false)));
    assert_eq!(heads["data"][1]["hash"], json!(hash("b")));
    let accept = format!("{TENANTS}/{tenant}/gate-heads/accept");
    let accepted = hub.json("POST", &accept, Some(&staff), &json!({})).await.json();
    assert_eq!(accepted["data"]["troubles"], json!([]));
    assert_eq!(hub.json("POST", &accept, Some(&staff), &json!({})).await.conflict(), "HUB056");
    assert_eq!(tell(103, "e", after(102, "d", &["e"])).await, Some(103));
    let mut long = heartbeat();
    long["gate_chain"] = json!({"after": {"entry": 0, "hash": ""}, "hashes": vec![hash("a"); 201]});
    let refused = hub.json("POST", HEARTBEAT, Some(&key), &long).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_tenant_with_all_that_is_known() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    for disk in [12, 40, 20] {
        let mut beat = heartbeat();
        beat["disk_used_percent"] = json!(disk);
        hub.json("POST", HEARTBEAT, Some(&key), &beat).await;
    }
    let tokens = json!({"kind": "tokens_used", "hour": "2026-11-21T11:00:00Z", "model": "openrouter/some-model",
                        "input": 10, "output": 5, "requests": 1});
    let escrowed = json!({"kind": "escrowed", "sealed": sealed_keys(1), "recipients": ["age1first"]});
    send(&hub, &key, &[event(1, tokens), event(2, approval(1)), event(3, escrowed)]).await;
    let shown = hub.get(&format!("{TENANTS}/{tenant}"), Some(&staff)).await;
    insta::assert_snapshot!(shown.shown());
    let sealed = hub.get(&format!("{TENANTS}/{tenant}/escrow"), Some(&staff)).await.json();
    assert!(sealed["data"][0]["sealed"].as_str().unwrap().starts_with("-----BEGIN AGE"));
    let missing = hub.get(&format!("{TENANTS}/{}", OrderId::generate()), Some(&staff)).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_configuration_grows_and_reaches_the_server() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    let wanted = json!({"version": 1, "autonomy": 2, "external_unlocked": ["ghost", "ghost"], "token_pool": 500,
                        "openclaw_version": "v2026.10"});
    let saved = configure(&hub, &staff, tenant, &wanted).await;
    insta::assert_snapshot!(saved.shown());
    let late = configure(&hub, &staff, tenant, &wanted).await;
    assert_eq!(late.conflict(), "HUB054", "somebody else was quicker");
    let mut same = wanted.clone();
    same["version"] = json!(2);
    assert_eq!(configure(&hub, &staff, tenant, &same).await.json()["data"]["version"], 2, "no change");
    let told = hub.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await.json();
    assert_eq!(told["data"]["configuration"], saved.json()["data"]);
    for (change, named) in [
        (json!({"autonomy": 4}), "autonomy"),
        (json!({"external_unlocked": ["odoo"]}), "external_unlocked[0]"),
        (json!({"token_pool": 10_000_000_000_000_u64}), "token_pool"),
        (json!({"openclaw_version": "latest"}), "openclaw_version"),
        (json!({"escrow_recipients": []}), "escrow_recipients"),
    ] {
        let mut body = same.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = configure(&hub, &staff, tenant, &body).await;
        assert_eq!((answer.status, answer.fields()), (StatusCode::BAD_REQUEST, vec![named.to_owned()]));
    }
    let lines = hub.store.timeline(tenant, 0, 100).await.unwrap();
    assert!(
        lines.iter().any(|line| line.message.contains("ann@letsbe.example chose: autonomy 2")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn new_escrow_recipients_are_a_change_of_every_configuration() {
    let hub = Hub::new().await;
    let (tenant, _) = registered(&hub, 1).await;
    assert_eq!(hub.store.prepare_configurations(&crate::defaults()).await.unwrap(), 0);
    let others = letsbe_store::Defaults { escrow_recipients: vec!["age1second".into()], ..crate::defaults() };
    assert_eq!(hub.store.prepare_configurations(&others).await.unwrap(), 1);
    let now = hub.store.configuration(tenant).await.unwrap().unwrap();
    assert_eq!((now.version, now.escrow_recipients), (2, vec!["age1second".to_owned()]));
}

#[tokio::test]
async fn a_revoked_key_is_refused_everywhere_and_says_so() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    let (_, other) = registered(&hub, 2).await;
    let revoke =
        async || hub.json("POST", &format!("{TENANTS}/{tenant}/revoke"), Some(&staff), &json!({})).await;
    let question = hub.get("/api/v1/tenant/commands?wait=25", Some(&key));
    let revoked = async {
        while !hub.tenants.bell.is_heard(tenant) {
            tokio::task::yield_now().await;
        }
        revoke().await
    };
    let (open, revoked) = tokio::join!(question, revoked);
    assert_eq!(revoked.status, StatusCode::OK);
    assert_eq!(open.status, StatusCode::UNAUTHORIZED, "an open question ends");
    for (method, path, body) in [
        ("POST", "/api/v1/tenant/heartbeat", heartbeat()),
        ("POST", "/api/v1/tenant/events", json!({"events": []})),
        ("GET", "/api/v1/tenant/commands", Value::Null),
    ] {
        let answer = hub.json(method, path, Some(&key), &body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.body.contains("revoked"), "{answer:?}");
        assert_eq!(hub.json(method, path, Some(&other), &body).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(revoke().await.conflict(), "HUB052");
    let command = hub
        .json("POST", &format!("{TENANTS}/{tenant}/commands"), Some(&staff), &json!({"do": "report"}))
        .await;
    assert_eq!(command.conflict(), "HUB052");
}

/// From the router's own table: a new route is tested the day it is added.
#[tokio::test]
async fn a_stolen_agent_key_opens_no_other_door() {
    let (hub, _) = Hub::with_staff().await;
    let (_, thief) = registered(&hub, 1).await;
    let (victim, _) = registered(&hub, 2).await;
    let before = hub.store.timeline(victim, 0, 100).await.unwrap();
    let mut walked = 0;
    for route in routes() {
        let open = matches!(route.access, Access::Open | Access::Limited(_));
        if open || route.path.starts_with("/api/v1/tenant/") {
            continue;
        }
        walked += 1;
        let path = route
            .path
            .replace("{id}", &victim.to_string())
            .replace("{command}", &victim.to_string())
            .replace("{approval}", &victim.to_string())
            .replace("{alarm}", &victim.to_string())
            .replace("{drill}", &victim.to_string())
            .replace("{task}", "drills");
        let answer = hub.json(route.method.as_str(), &path, Some(&thief), &json!({"approve": true})).await;
        let refused = answer.status.is_client_error() || answer.status == StatusCode::SEE_OTHER;
        assert!(refused, "{} {path}: {}", route.method, answer.status);
        assert!(!answer.body.contains("acme"), "{} {path}", route.method);
    }
    assert!(walked >= 18, "{walked}");
    assert_eq!(hub.store.timeline(victim, 0, 100).await.unwrap(), before);
    // No body and no query of the agents' own doors names a tenant either.
    for path in ["/api/v1/tenant/commands?tenant=x", "/api/v1/tenant/commands?id=x"] {
        assert_eq!(hub.get(path, Some(&thief)).await.status, StatusCode::BAD_REQUEST);
    }
    let status = hub.store.agent(victim).await.unwrap().unwrap();
    assert_eq!((status.last_heartbeat_at, status.revoked_at), (None, None));
}
