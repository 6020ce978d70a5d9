//! Whatever is asked, the answer has the one form and the same guards.

use axum::{body::Body, http::StatusCode};
use letsbe_hub::router::{Access, routes};

use crate::Hub;

#[tokio::test]
async fn what_is_not_there_is_refused_in_the_envelope() {
    let hub = Hub::new().await;
    let cases = [
        ("GET", "/nowhere"),
        ("GET", "/api/v1/nowhere"),
        ("DELETE", "/api/v1/public/orders"),
        ("GET", "/api/v1/webhooks/stripe"),
        ("PUT", "/healthz"),
        ("GET", "/api/v1/public/orders/not-an-id"),
        ("GET", "/api/v1/public/orders/01990000-0000-7000-8000-0000000000ff"),
        ("GET", "/api/v1/public/orders/%ff"),
        ("GET", "/assets/..%2fhub.css"),
    ];
    let mut shown = String::new();
    for (method, path) in cases {
        let answer = hub.send(method, path, &[], Body::empty()).await;
        shown.push_str(&format!("{method} {path}: {}\n", answer.shown()));
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn bodies_have_a_type_and_a_size() {
    let hub = Hub::new().await;
    let path = "/api/v1/public/orders";
    let send = async |kind: &str, body: String| hub.send("POST", path, &[("content-type", kind)], body).await;
    assert_eq!(send("text/plain", "{}".into()).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(send("application/json; charset=utf-8", "{".into()).await.status, StatusCode::BAD_REQUEST);
    let large = send("application/json", format!("\"{}\"", "x".repeat(70_000))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(large.json()["error"]["code"], "API413");
}

#[tokio::test]
async fn every_answer_carries_the_guards() {
    let hub = Hub::new().await;
    for path in ["/healthz", "/login", "/nowhere", "/assets/hub.js"] {
        let headers = hub.get(path, None).await.headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        // With `no-referrer` a browser hides from us that our own forms are ours.
        assert_eq!(headers["referrer-policy"], "same-origin", "{path}");
        assert!(headers.contains_key("cache-control"), "{path}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_not_explained_to_callers() {
    let (hub, key) = Hub::with_staff().await;
    // Not a hash: checking it is an error of ours.
    hub.store.save_staff("broken@letsbe.example", "secret-detail", crate::start()).await.unwrap();
    let login = serde_json::json!({"email": "broken@letsbe.example", "password": "x"});
    let answer = hub.json("POST", "/api/v1/admin/login", Some(&key), &login).await;
    insta::assert_snapshot!(answer.shown());
}

#[tokio::test]
async fn callers_are_limited() {
    let hub = Hub::new().await;
    let mut statuses = Vec::new();
    for _ in 0..61 {
        statuses.push(hub.get("/api/v1/public/orders/x", None).await.status);
    }
    assert_eq!(statuses[59], StatusCode::NOT_FOUND);
    assert_eq!(statuses[60], StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(hub.get("/healthz", None).await.status, StatusCode::OK, "others are not held up");
    hub.clock.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(hub.get("/api/v1/public/orders/x", None).await.status, StatusCode::NOT_FOUND);
}

#[test]
fn nothing_under_admin_and_no_page_is_open() {
    let table: String = routes()
        .iter()
        .map(|route| format!("{:6} {:40} {:?}\n", route.method.as_str(), route.path, route.access))
        .collect();
    insta::assert_snapshot!(table);
    for route in routes() {
        let of_staff = matches!(route.access, Access::Staff | Access::StaffPage);
        let login = ["/login", "/api/v1/admin/login"].contains(&route.path);
        let inside = route.path.starts_with("/api/v1/admin/")
            || route.path == "/"
            || route.path.starts_with("/orders")
            || route.path.starts_with("/tenants")
            || route.path.starts_with("/backups")
            || route.path.starts_with("/waiting")
            || route.path.starts_with("/hub/")
            || route.path == "/logout";
        assert_eq!(of_staff, inside && !login, "{} {}", route.method, route.path);
    }
}
