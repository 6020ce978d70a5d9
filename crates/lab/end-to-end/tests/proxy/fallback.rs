//! Providers in trouble: the caller gets an answer of the next one, or a clear error.

use std::time::Duration;

use letsbe_proxy::Patience;
use letsbe_simulators::models::{Answer, Fault};
use serde_json::{Value, json};

use crate::{Site, chat, code, events, patience, said, streamed};

fn faults() -> Vec<Fault> {
    vec![
        Fault::Drop,
        Fault::Hang,
        Fault::SlowFirstByte(Duration::from_secs(30)),
        Fault::Status { status: 429, retry_after: None },
        Fault::Status { status: 500, retry_after: None },
        Fault::Status { status: 503, retry_after: Some(1) },
        Fault::Status { status: 401, retry_after: None },
        Fault::Status { status: 404, retry_after: None },
        Fault::Status { status: 301, retry_after: None },
        Fault::CutAfter(1),
        Fault::StallAfter(1),
        Fault::Malformed,
    ]
}

async fn is_replaced(fault: Fault, body: Value) {
    let site = Site::start(2, &[]).await;
    site.sims[0].faults(|faults| faults.always = Some(fault.clone()));
    site.sims[0].enqueue(Answer::text("from the first"));
    site.sims[1].enqueue(Answer::text("from the second"));
    let (status, text) = site.answer("chat/completions", &body).await;
    assert_eq!(status, 200, "{fault:?}: {text}");
    let words = format!("{text}{}", said(&text));
    assert!(words.contains("from the second") && !words.contains("from the first"), "{fault:?}: {text}");
    assert_eq!(site.sims[1].requests()[0].model(), "model-two");
    assert_eq!(site.asked(), [1, 1], "{fault:?}");
    site.ledger.until_all_settled().await;
}

#[tokio::test]
async fn a_provider_in_trouble_is_replaced_within_the_request() {
    let bodies = [chat("hello"), streamed("hello")];
    let cases =
        faults().into_iter().flat_map(|fault| bodies.clone().map(|body| is_replaced(fault.clone(), body)));
    futures::future::join_all(cases).await;
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_replaced() {
    let mut site = Site::start(2, &[]).await;
    // The address of the first is free again, and nobody listens there.
    site.sims.remove(0);
    for (path, body) in [
        ("chat/completions", streamed("hello")),
        ("responses", json!({ "model": "assistant", "input": "hello", "stream": true })),
        ("responses", json!({ "model": "assistant", "input": "hello" })),
        ("embeddings", json!({ "model": "assistant", "input": "hello" })),
    ] {
        let (status, text) = site.answer(path, &body).await;
        assert_eq!(status, 200, "{path}: {text}");
    }
    site.ledger.until_all_settled().await;
    let books = site.ledger.books();
    assert!(
        books.usage().all(|usage| usage.model == "two/model-two" && usage.reported),
        "{:?}",
        books.settled
    );
    assert_eq!((books.settled.len(), books.usage().count()), (4, 4));
}

#[tokio::test]
async fn when_nobody_answers_the_error_says_who_failed_and_how() {
    let site = Site::start(2, &[]).await;
    site.sims[0].faults(|faults| faults.always = Some(Fault::Status { status: 500, retry_after: None }));
    site.sims[1].faults(|faults| faults.always = Some(Fault::Malformed));
    for body in [chat("hello"), streamed("hello")] {
        let (status, text) = site.answer("chat/completions", &body).await;
        assert_eq!((status, code(&text)), (502, "PROXY008".to_owned()));
        assert!(
            text.contains("one/model-one: it answers 500") && text.contains("two/model-two: its answer"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_stream_that_breaks_later_ends_with_an_error_and_no_other_model_speaks() {
    for (path, key) in [("chat/completions", "messages"), ("responses", "input")] {
        for fault in [Fault::CutAfter(4), Fault::StallAfter(4)] {
            let site = Site::start(2, &[]).await;
            site.sims[0].faults(|faults| faults.always = Some(fault.clone()));
            site.sims[0].enqueue(Answer::pieces(["one ", "two ", "three ", "four "]));
            let body =
                json!({ "model": "assistant", key: [{ "role": "user", "content": "x" }], "stream": true });
            let (status, text) = site.answer(path, &body).await;
            assert_eq!(status, 200);
            assert!(
                said(&text).contains("one ") && !text.contains("[DONE]") && !text.contains("completed\""),
                "{text}"
            );
            let last: Value = serde_json::from_str(events(&text).last().unwrap()).unwrap();
            assert!(last["error"]["code"] == "PROXY009" || last["code"] == "PROXY009", "{text}");
            assert_eq!(site.asked(), [1, 0], "{fault:?}");
            site.ledger.until_all_settled().await;
            let books = site.ledger.books();
            assert!(books.usage().all(|usage| !usage.reported && usage.output > 0), "{:?}", books.settled);
        }
    }
}

#[tokio::test]
async fn a_request_that_is_at_fault_itself_is_not_sent_to_everybody() {
    let secret = "Zq7fT2vLw9Xk4Rb8Nd3H";
    let site = Site::start(2, &[("ghost/database_password", secret)]).await;
    let error =
        json!({ "error": { "message": format!("bad field {secret}"), "type": "invalid_request_error" } });
    for status in [400, 422] {
        let content_type = "application/json".to_owned();
        site.sims[0].enqueue(Answer::Raw { status, content_type, body: error.to_string().into() });
        let (answered, text) = site.answer("chat/completions", &chat("hello")).await;
        assert_eq!(answered, status);
        assert!(text.contains("SECRET_REF(ghost/database_password)") && !text.contains(secret), "{text}");
    }
    let content_type = "text/plain".to_owned();
    site.sims[0].enqueue(Answer::Raw { status: 400, content_type, body: b"\x1f\x8b\xff".to_vec() });
    let (answered, text) = site.answer("chat/completions", &chat("hello")).await;
    assert_eq!((answered, code(&text)), (400, "PROXY012".to_owned()));
    assert_eq!(site.asked(), [3, 0]);
    site.ledger.until_all_settled().await;
    assert_eq!(site.ledger.books().used(), 0);
}

#[tokio::test]
async fn the_last_provider_gets_the_patience_that_it_asks_for() {
    let site = Site::start(1, &[]).await;
    site.sims[0].faults(|faults| faults.next.push_back(Fault::Status { status: 429, retry_after: Some(1) }));
    let (status, text) = site.answer("chat/completions", &chat("hello")).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(site.asked(), [2]);
    site.sims[0].faults(|faults| faults.always = Some(Fault::Status { status: 429, retry_after: Some(60) }));
    let response = site.ask("chat/completions", &chat("hello")).await;
    assert_eq!(response.status().as_u16(), 503);
    assert_eq!(response.headers()["retry-after"], "60");
    assert_eq!(site.asked(), [3]);
}

/// Both send their heads at once and then blank lines, as slow models do: the first for ever.
#[tokio::test]
async fn the_last_provider_has_all_of_the_time_for_a_whole_answer_and_those_before_it_half() {
    let site = Site::start_with(2, &[], Patience { whole: Duration::from_secs(16), ..patience() }).await;
    for (sim, seconds) in site.sims.iter().zip([3600, 5]) {
        let fault = Fault::BlankLinesFirst(Duration::from_secs(seconds));
        sim.faults(|faults| faults.always = Some(fault));
    }
    site.sims[1].enqueue(Answer::text("from the second"));
    let (status, text) = site.answer("chat/completions", &chat("hello")).await;
    assert!(status == 200 && text.contains("from the second"), "{status}: {text}");
    assert_eq!(site.asked(), [1, 1]);
    site.ledger.until_all_settled().await;
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_in_peace() {
    let site = Site::start(2, &[]).await;
    site.sims[0].faults(|faults| faults.always = Some(Fault::Status { status: 500, retry_after: None }));
    for _ in 0..6 {
        assert_eq!(site.answer("chat/completions", &chat("hello")).await.0, 200);
    }
    assert_eq!(site.asked(), [3, 6]);
}

#[tokio::test]
async fn answers_pass_event_by_event_in_both_forms() {
    let site = Site::start(1, &[]).await;
    site.sims[0].enqueue(Answer::pieces(["Hel", "lo ", "there"]));
    // The stream stalls after its fourth event; what came before must have been passed on by then.
    site.sims[0].faults(|faults| faults.next.push_back(Fault::StallAfter(3)));
    let mut response = site.ask("chat/completions", &streamed("hello")).await;
    let mut text = String::new();
    // A letter or two that a secret begins with may wait for the next piece.
    while !said(&text).starts_with("Hel") {
        let chunk = tokio::time::timeout(Duration::from_secs(1), response.chunk()).await.expect("held back");
        text.push_str(&String::from_utf8_lossy(&chunk.unwrap().unwrap()));
    }
    assert!("Hello ".starts_with(&said(&text)), "{text}");
    drop(response);
    site.sims[0].enqueue(Answer::call("disk_usage", json!({ "path": "/" })));
    let (_, text) = site.answer("chat/completions", &streamed("call")).await;
    assert!(text.contains("disk_usage") && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(!text.contains("prompt_tokens"), "the caller did not ask for the usage: {text}");
    let mut body = streamed("call");
    body["stream_options"] = json!({ "include_usage": true });
    let (_, text) = site.answer("chat/completions", &body).await;
    assert!(text.contains("prompt_tokens"), "{text}");
    site.ledger.until_all_settled().await;
    let books = site.ledger.books();
    assert!(books.usage().all(|usage| usage.first_token_ms.is_some()));
}
