//! Every dialect of providers is played; the table of `docs/models.md` is made of what is played.

use std::{fmt::Write as _, path::Path, time::Duration};

use letsbe_proxy::Patience;
use letsbe_simulators::models::{
    Answer, Fault, Message, ToolCall,
    dialects::{self, Dialect, Outcome, Way},
};
use serde_json::{Value, json};

use crate::{Site, chat, events, patience, said, streamed};

fn answer(text: &[&str]) -> Answer {
    let tool_calls = vec![ToolCall { name: "disk_usage".to_owned(), arguments: json!({ "path": "/" }) }];
    let text = text.iter().map(|piece| (*piece).to_owned()).collect();
    Answer::Message(Message { text, tool_calls, usage: Some((120, 30)) })
}

fn whole_text(body: &str) -> String {
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

async fn plays(dialect: &Dialect, is_streamed: bool) {
    let name = dialect.name;
    let site = Site::start(2, &[]).await;
    site.sims[0].faults(|faults| faults.always = Some(Fault::Dialect(name)));
    for (sim, text) in site.sims.iter().zip([["from ", "the ", "first"], ["from ", "the ", "second"]]) {
        sim.enqueue(answer(&text));
        sim.enqueue(answer(&text));
    }
    let body = if is_streamed { streamed("hello") } else { chat("hello") };
    let response = site.ask("chat/completions", &body).await;
    assert!(response.headers()["x-request-id"].to_str().unwrap().starts_with("req_"), "{name}");
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let told = |text: &str| if is_streamed { said(text) } else { whole_text(text) };
    match dialect.outcome {
        Outcome::Answer => {
            assert_eq!((status, told(&text).as_str()), (200, "from the first"), "{name}: {text}");
            assert!(text.contains("disk_usage") && !text.contains("PROXY009"), "{name}: {text}");
            assert_eq!(site.asked()[1], 0, "{name}");
        }
        Outcome::Next => {
            assert_eq!((status, told(&text).as_str()), (200, "from the second"), "{name}: {text}");
            assert!(!text.contains("first"), "{name}: {text}");
        }
        Outcome::Refusal(wanted) => {
            let error: Value = serde_json::from_str(&text).expect(name);
            assert_eq!((status, site.asked()), (wanted, vec![1, 0]), "{name}: {text}");
            assert!(error["error"]["message"].is_string(), "{name}: {text}");
            for key in ["type", "param", "code"] {
                assert!(error["error"].get(key).is_some(), "{name}: {key}: {text}");
            }
        }
    }
    // What stands in many lines is whole in all of them together.
    if is_streamed && status == 200 && name != "data-in-lines" {
        let readable = |data: &String| data == "[DONE]" || serde_json::from_str::<Value>(data).is_ok();
        assert!(events(&text).iter().all(readable), "{name}: {text}");
    }
    site.ledger.until_all_settled().await;
    let is_unsaid = name.contains("no-usage") || name == "trouble-after-the-end";
    if dialect.outcome == Outcome::Answer && !is_unsaid {
        let books = site.ledger.books();
        let used: Vec<_> = books.usage().map(|usage| (usage.reported, usage.input, usage.output)).collect();
        assert_eq!(used, [(true, 120, 30)], "{name}");
    }
}

#[tokio::test]
async fn every_dialect_of_providers_is_understood() {
    let cases = dialects::all().flat_map(|dialect| {
        let ways: &[bool] = match dialect.way {
            Way::Stream(_) => &[true],
            Way::Whole(_) => &[false],
            Way::Unknown("stream_options", _) => &[true],
            Way::Instead(_) | Way::Unknown(..) | Way::Type(_) | Way::Swapped => &[true, false],
        };
        ways.iter().map(move |is_streamed| plays(dialect, *is_streamed))
    });
    futures::future::join_all(cases).await;
}

#[tokio::test]
async fn a_word_that_was_refused_is_not_tried_first_again() {
    let site = Site::start(1, &[]).await;
    site.sims[0].faults(|faults| faults.always = Some(Fault::Dialect("newer-word-for-the-bound")));
    for _ in 0..3 {
        assert_eq!(site.answer("chat/completions", &chat("hello")).await.0, 200);
    }
    let requests = site.sims[0].requests();
    let words: Vec<bool> = requests.iter().map(|request| request.json()["max_tokens"].is_null()).collect();
    assert_eq!(words, [false, true, true, true]);
    assert_eq!(requests[1].json()["max_completion_tokens"], 1000);
    site.ledger.until_all_settled().await;
    assert_eq!(site.ledger.books().settled.len(), 3);
}

#[tokio::test]
async fn a_refusal_that_every_model_gives_is_told_and_rests_none_of_them() {
    let site = Site::start(2, &[]).await;
    for sim in &site.sims {
        sim.faults(|faults| faults.always = Some(Fault::Dialect("too-long")));
    }
    for _ in 0..5 {
        let (status, text) = site.answer("chat/completions", &streamed("hello")).await;
        assert!(status == 400 && text.contains("maximum context length"), "{status}: {text}");
    }
    assert_eq!(site.asked(), [5, 5]);
    // Where one was only busy, it is worth asking again.
    site.sims[0].faults(|faults| faults.always = Some(Fault::Status { status: 429, retry_after: Some(600) }));
    let (status, text) = site.answer("chat/completions", &chat("hello")).await;
    assert!(status >= 500 && text.contains("its model cannot do this"), "{status}: {text}");
    site.ledger.until_all_settled().await;
}

#[tokio::test]
async fn heartbeats_without_an_end_hold_nobody() {
    let patience = Patience { whole: Duration::from_secs(4), ..patience() };
    let site = Site::start_with(2, &[], patience).await;
    site.sims[0].faults(|faults| faults.next.push_back(Fault::CommentsAfter(0)));
    site.sims[1].enqueue(answer(&["from the second"]));
    let (status, text) = site.answer("chat/completions", &streamed("hello")).await;
    assert_eq!((status, said(&text).as_str()), (200, "from the second"), "{text}");
    // After the end, too: seven events, and no `[DONE]`.
    let patience = Patience { whole: Duration::from_secs(600), ..self::patience() };
    let site = Site::start_with(1, &[], patience).await;
    site.sims[0].faults(|faults| faults.next.push_back(Fault::CommentsAfter(7)));
    site.sims[0].enqueue(answer(&["from ", "the ", "first"]));
    let hello = streamed("hello");
    let asked = site.answer("chat/completions", &hello);
    let (_, text) = tokio::time::timeout(Duration::from_secs(60), asked).await.expect("it ends");
    assert!(said(&text) == "from the first" && !text.contains("PROXY009"), "{text}");
}

/// Six events, and the usage and `[DONE]`, which do not come.
#[tokio::test]
async fn an_answer_that_is_streamed_to_who_wants_a_whole_one_ends_with_its_last_word() {
    let faults = [Fault::CommentsAfter(6), Fault::StallAfter(6), Fault::CutAfter(6), Fault::CommentsAfter(7)];
    futures::future::join_all(faults.map(|fault| async move {
        let site = Site::start(2, &[]).await;
        site.sims[0].faults(|faults| faults.always = Some(Fault::Swapped(Box::new(fault.clone()))));
        site.sims[0].enqueue(answer(&["from ", "the ", "first"]));
        let (status, text) = site.answer("chat/completions", &chat("hello")).await;
        assert_eq!((status, whole_text(&text).as_str()), (200, "from the first"), "{fault:?}: {text}");
        assert!(text.contains("disk_usage"), "{fault:?}: {text}");
        assert_eq!(site.asked(), [1, 0], "{fault:?}");
        site.ledger.until_all_settled().await;
    }))
    .await;
    // Before its last word it is no answer.
    let site = Site::start(2, &[]).await;
    site.sims[0].faults(|faults| faults.always = Some(Fault::Swapped(Box::new(Fault::CutAfter(5)))));
    site.sims[0].enqueue(answer(&["from ", "the ", "first"]));
    site.sims[1].enqueue(answer(&["from the second"]));
    let (status, text) = site.answer("chat/completions", &chat("hello")).await;
    assert_eq!((status, whole_text(&text).as_str()), (200, "from the second"), "{text}");
    site.ledger.until_all_settled().await;
}

#[tokio::test]
async fn an_error_after_a_streamed_end_does_not_break_a_whole_answer_and_its_usage_is_read() {
    let site = Site::start(2, &[]).await;
    let pieces = [
        r#"{"choices":[{"index":0,"delta":{"content":"from the first"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],
            "x_groq":{"usage":{"prompt_tokens":120,"completion_tokens":30}}}"#,
        r#"{"error":{"message":"upstream closed"}}"#,
    ];
    let body: String = pieces.iter().map(|piece| format!("data: {}\n\n", piece.replace('\n', ""))).collect();
    let content_type = "text/event-stream".to_owned();
    site.sims[0].enqueue(Answer::Raw { status: 200, content_type, body: body.into_bytes() });
    let (status, text) = site.answer("chat/completions", &chat("hello")).await;
    assert_eq!((status, whole_text(&text).as_str()), (200, "from the first"), "{text}");
    assert_eq!(site.asked(), [1, 0]);
    site.ledger.until_all_settled().await;
    let books = site.ledger.books();
    let used: Vec<_> = books.usage().map(|usage| (usage.reported, usage.input, usage.output)).collect();
    assert_eq!(used, [(true, 120, 30)]);
}

#[test]
fn the_table_of_dialects_is_what_is_played() {
    let mut table = String::from("| dialect | who | what | the caller gets |\n|---|---|---|---|\n");
    for Dialect { name, who, what, outcome, .. } in dialects::all() {
        let gets = match outcome {
            Outcome::Answer => "the answer".to_owned(),
            Outcome::Next => "the next provider's answer".to_owned(),
            Outcome::Refusal(status) => format!("the refusal, {status}"),
        };
        let _ = writeln!(table, "| `{name}` | {who} | {what} | {gets} |");
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/models.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, _) = text.split_once("| dialect |").unwrap();
    let wanted = format!("{before}{table}");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&page, wanted).unwrap();
    } else {
        assert_eq!(text, wanted, "BLESS=1 writes it anew");
    }
}
