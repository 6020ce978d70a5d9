//! `/api/v1/jobs`

use axum::http::StatusCode;
use letsbe_store::{NewJob, token_hash};
use letsbe_types::{
    api::JobStatus,
    ids::{JobId, OrderId},
};
use serde_json::{Value, json};

use crate::{Hub, start};

const RUNNER: &str = "runner-token";

pub(crate) async fn job(hub: &Hub, order: OrderId) -> JobId {
    let id = JobId(uuid::Uuid::from_u128(order.0.as_u128() + 1000));
    let new = NewJob {
        id,
        order,
        runner_token_hash: token_hash(RUNNER),
        registration_token_hash: token_hash("registration-token"),
    };
    hub.store.create_job(&new, start()).await.unwrap();
    id
}

pub(crate) fn report() -> Value {
    json!({
        "status": "RUNNING",
        "events": [
            {"sequence": 1, "at": "2026-11-21T12:00:01Z", "event": "started", "attempt": 1},
            {"sequence": 2, "at": "2026-11-21T12:00:02Z", "event": "step_started", "step": 1, "title": "System packages"},
        ],
    })
}

#[tokio::test]
async fn a_report_is_taken_once() {
    let hub = Hub::new().await;
    let order = hub.order(1).await;
    let id = job(&hub, order).await;
    let path = format!("/api/v1/jobs/{id}");
    let answer = hub.json("PATCH", &path, Some(RUNNER), &report()).await;
    insta::assert_snapshot!(answer.shown());
    let lines = hub.store.timeline(order, 0, 100).await.unwrap();
    assert_eq!(lines.len(), 3);
    hub.json("PATCH", &path, Some(RUNNER), &report()).await;
    assert_eq!(hub.store.timeline(order, 0, 100).await.unwrap(), lines, "the same events again add nothing");
    let done = json!({"status": "COMPLETED"});
    assert_eq!(hub.json("PATCH", &path, Some(RUNNER), &done).await.status, StatusCode::OK);
    let failed = json!({"status": "FAILED"});
    hub.json("PATCH", &path, Some(RUNNER), &failed).await;
    let stored = hub.store.job(id).await.unwrap().unwrap();
    assert_eq!(stored.status, JobStatus::Completed, "what is finished stays finished");
}

#[tokio::test]
async fn only_the_jobs_own_runner_reports() {
    let hub = Hub::new().await;
    let order = hub.order(1).await;
    let id = job(&hub, order).await;
    let unknown = JobId(uuid::Uuid::from_u128(7));
    for (job, key) in
        [(id, None), (id, Some("wrong")), (id, Some("registration-token")), (unknown, Some(RUNNER))]
    {
        let answer = hub.json("PATCH", &format!("/api/v1/jobs/{job}"), key, &report()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{job} {key:?}");
    }
    assert_eq!(hub.store.timeline(order, 0, 100).await.unwrap().len(), 1);
}

#[tokio::test]
async fn reports_may_be_large_and_must_be_right() {
    let hub = Hub::new().await;
    let order = hub.order(1).await;
    let path = format!("/api/v1/jobs/{}", job(&hub, order).await);
    let large = json!({"status": "RUNNING", "host_key": "x".repeat(500_000)});
    assert_eq!(hub.json("PATCH", &path, Some(RUNNER), &large).await.status, StatusCode::OK);
    let larger = json!({"status": "RUNNING", "host_key": "x".repeat(1_100_000)});
    let answer = hub.json("PATCH", &path, Some(RUNNER), &larger).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    for (body, named) in
        [(json!({"status": "DONE"}), "status"), (json!({"status": "RUNNING", "log": "free text"}), "log")]
    {
        let answer = hub.json("PATCH", &path, Some(RUNNER), &body).await;
        assert_eq!((answer.status, answer.fields()), (StatusCode::BAD_REQUEST, vec![named.to_owned()]));
    }
}
