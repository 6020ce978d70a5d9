//! `GET /api/v1/tenant/commands`, and the staff's side of it.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use letsbe_hub::background::tasks;
use letsbe_types::ids::{ApprovalId, OrderId};
use serde_json::{Value, json};

use crate::{
    Answer, Hub,
    tenant::{HEARTBEAT, heartbeat, registered},
    tenant_events::{approval, event, send},
};

const COMMANDS: &str = "/api/v1/tenant/commands";
/// How long a question is open by which a test waits.
const QUESTION: Duration = Duration::from_secs(25);

async fn ask(hub: &Hub, staff: &str, tenant: OrderId, work: &Value) -> Answer {
    hub.json("POST", &format!("/api/v1/admin/tenants/{tenant}/commands"), Some(staff), work).await
}

/// Until the tenant's question is open.
async fn listening(hub: &Hub, tenant: OrderId) {
    while !hub.tenants.bell.is_heard(tenant) {
        tokio::task::yield_now().await;
    }
}

async fn waiting(hub: &Hub, key: &str) -> Vec<Value> {
    let answer = hub.get(COMMANDS, Some(key)).await;
    answer.json()["data"]["commands"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
}

#[tokio::test]
async fn a_command_is_given_until_its_result_arrived_and_to_its_own_tenant_only() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    let (_, other) = registered(&hub, 2).await;
    let asked = ask(&hub, &staff, tenant, &json!({"do": "restart_tool", "tool": "ghost"})).await;
    assert_eq!(asked.status, StatusCode::OK, "{asked:?}");
    let id = asked.json()["data"]["id"].clone();
    assert_eq!(asked.json()["data"]["issued_by"], crate::EMAIL);
    for _ in 0..2 {
        assert_eq!(waiting(&hub, &key).await[0]["id"], id);
    }
    assert!(waiting(&hub, &other).await.is_empty());
    let told = hub.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await.json();
    assert_eq!(told["data"]["commands"][0]["work"], json!({"do": "restart_tool", "tool": "ghost"}));
    let told = hub.json("POST", HEARTBEAT, Some(&other), &heartbeat()).await.json();
    assert_eq!(told["data"]["commands"], json!([]));
    let result = json!({"kind": "command_finished", "result": {"command": id,
        "finished_at": "2026-11-21T12:00:00Z", "outcome": {"outcome": "done", "summary": "restarted"}}});
    send(&hub, &key, &[event(1, result)]).await;
    assert!(waiting(&hub, &key).await.is_empty());
    let path = format!("/api/v1/admin/tenants/{tenant}/commands/{}", id.as_str().unwrap());
    let shown = hub.get(&path, Some(&staff)).await.json();
    assert_eq!(shown["data"]["outcome"], json!({"outcome": "done", "summary": "restarted"}));
    assert_ne!(shown["data"]["given_at"], Value::Null);
    // Another word about the same command comes too late.
    let again = json!({"kind": "command_finished", "result": {"command": id,
        "finished_at": "2026-11-21T13:00:00Z", "outcome": {"outcome": "interrupted"}}});
    assert_eq!(send(&hub, &key, &[event(2, again)]).await.status, StatusCode::OK);
    assert_eq!(hub.get(&path, Some(&staff)).await.json(), shown);
}

#[tokio::test]
async fn a_command_that_is_too_old_is_not_given() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    ask(&hub, &staff, tenant, &json!({"do": "report"})).await;
    hub.clock.advance(chrono::TimeDelta::minutes(59));
    assert_eq!(waiting(&hub, &key).await.len(), 1);
    hub.clock.advance(chrono::TimeDelta::minutes(2));
    assert!(waiting(&hub, &key).await.is_empty());
}

#[tokio::test]
async fn a_command_wakes_the_open_question_of_its_tenant() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    let path = format!("{COMMANDS}?wait={}", QUESTION.as_secs());
    let started = Instant::now();
    let asked = async {
        listening(&hub, tenant).await;
        ask(&hub, &staff, tenant, &json!({"do": "check_drift"})).await
    };
    let (answer, asked) = tokio::join!(hub.get(&path, Some(&key)), asked);
    assert_eq!(asked.status, StatusCode::OK);
    assert_eq!(answer.json()["data"]["commands"].as_array().unwrap().len(), 1, "{answer:?}");
    assert!(started.elapsed() < QUESTION, "woken, not answered at its end");
}

#[tokio::test]
async fn a_command_of_another_hub_process_arrives_while_the_question_is_open() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    hub.driven([tasks::command_notices(hub.store.clone(), hub.tenants.bell.clone())]);
    let (other, staff) = hub.another_process().await;
    let path = format!("{COMMANDS}?wait={}", QUESTION.as_secs());
    let started = Instant::now();
    let asked = async {
        listening(&hub, tenant).await;
        ask(&other, &staff, tenant, &json!({"do": "report"})).await
    };
    let (answer, asked) = tokio::join!(hub.get(&path, Some(&key)), asked);
    assert_eq!(asked.status, StatusCode::OK);
    assert_eq!(answer.json()["data"]["commands"].as_array().unwrap().len(), 1);
    assert!(started.elapsed() < QUESTION, "it arrived while the question was open");
}

#[tokio::test]
async fn a_question_ends_when_its_time_is_over() {
    let hub = Hub::new().await;
    let (_, key) = registered(&hub, 1).await;
    let answer = hub.get(&format!("{COMMANDS}?wait=1"), Some(&key)).await;
    assert_eq!((answer.status, &answer.json()["data"]["commands"]), (StatusCode::OK, &json!([])));
    for query in ["wait=26", "wait=-1", "wait=x", "tenant=1"] {
        let answer = hub.get(&format!("{COMMANDS}?{query}"), Some(&key)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_for_a_tenant_is_not_asked_of_it() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    for (work, status) in [
        (json!({"do": "restart_tool", "tool": "odoo"}), StatusCode::BAD_REQUEST),
        (json!({"do": "restart_tool", "tool": "../x"}), StatusCode::BAD_REQUEST),
        (json!({"do": "rotate", "tool": "odoo"}), StatusCode::BAD_REQUEST),
        (json!({"do": "update_open_claw", "to": "latest; rm", "force": false}), StatusCode::BAD_REQUEST),
        (json!({"do": "run", "command": "id"}), StatusCode::BAD_REQUEST),
        (
            json!({"do": "decide", "approval": ApprovalId::generate(), "approve": true, "by": "x"}),
            StatusCode::NOT_FOUND,
        ),
        (json!({"do": "backup", "tool": "odoo"}), StatusCode::BAD_REQUEST),
        (json!({"do": "drill", "tool": "--all"}), StatusCode::BAD_REQUEST),
        // Nobody puts older data in the place of a tool's from the Hub.
        (json!({"do": "restore", "tool": "ghost", "at": null}), StatusCode::BAD_REQUEST),
        (json!({"do": "backup", "tool": "letsbe"}), StatusCode::OK),
        (json!({"do": "prove", "tool": "ghost"}), StatusCode::OK),
        (json!({"do": "drill", "tool": null}), StatusCode::OK),
        (json!({"do": "rotate", "tool": null}), StatusCode::OK),
        (json!({"do": "restart_tool", "tool": "openclaw"}), StatusCode::OK),
        (json!({"do": "update_open_claw", "to": "v2026.10", "force": false}), StatusCode::OK),
    ] {
        assert_eq!(ask(&hub, &staff, tenant, &work).await.status, status, "{work}");
    }
    assert_eq!(waiting(&hub, &key).await.len(), 6);
    let nobody = ask(&hub, &staff, OrderId::generate(), &json!({"do": "report"})).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_approval_is_decided_by_the_operators_name() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    let (stranger, _) = registered(&hub, 2).await;
    send(&hub, &key, &[event(1, approval(7))]).await;
    let id = ApprovalId(uuid::Uuid::from_u128(7));
    let decide = async |tenant: OrderId, approve: bool| {
        let path = format!("/api/v1/admin/tenants/{tenant}/approvals/{id}");
        hub.json("POST", &path, Some(&staff), &json!({ "approve": approve })).await
    };
    assert_eq!(decide(stranger, true).await.status, StatusCode::NOT_FOUND);
    assert_eq!(decide(tenant, true).await.status, StatusCode::OK);
    let given = waiting(&hub, &key).await;
    assert_eq!(
        given[0]["work"],
        json!({"do": "decide", "approval": id, "approve": true, "by": "ann@letsbe.example"})
    );
    let settled =
        json!({"kind": "approval_settled", "approval": id, "state": "approved", "by": crate::EMAIL});
    send(&hub, &key, &[event(2, settled)]).await;
    assert_eq!(decide(tenant, false).await.conflict(), "HUB056", "it does not wait any more");
}
