//! Every token is counted once.

use letsbe_simulators::models::{Answer, Fault, ModelSim};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::{Site, chat, code, streamed};

#[tokio::test]
async fn what_a_provider_reports_is_what_is_counted() {
    let site = Site::start(1, &[]).await;
    for (path, body) in [
        ("chat/completions", chat("hello")),
        ("chat/completions", streamed("hello")),
        ("responses", json!({ "model": "assistant", "input": "hello" })),
        ("responses", json!({ "model": "assistant", "input": "hello", "stream": true })),
    ] {
        site.sims[0].enqueue(Answer::text("ok").using(70, 30));
        assert_eq!(site.answer(path, &body).await.0, 200);
    }
    site.sims[0].enqueue(Answer::text("").using(70, 0));
    assert_eq!(site.answer("embeddings", &json!({ "model": "assistant", "input": "x" })).await.0, 200);
    site.ledger.until_all_settled().await;
    let books = site.ledger.books();
    assert_eq!(books.usage().count(), 5);
    assert!(books.usage().all(|usage| usage.reported && usage.input == 70), "{:?}", books.settled);
    assert_eq!(books.used(), 5 * 70 + 4 * 30);
}

#[tokio::test]
async fn a_request_that_could_exceed_the_pool_is_not_sent() {
    let site = Site::start(1, &[]).await;
    site.ledger.books().pool = 1100;
    let mut body = chat("hello");
    body["max_tokens"] = json!(1_000_000);
    let (status, _) = site.answer("chat/completions", &body).await;
    assert_eq!(status, 200, "the bound is lowered to the model's: 1000 and the input");
    assert_eq!(site.sims[0].requests()[0].json()["max_tokens"], 1000);
    site.ledger.until_all_settled().await;
    body["n"] = json!(2);
    let response = site.ask("chat/completions", &body).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    // Clients that would ask again by themselves are told not to.
    assert_eq!(header("x-should-retry"), "false");
    assert!(header("retry-after").parse::<u64>().is_ok() && header("x-request-id").starts_with("req_"));
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert_eq!((status, code(&text)), (429, "PROXY007".to_owned()));
    assert!(text.contains("are left") && text.contains("filled again"), "{text}");
    assert_eq!(site.asked(), [1]);
    assert_eq!(site.ledger.books().reserved.len(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_is_counted() {
    let site = Site::start(1, &[]).await;
    for fault in [Fault::StallAfter(3), Fault::Hang] {
        site.sims[0].faults(|faults| faults.next.push_back(fault.clone()));
        let before = site.ledger.books().reserved.len();
        let asking = tokio::spawn(site.post("chat/completions", &streamed("hello")).send());
        site.ledger.until(|books| books.reserved.len() == before + 1).await;
        if fault == Fault::Hang {
            asking.abort();
            let _ = asking.await;
        } else {
            drop(asking.await.unwrap());
        }
        site.ledger.until_all_settled().await;
    }
    let books = site.ledger.books();
    assert!(books.usage().all(|usage| !usage.reported && usage.input > 0), "{:?}", books.settled);
}

/// What each fault must cost: nothing, something that nobody reports, or what is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    Nothing,
    Estimated,
    Reported,
}

fn attempts() -> impl Strategy<Value = (Option<Fault>, Cost)> {
    prop_oneof![
        3 => Just((None, Cost::Reported)),
        1 => Just((Some(Fault::Drop), Cost::Estimated)),
        1 => Just((Some(Fault::Status { status: 500, retry_after: None }), Cost::Nothing)),
        1 => Just((Some(Fault::Status { status: 429, retry_after: None }), Cost::Nothing)),
        1 => Just((Some(Fault::Malformed), Cost::Estimated)),
        1 => Just((Some(Fault::CutAfter(1)), Cost::Estimated)),
        1 => Just((Some(Fault::CutAfter(3)), Cost::Estimated)),
        1 => Just((Some(Fault::WrongUsage), Cost::Estimated)),
        1 => Just((Some(Fault::NoUsage), Cost::Estimated)),
    ]
}

/// Whether an attempt gives the caller an answer, so that no other follows.
fn ends(fault: Option<&Fault>, is_stream: bool) -> bool {
    match fault {
        None | Some(Fault::WrongUsage | Fault::NoUsage) => true,
        Some(Fault::CutAfter(count)) => is_stream && *count > 1,
        _ => false,
    }
}

#[test]
fn no_token_is_missed_or_counted_twice_whatever_providers_do() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let request = (any::<bool>(), attempts(), attempts());
    let sequences = prop::collection::vec(request, 1..4);
    TestRunner::new(config)
        .run(&sequences, |sequence| {
            runtime.block_on(counted(sequence));
            Ok(())
        })
        .unwrap();
}

type Attempt = (Option<Fault>, Cost);

async fn counted(sequence: Vec<(bool, Attempt, Attempt)>) {
    let site = Site::start(2, &[]).await;
    let mut wanted: Vec<(&str, bool)> = Vec::new();
    for (is_stream, first, second) in &sequence {
        let plan: [(&ModelSim, &str, &Attempt); 2] =
            [(&site.sims[0], "one/model-one", first), (&site.sims[1], "two/model-two", second)];
        let mut under_way = true;
        for (sim, name, (fault, cost)) in plan {
            // One that is not reached must not leave its fault behind.
            if !under_way {
                break;
            }
            sim.faults(|faults| faults.next.extend(fault.clone()));
            if *cost != Cost::Nothing {
                wanted.push((name, *cost == Cost::Reported));
            }
            under_way = !ends(fault.as_ref(), *is_stream);
        }
        let body = if *is_stream { streamed("hello") } else { chat("hello") };
        let (status, text) = site.answer("chat/completions", &body).await;
        assert_eq!(status == 200, !under_way, "{sequence:?}: {text}");
        if status == 200 && !is_stream {
            assert!(serde_json::from_str::<Value>(&text).is_ok());
        }
    }
    site.ledger.until_all_settled().await;
    let books = site.ledger.books();
    let mut found: Vec<(&str, bool)> =
        books.usage().map(|usage| (usage.model.as_str(), usage.reported)).collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{sequence:?}");
    assert_eq!(books.strange, 0);
    assert!(
        books.settled.values().all(|usage| usage.len() <= 1),
        "one reservation for each attempt that costs"
    );
}
