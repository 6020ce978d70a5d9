use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::SseRedactor;
use crate::{KnownSecret, Redactor};

const SECRET: &str = "Zk3vQ9xLm2Rt8WcYb5Hs1PdNf7Jg4UaE";
const OTHER: &str = "aB9-second-canary-0123456789-äöü-end";

fn redactor() -> Arc<Redactor> {
    let known = |name: &str, value: &str| KnownSecret { name: name.to_owned(), value: value.into() };
    Arc::new(Redactor::new([known("ghost/db", SECRET), known("odoo/db", OTHER)]).expect("few secrets"))
}

fn chat(content: &str) -> String {
    let chunk = json!({ "id": "c1", "choices": [{ "index": 0, "delta": { "content": content } }] });
    format!("data: {chunk}\n\n")
}

fn end() -> String {
    let chunk = json!({ "id": "c1", "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    format!("data: {chunk}\n\ndata: [DONE]\n\n")
}

fn through(chunks: &[&[u8]]) -> String {
    let mut redactor = SseRedactor::new(redactor());
    let mut out = Vec::new();
    for chunk in chunks {
        redactor.push(chunk, &mut out).expect("small events");
    }
    redactor.finish(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

fn events(text: &str) -> Vec<Value> {
    let data = text.split("\n\n").filter_map(|event| event.lines().find_map(|l| l.strip_prefix("data: ")));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

/// What a client puts together, text by text.
fn contents(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<String, String>::new();
    for event in events(text) {
        let mut event = event;
        for piece in super::pieces::pieces(&mut event).pieces {
            all.entry(piece.key).or_default().push_str(&piece.text);
        }
    }
    all
}

#[test]
fn a_secret_that_is_cut_over_events_is_found() {
    let (first, second) = SECRET.split_at(9);
    let stream =
        [chat("the password is "), chat(first), chat(second), chat(" and nothing else"), end()].concat();
    let out = through(&[stream.as_bytes()]);
    assert_eq!(
        contents(&out)["chat/0/content"],
        "the password is SECRET_REF(ghost/db) and nothing else",
        "{out}"
    );
    assert!(out.ends_with("data: [DONE]\n\n") && !out.contains(first), "{out}");
}

#[test]
fn what_is_held_back_comes_before_the_end() {
    let beginning = &SECRET[..9];
    let out = through(&[[chat("it starts with "), chat(beginning), end()].concat().as_bytes()]);
    assert_eq!(contents(&out)["chat/0/content"], format!("it starts with {beginning}"));
    let finish = out.find("\"stop\"").expect("the end");
    assert!(out.find(beginning).expect("the rest") < finish, "{out}");
    let broken = through(&[[chat("x "), chat(beginning)].concat().as_bytes()]);
    assert_eq!(contents(&broken)["chat/0/content"], format!("x {beginning}"));
}

#[test]
fn tool_calls_are_texts_of_their_own() {
    let call = |index: u64, arguments: &str| {
        let calls = json!([{ "index": index, "function": { "arguments": arguments } }]);
        let chunk =
            json!({ "choices": [{ "index": 0, "delta": { "tool_calls": calls }, "finish_reason": null }] });
        format!("data: {chunk}\r\n\r\n")
    };
    let (first, second) = SECRET.split_at(20);
    let stream =
        [call(0, "{\"a\":\""), call(0, first), call(1, "{}"), call(0, second), call(0, "\"}"), end()];
    let contents = contents(&through(&[stream.concat().as_bytes()]));
    assert_eq!(contents["chat/0/tool_calls/0/function/arguments"], "{\"a\":\"SECRET_REF(ghost/db)\"}");
    assert_eq!(contents["chat/0/tool_calls/1/function/arguments"], "{}");
}

#[test]
fn the_responses_interface_is_understood() {
    let delta = |text: &str| {
        let data = json!({ "type": "response.output_text.delta", "item_id": "i", "output_index": 0,
                           "content_index": 0, "delta": text });
        format!("event: response.output_text.delta\ndata: {data}\n\n")
    };
    let done = json!({ "type": "response.output_text.done", "item_id": "i", "output_index": 0,
                       "content_index": 0, "text": format!("say {SECRET}") });
    let whole = json!({ "type": "response.completed", "response": { "output": [SECRET], "usage": { "total_tokens": 7 } } });
    let (first, second) = SECRET.split_at(30);
    let stream = [
        delta("say "),
        delta(first),
        delta(second),
        format!("data: {done}\n\n"),
        format!("data: {whole}\n\n"),
    ]
    .concat();
    let out = through(&[stream.as_bytes()]);
    let text: String =
        events(&out).iter().filter_map(|event| event["delta"].as_str().map(str::to_owned)).collect();
    assert_eq!(text, "say SECRET_REF(ghost/db)", "{out}");
    assert!(!out.contains(&SECRET[..20]) && out.contains("\"total_tokens\":7"), "{out}");
}

#[test]
fn an_event_passes_at_once_and_a_comment_waits_for_nothing() {
    let mut redactor = SseRedactor::new(redactor());
    let mut out = Vec::new();
    redactor.push(b": OPENROUTER PROCESSING\n", &mut out).expect("small");
    assert_eq!(out, b": OPENROUTER PROCESSING\n");
    out.clear();
    redactor.push(chat("hello ").as_bytes(), &mut out).expect("small");
    let passed = contents(&String::from_utf8(out).expect("text")).remove("chat/0/content").expect("a text");
    assert_eq!(passed, "hell", "a value may begin with the last letter, whatever stands behind it");
}

#[test]
fn what_is_no_json_is_text_and_what_is_too_long_ends() {
    let out = through(&[format!("event: x\ndata: not json {SECRET}\n\n").as_bytes()]);
    assert_eq!(out, "event: x\ndata: not json SECRET_REF(ghost/db)\n\n");
    let mut redactor = SseRedactor::new(redactor());
    let long = vec![b'x'; super::EVENT_BYTES + 1];
    assert!(redactor.push(&long, &mut Vec::new()).is_err());
}

/// Chunks of a chat, each made from one piece of the secret.
fn in_pieces(chunk: impl Fn(&str) -> Value) -> String {
    let pieces = SECRET.as_bytes().chunks(5).map(|piece| std::str::from_utf8(piece).expect("ASCII"));
    pieces.map(|piece| format!("data: {}\n\n", chunk(piece))).collect::<String>() + &end()
}

/// All strings of all events, one after the other.
fn all_strings(out: &str) -> String {
    fn strings(value: &Value, all: &mut String) {
        match value {
            Value::String(text) => all.push_str(text),
            Value::Array(items) => items.iter().for_each(|item| strings(item, all)),
            Value::Object(fields) => fields.values().for_each(|field| strings(field, all)),
            _ => {}
        }
    }
    let mut all = String::new();
    events(out).iter().for_each(|event| strings(event, &mut all));
    all
}

#[test]
fn pieces_are_one_text_wherever_they_stand() {
    let in_delta = |delta: Value| json!({ "id": "", "choices": [{ "index": 0, "delta": delta }] });
    let places: [fn(&str) -> Value; 6] = [
        |piece| json!({ "reasoning_details": [{ "type": "", "text": piece }] }),
        |piece| json!({ "reasoning_details": [{ "type": "", "index": 1, "summary": piece }] }),
        |piece| json!({ "content": [{ "text": piece }] }),
        |piece| json!({ "content": [{ "text": "" }, { "text": piece }] }),
        |piece| json!({ "some/thing": { "nobody~knows": piece } }),
        |piece| json!({ "tool_calls": [{ "index": 3, "function": { "arguments": piece } }] }),
    ];
    for place in places {
        let out = through(&[in_pieces(|piece| in_delta(place(piece))).as_bytes()]);
        let said = all_strings(&out);
        assert!(said.contains("SECRET_REF(ghost/db)") && !said.contains(&SECRET[..12]), "{out}");
    }
    let legacy = in_pieces(|piece| json!({ "choices": [{ "index": 0, "text": piece }] }));
    assert!(all_strings(&through(&[legacy.as_bytes()])).contains("SECRET_REF(ghost/db)"));
}

#[test]
fn an_empty_word_is_no_end() {
    for word in ["", "null", "None"] {
        let stream = in_pieces(
            |piece| json!({ "choices": [{ "index": 0, "delta": { "content": piece }, "finish_reason": word }] }),
        );
        let out = through(&[stream.as_bytes()]);
        assert_eq!(contents(&out)["chat/0/content"], "SECRET_REF(ghost/db)", "{word:?}: {out}");
    }
}

#[test]
fn a_secret_in_labels_or_after_ends_breaks_the_stream_off() {
    let ends: [fn(&str) -> Value; 2] = [
        |piece| json!({ "choices": [{ "index": 0, "delta": { "content": piece }, "finish_reason": "stop" }] }),
        |piece| json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [{ "id": piece }] } }] }),
    ];
    for chunk in ends {
        let mut redactor = SseRedactor::new(redactor());
        let mut out = Vec::new();
        assert!(redactor.push(in_pieces(chunk).as_bytes(), &mut out).is_err());
        let said = all_strings(&String::from_utf8(out).expect("UTF-8"));
        assert!(!said.contains(&SECRET[..16]), "{said}");
    }
}

#[test]
fn sealed_state_comes_in_one_piece_as_it_was() {
    let sealed = format!("CvcBAR{}Zk3", "q8ZrT5vWx2LmN7pKs4DfG6hJ9yBc3EaU0iOtRwQ1".repeat(3));
    for delta in [
        json!({ "tool_calls": [{ "index": 0, "extra_content": { "google": { "thought_signature": sealed } } }] }),
        json!({ "reasoning_details": [{ "type": "reasoning.encrypted", "data": sealed }] }),
        json!({ "reasoning_details": [{ "type": "reasoning.text", "signature": sealed }] }),
    ] {
        let chunk = json!({ "choices": [{ "index": 0, "delta": delta }] });
        let out = through(&[format!("data: {chunk}\n\n{}", end()).as_bytes()]);
        assert_eq!(events(&out)[0], chunk);
    }
}

#[test]
fn the_rest_of_a_text_comes_before_the_end_of_what_it_is_in_and_numbers_go_on() {
    let event = |kind: &str, number: u64, more: Value| {
        let mut data = json!({ "type": kind, "sequence_number": number, "output_index": 0 });
        more.as_object().expect("fields").iter().for_each(|(name, value)| data[name] = value.clone());
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let stream = [
        event("response.output_text.delta", 0, json!({ "item_id": "i", "content_index": 0, "delta": "oZk" })),
        event("response.output_item.done", 1, json!({ "item": { "id": "i" } })),
        event("response.completed", 2, json!({})),
    ]
    .concat();
    let events = events(&through(&[stream.as_bytes()]));
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("a kind")).collect();
    let (delta, done) = ("response.output_text.delta", "response.output_item.done");
    assert_eq!(kinds, [delta, delta, done, "response.completed"]);
    let text: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(text, "oZk");
    let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64()).collect();
    assert_eq!(numbers, (0..4).map(Some).collect::<Vec<_>>());
}

#[test]
fn probabilities_are_left_out_where_a_piece_is_changed() {
    let chunk = |piece: &str| {
        let predicted = json!({ "content": [{ "token": piece, "logprob": -0.1 }] });
        json!({ "choices": [{ "index": 0, "delta": { "content": piece }, "logprobs": predicted }] })
    };
    let out = through(&[in_pieces(chunk).as_bytes()]);
    assert_eq!(all_strings(&out).replace("c1", "").replace("stop", ""), "SECRET_REF(ghost/db)");
    let kept = through(&[format!("data: {}\n\n", chunk("... ")).as_bytes()]);
    assert!(kept.contains("logprob\":"), "{kept}");
}

#[test]
fn lines_end_in_three_ways_and_a_mark_or_a_heartbeat_is_nothing() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = format!("\u{feff}data: {{\"a\":\"{SECRET}\"}}{end}{end}data:{end}{end}");
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(through(&bytes), "data: {\"a\":\"SECRET_REF(ghost/db)\"}\n\n:\n\n", "{end:?}");
    }
    let mut redactor = SseRedactor::new(redactor());
    let mut out = Vec::new();
    redactor.push(b"data: {}\r\r", &mut out).expect("small");
    assert_eq!(out, b"data: {}\n\n", "an event waits for nothing after its end");
}

/// Cuts bytes at these places.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut chunks = Vec::new();
    let mut start = 0;
    for place in places {
        chunks.push(&bytes[start..place]);
        start = place;
    }
    chunks.push(&bytes[start..]);
    chunks
}

proptest! {
    #[test]
    fn neither_the_cuts_of_the_stream_nor_of_the_text_matter(
        words in proptest::collection::vec(
            prop_oneof![Just(SECRET.to_owned()), Just(OTHER.to_owned()), "[a-z äöü]{0,12}",
                        (0..32_usize).prop_map(|n| SECRET[..n].to_owned())], 0..8),
        text_cuts in proptest::collection::vec(any::<usize>(), 0..12),
        stream_cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let text = words.concat();
        let characters: Vec<char> = text.chars().collect();
        let mut places: Vec<usize> = text_cuts.iter().map(|cut| cut % (characters.len() + 1)).collect();
        places.extend([0, characters.len()]);
        places.sort_unstable();
        let mut stream = String::new();
        for pair in places.windows(2) {
            stream.push_str(&chat(&characters[pair[0]..pair[1]].iter().collect::<String>()));
        }
        stream.push_str(&end());
        let redactor = redactor();
        let mut expected = Vec::new();
        let mut whole = redactor.stream();
        whole.push(text.as_bytes(), &mut expected);
        whole.finish(&mut expected);
        let out = through(&cut(stream.as_bytes(), &stream_cuts));
        let got = contents(&out).remove("chat/0/content").unwrap_or_default();
        prop_assert_eq!(got, String::from_utf8(expected).expect("UTF-8"));
        prop_assert!(!out.contains(SECRET) && !out.contains(OTHER));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut redactor = SseRedactor::new(redactor());
        let mut out = Vec::new();
        redactor.push(&bytes, &mut out).expect("small");
        redactor.finish(&mut out);
    }
}
