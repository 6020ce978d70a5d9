//! The Hub's listening side as it is served: nobody holds it, and a good key asks so much and no more.

use std::{future::pending, net::Ipv4Addr, time::Duration};

use axum::http::StatusCode;
use chrono::TimeDelta;
use letsbe_serve::Bounds;
use letsbe_store::NewEntry;
use letsbe_types::clock::Clock as _;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    Hub,
    relay::provider::{Bench, whole},
    tenant::registered,
    tenant_events::send,
};

async fn ask(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(120), stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    answer
}

#[tokio::test]
async fn nine_hundred_half_open_requests_and_slow_bodies_do_not_hold_the_hub() {
    let hub = Hub::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    // Fewer places than attackers.
    let quick = Duration::from_millis(300);
    let bounds = Bounds { head: quick, body: quick, connections: 300, ..Bounds::default() };
    tokio::spawn(letsbe_hub::router::serve(listener, hub.state(), bounds, pending()));
    let mut held = Vec::new();
    for number in 0..900 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let part = if number % 3 == 0 {
            "POST /api/v1/public/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: 60000\r\n\r\n{"
        } else {
            "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: a"
        };
        let _ = stream.write_all(part.as_bytes()).await;
        held.push(stream);
    }
    let answer = ask(address, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for stream in &mut held {
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(120), stream.read_to_end(&mut answer)).await;
        let _ = ended.expect("a connection is held for ever");
        assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
    }
}

#[tokio::test]
async fn a_good_key_asks_so_much_a_minute_and_others_do_not_notice() {
    let hub = Hub::new().await;
    let (_, key) = registered(&hub, 1).await;
    let (_, other) = registered(&hub, 2).await;
    let mut taken = 0;
    let refused = loop {
        let answer = send(&hub, &key, &[]).await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        taken += 1;
        assert!(taken <= 240, "nobody stops it");
    };
    assert!(taken >= 200, "{taken}");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    assert_eq!(refused.headers["retry-after"], "1");
    // The other routes of the same server wait too, more of it locks nobody at this address out, and time heals.
    let commands = hub.get("/api/v1/tenant/commands?wait=0", Some(&key)).await;
    assert_eq!(commands.status, StatusCode::TOO_MANY_REQUESTS);
    for _ in 0..200 {
        assert_eq!(send(&hub, &key, &[]).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(send(&hub, &other, &[]).await.status, StatusCode::OK);
    hub.clock.advance(TimeDelta::seconds(1));
    assert_eq!(send(&hub, &key, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_key_that_is_not_good_gets_no_share_of_its_own() {
    let hub = Hub::new().await;
    let mut statuses = Vec::new();
    for number in 0..100 {
        let wrong = json!({"what": number});
        statuses.push(
            hub.json("POST", "/api/v1/tenant/events", Some(&format!("guess-{number}")), &wrong).await.status,
        );
    }
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count(), 40);
}

/// A container that was taken over asks from the address of its server's agent.
#[tokio::test]
async fn what_others_at_its_address_are_refused_holds_up_no_key_that_was_good() {
    let bench = Bench::new().await;
    let (hub, agent) = (&bench.hub, bench.agents[0].as_str());
    let event = || async { send(hub, agent, &[]).await.status };
    let ask = || async {
        bench.provider.answers(whole(1, 1));
        bench.ask(json!({})).await.status
    };
    // Known from the second answer on.
    for _ in 0..2 {
        assert_eq!((event().await, ask().await), (StatusCode::OK, StatusCode::OK));
    }
    let guess =
        || async { hub.json("POST", "/api/v1/tenant/events", Some("a-guess"), &json!({})).await.status };
    for _ in 0..100 {
        guess().await;
    }
    assert_eq!(guess().await, StatusCode::TOO_MANY_REQUESTS);
    for _ in 0..3 {
        assert_eq!((event().await, ask().await), (StatusCode::OK, StatusCode::OK));
    }
    // Good for others no more than before, and for itself no longer than it is.
    let (fresh, ring) = (bench.agents[1].as_str(), "/api/v1/tenant/commands?wait=0");
    assert_eq!(hub.get(ring, Some(fresh)).await.status, StatusCode::TOO_MANY_REQUESTS);
    let line = NewEntry::new("state", "done", "revoked");
    hub.store.revoke_agent(bench.tenants[0], &line, hub.clock.now()).await.unwrap();
    assert_eq!(event().await, StatusCode::UNAUTHORIZED);
    assert_eq!(event().await, StatusCode::TOO_MANY_REQUESTS);
}
