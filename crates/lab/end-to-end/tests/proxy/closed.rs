//! Without the agent nothing leaves.

use letsbe_simulators::models::Fault;
use serde_json::Value;

use crate::{Site, chat, code, streamed};

#[tokio::test]
async fn without_the_agent_nothing_leaves_and_with_it_requests_go_on() {
    let mut site = Site::start(1, &[]).await;
    assert_eq!(site.answer("chat/completions", &chat("hello")).await.0, 200);
    for _ in 0..2 {
        site.agent = None;
        for body in [chat("hello"), streamed("hello")] {
            let (status, text) = site.answer("chat/completions", &body).await;
            assert_eq!((status, code(&text)), (503, "PROXY001".to_owned()));
        }
        let health = site.client.get(format!("http://{}/health", site.proxy)).send().await.unwrap();
        let health: Value = health.json().await.unwrap();
        assert_eq!((&health["status"], &health["vault"]), (&"ok".into(), &"waiting".into()));
        let before = site.asked();
        site.start_agent().await;
        assert_eq!(site.answer("chat/completions", &chat("hello")).await.0, 200);
        assert_eq!(site.asked()[0], before[0] + 1);
    }
    site.ledger.until_all_settled().await;
    assert!(site.ledger.books().lines >= 3);
}

#[tokio::test]
async fn an_agent_that_dies_between_two_attempts_stops_the_request() {
    let mut site = Site::start(2, &[]).await;
    site.sims[0].faults(|faults| faults.always = Some(Fault::Hang));
    let request = site.post("chat/completions", &chat("hello"));
    let asking = tokio::spawn(request.send());
    site.ledger.until(|books| books.reserved.len() == 1).await;
    site.agent = None;
    let response = asking.await.unwrap().unwrap();
    assert_eq!(response.status().as_u16(), 503);
    assert_eq!(code(&response.text().await.unwrap()), "PROXY001");
    assert_eq!(site.asked()[1], 0);
    // What the hanging provider may have cost is settled when the agent is back.
    site.start_agent().await;
    site.ledger.until_all_settled().await;
    let books = site.ledger.books();
    let usage: Vec<_> = books.usage().collect();
    assert_eq!(usage.len(), 1);
    assert!(!usage[0].reported && usage[0].input > 0, "{usage:?}");
}

#[tokio::test]
async fn an_answer_under_way_is_settled_on_the_next_line() {
    let mut site = Site::start(1, &[]).await;
    site.sims[0].faults(|faults| faults.always = Some(Fault::StallAfter(3)));
    let response = site.ask("chat/completions", &streamed("hello")).await;
    assert_eq!(response.status().as_u16(), 200);
    site.agent = None;
    drop(response);
    site.start_agent().await;
    site.ledger.until_all_settled().await;
    assert_eq!(site.ledger.books().usage().count(), 1);
}

#[tokio::test]
async fn new_secrets_are_in_force_when_the_agent_hears_so() {
    let value = "Vm3Qx8Lt5Rw2Kz9Nb7Jd";
    let site = Site::start(1, &[]).await;
    site.answer("chat/completions", &chat(value)).await;
    let agent = site.agent.as_ref().unwrap();
    agent
        .change(|content| {
            let mut secret = content.secrets[0].clone();
            secret.name = "ghost/new".to_owned();
            secret.value = value.into();
            content.secrets.push(secret);
        })
        .await;
    for _ in 0..3 {
        site.answer("chat/completions", &chat(value)).await;
    }
    let with_it =
        |request: &letsbe_simulators::models::Request| String::from_utf8_lossy(&request.body).contains(value);
    let seen: Vec<bool> = site.sims[0].requests().iter().map(with_it).collect();
    assert_eq!(seen[1..], [false, false, false]);
}

#[tokio::test]
async fn a_proxy_that_is_stopped_breaks_off_and_settles_first() {
    let site = Site::start(1, &[]).await;
    site.sims[0].faults(|faults| faults.next.extend([Fault::StallAfter(2), Fault::Hang]));
    let streaming = site.ask("chat/completions", &streamed("hello")).await;
    let hanging = tokio::spawn(site.post("chat/completions", &chat("hello")).send());
    site.ledger.until(|books| books.reserved.len() == 2).await;
    site.stop.send_replace(true);
    let text = streaming.text().await.unwrap();
    assert!(text.contains("PROXY009") && !text.contains("[DONE]"), "{text}");
    assert_eq!(hanging.await.unwrap().unwrap().status().as_u16(), 503);
    site.ended.await.unwrap();
    site.ledger.until_all_settled().await;
    assert_eq!(site.ledger.books().usage().count(), 2);
}
