//! `/api/v1/admin`

use axum::{
    body::{Body, BodyDataStream},
    http::{Request, StatusCode},
};
use futures::StreamExt as _;
use letsbe_hub::router::{Access, routes};
use letsbe_lifecycle::order::{EffectKind, Event, Phase};
use letsbe_store::NewEntry;
use letsbe_types::{Code, Problem, api::TimelineEntry, ids::OrderId};
use serde_json::json;

use crate::{EMAIL, Hub, PASSWORD, start};

const ORDERS: &str = "/api/v1/admin/orders";

/// Every route of staff, from the router's own table: a new one is tested the day it is added.
#[tokio::test]
async fn no_route_of_staff_answers_a_stranger() {
    let (hub, _) = Hub::with_staff().await;
    let id = hub.order_waiting_for_dns(1).await;
    let before = hub.store.order(id).await.unwrap().unwrap();
    let lines = hub.store.timeline(id, 0, 100).await.unwrap();
    let mut walked = 0;
    for route in routes() {
        let refused = match route.access {
            Access::Staff => StatusCode::UNAUTHORIZED,
            Access::StaffPage => StatusCode::SEE_OTHER,
            Access::Open | Access::Limited(_) | Access::Keyed | Access::Agent => continue,
        };
        walked += 1;
        let path = ["{id}", "{command}", "{approval}"]
            .iter()
            .fold(route.path.to_owned(), |path, name| path.replace(name, &id.to_string()));
        for stranger in [
            &[][..],
            &[("authorization", "Bearer wrong")],
            &[("authorization", "Basic dGVzdC1zZXNzaW9u")],
            &[("cookie", "letsbe_session=wrong")],
            &[("cookie", "other=test-session")],
        ] {
            let mut headers = stranger.to_vec();
            headers.push(("content-type", "application/json"));
            headers.push(("sec-fetch-site", "same-origin"));
            let answer = hub.send(route.method.as_str(), &path, &headers, r#"{"action":"retry"}"#).await;
            assert_eq!(answer.status, refused, "{} {path} {stranger:?}", route.method);
            assert!(!answer.body.contains("acme"), "{} {path} {stranger:?}", route.method);
        }
    }
    assert!(walked >= 8, "the table has routes of staff");
    let after = hub.store.order(id).await.unwrap().unwrap();
    assert_eq!(after.state, before.state);
    assert_eq!(hub.store.timeline(id, 0, 100).await.unwrap(), lines);
}

#[tokio::test]
async fn an_expired_session_is_no_session() {
    let (hub, key) = Hub::with_staff().await;
    assert_eq!(hub.get(ORDERS, Some(&key)).await.status, StatusCode::OK);
    hub.clock.advance(chrono::TimeDelta::hours(12));
    assert_eq!(hub.get(ORDERS, Some(&key)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn login_and_logout() {
    let (hub, _) = Hub::with_staff().await;
    let path = "/api/v1/admin/login";
    let login = |email: &str, password: &str| json!({"email": email, "password": password});
    let long = "x".repeat(300);
    let mut refusals = Vec::new();
    for (email, password) in
        [(EMAIL, "wrong"), ("nobody@letsbe.example", PASSWORD), (EMAIL, ""), (EMAIL, &long)]
    {
        refusals.push(hub.json("POST", path, None, &login(email, password)).await.shown());
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "an unknown name is answered as a wrong password is");
    insta::assert_snapshot!(refusals[0]);
    let answer = hub.json("POST", path, None, &login(EMAIL, PASSWORD)).await;
    let key = answer.json()["data"]["token"].as_str().unwrap().to_owned();
    assert_eq!(hub.get(ORDERS, Some(&key)).await.status, StatusCode::OK);
    let out = hub.json("POST", "/api/v1/admin/logout", Some(&key), &json!({})).await;
    assert_eq!(out.status, StatusCode::OK);
    assert_eq!(hub.get(ORDERS, Some(&key)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_passwords_is_limited() {
    let (hub, _) = Hub::with_staff().await;
    // Refused for its form, so that the test does not wait for ten hashes: it is counted all the same.
    let half = json!({"email": EMAIL});
    let attempt = || hub.json("POST", "/api/v1/admin/login", None, &half);
    for _ in 0..10 {
        assert_eq!(attempt().await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(attempt().await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn orders_are_listed_in_pages() {
    let (hub, key) = Hub::with_staff().await;
    insta::assert_snapshot!("no_orders", hub.get(ORDERS, Some(&key)).await.shown());
    for number in 1..=3 {
        hub.order(number).await;
        hub.clock.advance(chrono::TimeDelta::minutes(1));
    }
    let page = hub.get(&format!("{ORDERS}?page=2&pageSize=2"), Some(&key)).await;
    insta::assert_snapshot!("second_page", page.shown());
    for (query, named) in [
        ("page=0", "page"),
        ("pageSize=0", "pageSize"),
        ("pageSize=201", "pageSize"),
        ("page=18446744073709551615", "page"),
        ("page=-1", "page"),
        ("sort=name", "sort"),
    ] {
        let answer = hub.get(&format!("{ORDERS}?{query}"), Some(&key)).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (StatusCode::BAD_REQUEST, vec![named.to_owned()]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn one_order_with_its_timeline() {
    let (hub, key) = Hub::with_staff().await;
    let id = hub.order_waiting_for_dns(1).await;
    insta::assert_snapshot!(hub.get(&format!("{ORDERS}/{id}"), Some(&key)).await.shown());
    let missing = hub.get(&format!("{ORDERS}/{}", crate::order_id(9)), Some(&key)).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_desk_acts_with_the_operators_name_and_refuses_what_makes_no_sense() {
    let (hub, key) = Hub::with_staff().await;
    let id = hub.order_waiting_for_dns(1).await;
    let path = format!("{ORDERS}/{id}/actions");
    let act = |body: serde_json::Value| {
        let (hub, path, key) = (&hub, &path, &key);
        async move { hub.json("POST", path, Some(key), &body).await }
    };
    for (body, named) in [
        (json!({"action": "skip", "reason": "  "}), "reason"),
        (json!({"action": "abandon", "reason": "a\nb"}), "reason"),
        (json!({"action": "abandon", "reason": "x".repeat(501)}), "reason"),
    ] {
        let answer = act(body.clone()).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (StatusCode::BAD_REQUEST, vec![named.to_owned()]),
            "{body}"
        );
    }
    for bad in
        [json!({"action": "explode"}), json!({}), json!({"action": "skip", "reason": "x", "force": true})]
    {
        assert_eq!(act(bad.clone()).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let skipped = act(json!({"action": "skip", "reason": "customer moves DNS tonight"})).await;
    assert_eq!(skipped.status, StatusCode::OK, "{skipped:?}");
    assert_eq!(skipped.json()["data"]["state"], "DNS_READY");
    let lines = hub.store.timeline(id, 0, 100).await.unwrap();
    let said = |text: &str| lines.iter().any(|line| line.message.contains(text));
    assert!(said("ann@letsbe.example chose: go on all the same"), "{lines:?}");
    assert!(said("customer moves DNS tonight"));
    insta::assert_snapshot!(act(json!({"action": "skip", "reason": "again"})).await.shown());
    let assign = json!({"action": "assign_server", "server": "netcup:9", "address": "192.0.2.9"});
    assert_eq!(act(assign).await.status, StatusCode::CONFLICT);
    act(json!({"action": "abandon", "reason": "customer asked"})).await;
    assert_eq!(hub.store.order(id).await.unwrap().unwrap().state.phase, Phase::Stopped);
}

#[tokio::test]
async fn a_server_of_another_order_is_not_assigned() {
    let (hub, key) = Hub::with_staff().await;
    hub.order_waiting_for_dns(1).await;
    let other = hub.order(2).await;
    hub.apply(other, &Event::PaymentReceived).await;
    let assign = json!({"action": "assign_server", "server": "netcup:1", "address": "192.0.2.9"});
    let answer = hub.json("POST", &format!("{ORDERS}/{other}/actions"), Some(&key), &assign).await;
    assert_eq!(answer.conflict(), "HUB058");
    assert_eq!(hub.store.order(other).await.unwrap().unwrap().state.phase, Phase::PaymentConfirmed);
}

struct Live(BodyDataStream, String);

impl Live {
    async fn open(hub: &Hub, id: OrderId, key: &str, last: Option<i64>) -> Self {
        let mut request =
            Request::get(format!("{ORDERS}/{id}/events")).header("authorization", format!("Bearer {key}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = hub.raw(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self(response.into_body().into_data_stream(), String::new())
    }

    async fn next(&mut self) -> TimelineEntry {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.1 = rest;
                let line =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                let Some(data) = line("data: ") else { continue };
                let entry: TimelineEntry = serde_json::from_str(&data).unwrap();
                assert_eq!(line("id: ").unwrap(), entry.sequence.to_string());
                return entry;
            }
            let chunk = self.0.next().await.unwrap().unwrap();
            self.1.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn the_timeline_is_followed_live_and_resumed() {
    let (hub, key) = Hub::with_staff().await;
    let id = hub.order(1).await;
    let other = hub.order(2).await;
    let mut live = Live::open(&hub, id, &key, None).await;
    let first = live.next().await;
    assert!(first.message.contains("checked out"));
    hub.store.note(other, &NewEntry::new("effect", "ok", "of another order"), start()).await.unwrap();
    hub.store.note(id, &NewEntry::new("effect", "ok", "second\nline"), start()).await.unwrap();
    let second = live.next().await;
    assert_eq!(second.message, "second\nline");
    drop(live);
    hub.store.note(id, &NewEntry::new("effect", "ok", "third"), start()).await.unwrap();
    let mut again = Live::open(&hub, id, &key, Some(second.sequence)).await;
    assert_eq!(again.next().await.message, "third", "nothing twice, nothing lost");
}

#[tokio::test]
async fn a_live_timeline_ends_with_its_session() {
    for logs_out in [true, false] {
        let (hub, key) = Hub::with_staff().await;
        let id = hub.order(1).await;
        let mut live = Live::open(&hub, id, &key, None).await;
        live.next().await;
        if logs_out {
            let gone = hub.json("POST", "/api/v1/admin/logout", Some(&key), &serde_json::json!({})).await;
            assert_eq!(gone.status, StatusCode::OK);
        } else {
            hub.clock.advance(chrono::TimeDelta::hours(13));
        }
        hub.store.note(id, &NewEntry::new("effect", "ok", "later"), start()).await.unwrap();
        let rest = tokio::time::timeout(std::time::Duration::from_secs(30), live.0.collect::<Vec<_>>());
        let rest = rest.await.expect("the stream ends");
        let text: String =
            rest.into_iter().map(|chunk| String::from_utf8_lossy(&chunk.unwrap()).into_owned()).collect();
        assert!(!text.contains("later"), "{text}");
    }
}

#[tokio::test]
async fn guessing_from_many_addresses_locks_strangers_out_and_not_the_owner() {
    let (hub, _) = Hub::with_staff().await;
    let log_in = async |from: &str, password: &str| {
        let body = json!({"email": EMAIL, "password": password}).to_string();
        let headers = [("content-type", "application/json"), ("x-forwarded-for", from)];
        hub.send("POST", "/api/v1/admin/login", &headers, body).await
    };
    assert_eq!(log_in("192.0.2.1", PASSWORD).await.status, StatusCode::OK);
    for number in 0..10 {
        let answer = log_in(&format!("198.51.100.{number}"), "wrong password").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{number}");
    }
    // The right password is not even looked at.
    let locked = log_in("203.0.113.9", PASSWORD).await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(locked.headers["retry-after"], "61");
    assert_eq!(log_in("192.0.2.1", PASSWORD).await.status, StatusCode::OK, "the owner comes in");
}

#[tokio::test]
async fn a_host_key_that_a_person_compared_is_recorded_and_the_order_goes_on() {
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const FINGERPRINT: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";
    let (hub, key) = Hub::with_staff().await;
    let known = async |id| hub.store.order(id).await.unwrap().unwrap().host_key;
    let id = hub.order(1).await;
    hub.apply(id, &Event::PaymentReceived).await;
    let path = format!("{ORDERS}/{id}/actions");
    let act = async |body: serde_json::Value| hub.json("POST", &path, Some(&key), &body).await;
    let confirm = |text: &str| json!({"action": "confirm_host_key", "host_key": text});
    assert_eq!(act(confirm(FINGERPRINT)).await.status, StatusCode::CONFLICT, "there is no server yet");
    let assign = json!({"action": "assign_server", "server": "manual:192.0.2.9", "address": "192.0.2.9"});
    let mut with_key = assign.clone();
    with_key["host_key"] = json!("AAAA");
    let answer = act(with_key).await;
    assert_eq!((answer.status, answer.fields()), (StatusCode::BAD_REQUEST, vec!["host_key".to_owned()]));
    assert_eq!(act(assign).await.status, StatusCode::OK);
    assert_eq!(known(id).await, None);

    let problem =
        Problem::permanent(Code::SSH012, "The host key is not known; SHA256:x is shown", "Compare.");
    for event in [
        Event::DnsComplete,
        Event::ProvisioningPrepared,
        Event::EffectFailed { effect: EffectKind::ClaimServer, problem },
    ] {
        hub.apply(id, &event).await;
    }
    let page = hub.page(&format!("/orders/{id}")).await;
    assert!(page.body.contains("confirm_host_key") && page.body.contains("SHA256:x is shown"), "{page:?}");
    for wrong in ["", "yes", "SHA256:short", "ssh-ed25519 AAAA"] {
        let answer = act(confirm(wrong)).await;
        assert_eq!((answer.status, answer.fields()), (StatusCode::BAD_REQUEST, vec!["host_key".to_owned()]));
    }
    assert_eq!(hub.store.order(id).await.unwrap().unwrap().state.phase, Phase::Failed);
    let answer = act(confirm(&format!("256 {FINGERPRINT} root@server (ED25519)"))).await;
    assert_eq!((answer.status, &answer.json()["data"]["state"]), (StatusCode::OK, &json!("PROVISIONING")));
    assert_eq!(known(id).await.as_deref(), Some(FINGERPRINT));
    let lines = hub.store.timeline(id, 0, 100).await.unwrap();
    assert!(lines.iter().any(|line| line.message.contains(FINGERPRINT)), "{lines:?}");

    let other = hub.order(2).await;
    hub.apply(other, &Event::PaymentReceived).await;
    let assign = json!({"action": "assign_server", "server": "manual:192.0.2.8", "address": "192.0.2.8",
        "host_key": format!("192.0.2.8 {KEY}")});
    let answer = hub.json("POST", &format!("{ORDERS}/{other}/actions"), Some(&key), &assign).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(known(other).await.as_deref(), Some(KEY));
}
