//! `/api/v1/tenant`

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{Hub, jobs::job};

const REGISTER: &str = "/api/v1/tenant/register";
const HEARTBEAT: &str = "/api/v1/tenant/heartbeat";
const TOKEN: Option<&str> = Some("registration-token");

fn heartbeat() -> Value {
    json!({
        "version": 1, "node_version": "0.1.0", "uptime_seconds": 90, "disk_used_percent": 12,
        "memory_used_mib": 800, "containers_ok": 9, "containers_not_ok": 0,
    })
}

fn introduction(identity: &str) -> Value {
    json!({"identity": identity, "node_version": "0.1.0"})
}

#[tokio::test]
async fn an_agent_registers_and_is_heard() {
    let hub = Hub::new().await;
    let order = hub.order(1).await;
    job(&hub, order).await;
    let key = |answer: crate::Answer| answer.json()["data"]["agent_key"].as_str().unwrap().to_owned();
    let first = key(hub.json("POST", REGISTER, TOKEN, &introduction("planted")).await);
    assert_eq!(first.len(), 64);
    // The reply may have been lost: the same token works again, and the first key is dead then.
    let second = key(hub.json("POST", REGISTER, TOKEN, &introduction("planted")).await);
    assert_ne!(first, second);
    let dead = hub.json("POST", HEARTBEAT, Some(&first), &heartbeat()).await;
    assert_eq!(dead.status, StatusCode::UNAUTHORIZED);
    let heard = hub.json("POST", HEARTBEAT, Some(&second), &heartbeat()).await;
    insta::assert_snapshot!(heard.shown());
    let agent = hub.store.agent(order).await.unwrap().unwrap();
    assert_eq!(agent.last_heartbeat_at, Some(crate::start()));
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
async fn a_heartbeat_has_its_fields_and_no_others() {
    let hub = Hub::new().await;
    let with = |name: &str, value: Value| {
        let mut beat = heartbeat();
        beat[name] = value;
        beat
    };
    for (body, named) in [
        (with("log", json!("free text")), "log"),
        (with("disk_used_percent", json!(101)), "disk_used_percent"),
        (with("disk_used_percent", json!(300)), "disk_used_percent"),
        (with("node_version", json!("a b")), "node_version"),
    ] {
        let answer = hub.json("POST", HEARTBEAT, Some("key"), &body).await;
        assert_eq!((answer.status, answer.fields()), (StatusCode::BAD_REQUEST, vec![named.to_owned()]));
    }
    let unknown = hub.json("POST", HEARTBEAT, Some("key"), &heartbeat()).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
}
