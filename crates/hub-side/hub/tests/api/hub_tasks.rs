//! `/api/v1/admin/hub/tasks`, its page, and whether a Hub is ready.

use axum::http::StatusCode;
use chrono::TimeDelta;
use letsbe_hub::background::{registry::TABLE, tasks};
use letsbe_types::clock::Clock as _;
use serde_json::{Value, json};

use crate::{Hub, pages::COOKIE};

const TASKS: &str = "/api/v1/admin/hub/tasks";

async fn listed(hub: &Hub, staff: &str) -> Vec<Value> {
    let answer = hub.get(TASKS, Some(staff)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["data"].as_array().unwrap().clone()
}

async fn until(hub: &Hub, staff: &str, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let found = async {
        loop {
            let found = listed(hub, staff).await.into_iter().find(|task| task["name"] == name);
            if let Some(task) = found.filter(|task| is_so(task)) {
                return task;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), found).await.expect("the task becomes so")
}

#[tokio::test]
async fn tasks_are_listed_the_worst_first_and_run_when_staff_asks() {
    let (hub, staff) = Hub::with_staff().await;
    assert_eq!(hub.get(TASKS, None).await.status, StatusCode::UNAUTHORIZED);
    let run = async |name: &str, key: Option<&str>| {
        hub.json("POST", &format!("{TASKS}/{name}/run"), key, &json!({})).await
    };
    assert_eq!(run("drills", None).await.status, StatusCode::UNAUTHORIZED);
    // No driver runs: what every Hub must run stalls, and what settings may ask for is off.
    let tasks = listed(&hub, &staff).await;
    assert_eq!(tasks.len(), TABLE.len());
    let states: Vec<_> = tasks.iter().map(|task| task["state"].as_str().unwrap()).collect();
    assert!(states.starts_with(&["stalled"]) && states.ends_with(&["off"]), "{states:?}");
    hub.driven([tasks::drills(hub.store.clone()), tasks::health_ratings(hub.store.clone())]);
    let idle = until(&hub, &staff, "drills", |task| task["state"] == "idle").await;
    insta::assert_json_snapshot!("a_task_that_ran", idle, {".took_ms" => "[milliseconds]", ".next_at" => "[then]"});
    hub.clock.advance(TimeDelta::minutes(1));
    let asked = run("drills", Some(&staff)).await;
    assert_eq!(asked.status, StatusCode::OK, "{asked:?}");
    assert_eq!(asked.json()["data"]["requested_by"], crate::EMAIL);
    let now = serde_json::to_value(hub.clock.now()).unwrap();
    until(&hub, &staff, "drills", |task| task["state"] == "idle" && task["started_at"] == now).await;
    assert_eq!(run("nothing", Some(&staff)).await.status, StatusCode::NOT_FOUND);
    let off = run("hub-backup", Some(&staff)).await;
    assert_eq!((off.status, off.json()["error"]["code"].clone()), (StatusCode::CONFLICT, json!("HUB051")));
}

#[tokio::test]
async fn the_page_shows_what_stalls_first_and_what_waits_for_a_person_says_so() {
    let (hub, _) = Hub::with_staff().await;
    let page = async |path: &str, language: &str| {
        let headers = [COOKIE, ("accept", "text/html"), ("accept-language", language)];
        hub.send("GET", path, &headers, "").await.body
    };
    assert!(!page("/waiting", "en").await.contains("of the Hub stall"), "nothing is known yet");
    hub.driven([tasks::drills(hub.store.clone())]);
    while hub.state().background.last_round().is_none() {
        tokio::task::yield_now().await;
    }
    let body = page("/hub/tasks", "de").await;
    let (stalls, off) = (body.find("order-effects").unwrap(), body.find("hub-backup").unwrap());
    assert!(stalls < off && body.contains("Steht still"), "{body}");
    for (language, words) in [("en", "background tasks of the Hub stall"), ("de", "stehen still")] {
        let body = page("/waiting", language).await;
        assert!(body.contains(words) && body.contains("class=\"button\" href=\"/hub/tasks\""), "{body}");
    }
}

#[tokio::test]
async fn a_hub_is_ready_while_it_reads_its_database_and_says_how_many_tasks_stall() {
    let hub = Hub::new().await;
    let ready = async || {
        let answer = hub.get("/readyz", None).await;
        (answer.status, answer.json()["data"].clone())
    };
    let (status, data) = ready().await;
    assert_eq!(
        (status, data),
        (StatusCode::SERVICE_UNAVAILABLE, json!({"ready": false, "stalled_tasks": 0}))
    );
    hub.driven([]);
    while hub.state().background.last_round().is_none() {
        tokio::task::yield_now().await;
    }
    let needed = TABLE.iter().filter(|entry| entry.needs.is_none()).count();
    assert_eq!(ready().await, (StatusCode::OK, json!({"ready": true, "stalled_tasks": needed})));
    hub.clock.advance(TimeDelta::minutes(2));
    assert_eq!(ready().await.0, StatusCode::SERVICE_UNAVAILABLE, "it has read nothing for two minutes");
}
