//! What the operator's desk says of an action beforehand.

use axum::http::StatusCode;
use letsbe_lifecycle::order::{Event, Phase};
use letsbe_types::ids::{OrderId, ServerId};
use serde_json::{Value, json};

use crate::Hub;

async fn planned(hub: &Hub, staff: &str, id: OrderId, action: &Value) -> (Vec<String>, Value) {
    let path = format!("/api/v1/admin/orders/{id}/actions/plan");
    let answer = hub.json("POST", &path, Some(staff), action).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let plan = answer.json()["data"].clone();
    (serde_json::from_value(plan["consequences"].clone()).unwrap(), plan["problem"].clone())
}

#[tokio::test]
async fn a_plan_says_what_would_follow_or_stand_in_the_way_and_changes_nothing() {
    let (hub, staff) = Hub::with_staff().await;
    let (id, other) = (hub.order(1).await, hub.order(2).await);
    let (consequences, problem) = planned(&hub, &staff, id, &json!({"action": "retry"})).await;
    assert_eq!((consequences.len(), &problem["code"]), (0, &json!("API409")), "{problem}");
    assert!(problem["hint"].as_str().unwrap().contains("letsbe orders show"), "{problem}");

    hub.apply(id, &Event::PaymentReceived).await;
    let before = hub.store.timeline(id, 0, 100).await.unwrap().len();
    let assign = json!({"action": "assign_server", "server": "manual:1", "address": "192.0.2.1"});
    let (consequences, problem) = planned(&hub, &staff, id, &assign).await;
    assert_eq!(problem, Value::Null);
    let said = consequences.join(" ");
    for part in ["from PAYMENT_CONFIRMED to SERVER_READY", "check dns", "SSH012", "confirm-host-key"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (consequences, _) =
        planned(&hub, &staff, id, &json!({"action": "abandon", "reason": "a test"})).await;
    assert!(consequences[0].contains("to STOPPED"), "{consequences:?}");

    hub.apply(other, &Event::PaymentReceived).await;
    let (server, address) = (ServerId("manual:1".into()), [192, 0, 2, 1].into());
    hub.apply(other, &Event::OperatorAssign { server, address, host_key: None }).await;
    let (_, problem) = planned(&hub, &staff, id, &assign).await;
    assert_eq!(problem["code"], "HUB058", "{problem}");

    let order = hub.store.order(id).await.unwrap().unwrap();
    let after = hub.store.timeline(id, 0, 100).await.unwrap().len();
    assert_eq!((order.state.phase, order.state.server, after), (Phase::PaymentConfirmed, None, before));
}
