//! Workflows of every machine by one API: what is open, and what an operator does about it.

use axum::http::StatusCode;
use letsbe_lifecycle::order::{EffectKind, Event, Phase};
use letsbe_store::NewRecovery;
use letsbe_types::{
    Code, Problem,
    clock::Clock as _,
    ids::{OrderId, RecoveryId, ServerId},
};
use serde_json::{Value, json};

use crate::Hub;

async fn live(hub: &Hub, number: u128) -> OrderId {
    let id = hub.order(number).await;
    for event in [
        Event::PaymentReceived,
        Event::ServerClaimed { server: ServerId(format!("netcup:{number}")) },
        Event::ServerInstalled { address: [192, 0, 2, 1].into() },
        Event::DnsComplete,
        Event::ProvisioningPrepared,
        Event::ProvisioningSucceeded,
    ] {
        hub.apply(id, &event).await;
    }
    id
}

async fn lose(hub: &Hub, order: OrderId) -> RecoveryId {
    let new = NewRecovery {
        id: RecoveryId::generate(),
        order,
        requested_by: "ann@letsbe.example".into(),
        reason: "it burnt".into(),
        region: None,
        at: None,
        as_of: None,
    };
    let pace = letsbe_lifecycle::order::Pace::default();
    hub.store.request_recovery(&new, &pace, hub.clock.now()).await.unwrap();
    new.id
}

fn failed() -> Event {
    let problem = Problem::permanent(Code::WORK001, "p", "p");
    Event::EffectFailed { effect: EffectKind::ClaimServer, problem }
}

async fn listed(hub: &Hub, staff: &str) -> Vec<String> {
    let answer = hub.get("/api/v1/admin/work", Some(staff)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let of = |entry: &Value| {
        let actions = entry["actions"].as_array().unwrap();
        let actions: Vec<&str> = actions.iter().map(|action| action.as_str().unwrap()).collect();
        let said = |name: &str| entry[name].as_str().unwrap().to_owned();
        format!("{} {} {}", said("machine"), said("phase"), actions.join(" "))
    };
    answer.json()["data"].as_array().unwrap().iter().map(of).collect()
}

/// The answer's status and what matters of it.
async fn act(hub: &Hub, staff: &str, path: &str, action: Value) -> (StatusCode, Value) {
    let answer = hub.json("POST", &format!("/api/v1/admin/work/{path}"), Some(staff), &action).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn orders_and_recoveries_are_listed_and_acted_on_by_one_api() {
    let (hub, staff) = Hub::with_staff().await;
    let (first, second) = (hub.order(1).await, live(&hub, 2).await);
    hub.apply(first, &Event::PaymentReceived).await;
    assert_eq!(
        listed(&hub, &staff).await,
        ["order PAYMENT_CONFIRMED retry abandon"],
        "nothing of a live one"
    );
    hub.apply(first, &failed()).await;
    hub.clock.advance(chrono::TimeDelta::minutes(1));
    let recovery = lose(&hub, second).await;
    let mut open = listed(&hub, &staff).await;
    assert_eq!(open.remove(0), "order FAILED retry abandon", "what needs a person comes first");
    open.sort();
    assert_eq!(open, ["order SERVER_LOST retry", "recovery RUNNING retry abandon"]);

    let planned = act(&hub, &staff, &format!("{first}/actions/plan"), json!({"action": "retry"})).await;
    let consequences = &planned.1["data"]["consequences"];
    assert_eq!(consequences[0], "The order goes from FAILED to PAYMENT_CONFIRMED.");
    let path = format!("/api/v1/admin/work/{first}");
    assert_eq!(
        hub.get(&path, Some(&staff)).await.json()["data"]["phase"],
        "FAILED",
        "a plan changes nothing"
    );
    let (status, entry) = act(&hub, &staff, &format!("{first}/actions"), json!({"action": "retry"})).await;
    assert_eq!((status, &entry["data"]["phase"]), (StatusCode::OK, &json!("PAYMENT_CONFIRMED")));
    let lines = hub.store.timeline(first, 0, 100).await.unwrap();
    assert!(lines.iter().any(|line| line.message.ends_with("chose: retry the order")), "{lines:?}");

    let abandon = json!({"action": "abandon", "reason": "the cable was out"});
    let (status, _) = act(&hub, &staff, &format!("{recovery}/actions"), abandon).await;
    assert_eq!(status, StatusCode::OK);
    hub.apply(second, &Event::ServerReleased).await;
    let ended = hub.get(&format!("/api/v1/admin/work/{recovery}"), Some(&staff)).await.json();
    assert_eq!((&ended["data"]["phase"], &ended["data"]["activity"]), (&json!("CANCELLED"), &json!("ended")));
    assert_eq!(ended["data"]["actions"], json!([]));
    assert_eq!(hub.store.order(second).await.unwrap().unwrap().state.phase, Phase::Fulfilled);
}

#[tokio::test]
async fn an_action_on_a_recovery_that_ended_does_not_reach_the_one_that_began_in_its_place() {
    let (hub, staff) = Hub::with_staff().await;
    let order = live(&hub, 1).await;
    let former = lose(&hub, order).await;
    hub.apply(order, &failed()).await;
    hub.clock.advance(chrono::TimeDelta::minutes(1));
    lose(&hub, order).await;
    hub.apply(order, &failed()).await;
    for action in [json!({"action": "retry"}), json!({"action": "abandon", "reason": "r"})] {
        let (status, refused) = act(&hub, &staff, &format!("{former}/actions"), action).await;
        assert_eq!((status, &refused["error"]["code"]), (StatusCode::CONFLICT, &json!("API409")));
        assert!(refused["error"]["message"].as_str().unwrap().contains("SUPERSEDED"), "{refused}");
    }
    assert_eq!(hub.store.order(order).await.unwrap().unwrap().state.phase, Phase::Failed);
    let unknown = format!("{}/actions", OrderId::generate());
    let (status, _) = act(&hub, &staff, &unknown, json!({"action": "retry"})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = act(&hub, &staff, &format!("{order}/actions"), json!({"action": "skip"})).await;
    assert!(status.is_client_error(), "a reason is asked for");
}
