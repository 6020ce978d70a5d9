//! Inputs of the kinds that attackers and users tried, each another one than `docs/redaction.md` has: how a hand-edited
//! password is written by the programs that carry it, pieces at other places, and sealed state that must come back as it
//! was.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::redactor_for;
use super::table::{in_request, verdict};
use crate::{Redactor, SseRedactor};

const PERSONS: &str = "Grüße&'Sommer'$5:40%\\\"=`x`";
const DOLLAR: &str = "Sommer$2026!";
const VALUE: &str = "kT9vQ2xZ7mB4cR8wN1pL6sD3fG5hJ0yU";

/// What is written, of which secret.
const WRITTEN: &[(&str, &str, &str)] = &[
    ("Compose and make", DOLLAR, "DB_PASSWORD=Sommer$$2026!"),
    ("unit of systemd", "100%Sommer$2026", "ExecStart=/bin/login 100%%Sommer$$2026"),
    ("SQL", "it's-5-o'clock", "ALTER USER x PASSWORD 'it''s-5-o''clock';"),
    ("CSV", "say\"5\"friend", "ghost,\"say\"\"5\"\"friend\",x"),
    (".pgpass", "a:b:c\\Sommer5", "db:5432:ghost:ghost:a\\:b\\:c\\\\Sommer5"),
    ("Python", "it's-5-o'clock", "password = 'it\\'s-5-o\\'clock'"),
    ("PowerShell", DOLLAR, "$p = \"Sommer`$2026!\""),
    ("only the dollar as a number", DOLLAR, "\"Sommer\\u00242026!\""),
    ("only the dollar, YAML", DOLLAR, "password: \"Sommer\\x242026!\""),
    ("shell, ANSI-C quotes", "it's-5-o'clock", "$'it\\'s-5-o\\'clock'"),
    ("shell, each sign quoted", DOLLAR, "Sommer\\$2026\\!"),
    ("shell in JSON in JSON", DOLLAR, r#"{\"cmd\":\"psql -c Sommer\\\\$2026\\\\!\"}"#),
    ("shell, a line that goes on", DOLLAR, "mysql -pSommer\\\n$2026!"),
    ("address", DOLLAR, "postgres://ghost:Sommer%242026%21@db/ghost"),
    ("address, small letters", "p@ss/w:rd5#x", "mysql://u:p%40ss%2fw%3ard5%23x@db"),
    ("XML", "a<b>'c'&\"d5\"", "<p>a&lt;b&gt;&apos;c&apos;&amp;&quot;d5&quot;</p>"),
    ("mail", "Grüße-aus-Köln#2026", "Gr=C3=BC=C3=9Fe-aus-K=C3=B6ln#2026"),
    ("bytes of Python", "Grüße-aus-Köln#2026", "b'Gr\\xc3\\xbc\\xc3\\x9fe-aus-K\\xc3\\xb6ln#2026'"),
    ("YAML over two lines", "correct horse battery staple", "pass: \"correct horse\n  battery staple\""),
    ("escaped ends of lines", VALUE, "kT9vQ2xZ\\n7mB4cR8w\\nN1pL6sD3\\nfG5hJ0yU"),
    ("escaped tabs between letters", "kT9vQ2xZ7mB4", "k\\tT\\t9\\tv\\tQ\\t2\\tx\\tZ\\t7\\tm\\tB\\t4"),
    ("diff of two lines", VALUE, "-kT9vQ2xZ7mB4cR8w\n-N1pL6sD3fG5hJ0yU"),
    (
        "hexdump",
        VALUE,
        "0000000 546b 7639 3251 5a78 6d37 3442 5263 7738\n0000010 314e 4c70 7336 3344 4766 6835 304a 5579\n",
    ),
    ("od -c", VALUE, "0000000   k   T   9   v   Q   2   x   Z   7   m   B   4   c   R   8   w\n"),
];

#[test]
fn hand_edited_passwords_are_found_as_the_programs_write_them() {
    let fell: Vec<String> = WRITTEN
        .iter()
        .filter_map(|(name, secret, text)| {
            let body =
                json!({ "messages": [{ "role": "tool", "content": format!("it is {text} I think") }] });
            let out = in_request(secret, &body).unwrap_or_default();
            (!out.contains("SECRET_REF(tool/key)")).then(|| format!("{name}: {out}"))
        })
        .collect();
    assert!(fell.is_empty(), "{fell:#?}");
}

/// Of these every encoding is tried within every nesting.
#[test]
fn encodings_in_nestings_of_other_encodings_are_found() {
    let wrapped = |text: String, line: &str| super::table::written::every(&text, 16, line);
    let encodings: [(&str, String); 7] = [
        ("base64", STANDARD.encode(PERSONS)),
        ("base64 for addresses", URL_SAFE_NO_PAD.encode(PERSONS)),
        ("base64 in lines", wrapped(STANDARD.encode(PERSONS), "\r\n")),
        ("base64 in escaped lines", wrapped(STANDARD.encode(PERSONS), "\\n")),
        ("hex", hex::encode(PERSONS)),
        ("JSON", json!(PERSONS).to_string()),
        ("JSON in JSON", json!(json!({ "p": PERSONS }).to_string()).to_string()),
    ];
    let mut fell = Vec::new();
    for (name, written) in encodings {
        for (place, body) in [
            (
                "arguments",
                json!({ "tool_calls": [{ "function": { "arguments": json!({ "c": written }).to_string() } }] }),
            ),
            (
                "arguments in arguments",
                json!({ "arguments": json!({ "a": json!({ "c": written }).to_string() }).to_string() }),
            ),
            ("YAML in a text", json!({ "content": format!("spec:\n  key: {written}\n") })),
            ("quoted for a shell", json!({ "content": format!("sh -c \"echo '{written}'\"") })),
            (
                "result",
                json!({ "content": [{ "type": "tool_result", "content": [{ "type": "text", "text": written }] }] }),
            ),
        ] {
            let out = in_request(PERSONS, &body).unwrap_or_else(|()| "SECRET_REF(refused)".to_owned());
            if !out.contains("SECRET_REF(") || verdict(&written, &out) == "not found" {
                fell.push(format!("{name}, {place}: {out}"));
            }
        }
    }
    assert!(fell.is_empty(), "{fell:#?}");
}

fn pieces(of: usize) -> Vec<String> {
    super::table::written::every(VALUE, of, "\n").lines().map(str::to_owned).collect()
}

#[test]
fn pieces_at_other_places_of_a_request_are_found_or_refused() {
    let parts = |text: &str| json!({ "type": "tool_result", "tool_use_id": "t", "content": text });
    let bodies = [
        (
            "results of tools",
            json!({ "messages": [{ "content": pieces(8).iter().map(|p| parts(p)).collect::<Vec<_>>() }] }),
        ),
        (
            "system and user",
            json!({ "system": pieces(16)[0], "messages": [{ "role": "user", "content": pieces(16)[1] }] }),
        ),
        ("instructions and input", json!({ "input": pieces(16)[1], "instructions": pieces(16)[0] })),
        (
            "names of tools",
            json!({ "tools": pieces(8).iter().map(|p| json!({ "name": p })).collect::<Vec<_>>() }),
        ),
        (
            "descriptions",
            json!({ "tools": pieces(4).iter().map(|p| json!({ "description": p })).collect::<Vec<_>>() }),
        ),
        ("stop words", json!({ "stop": pieces(3) })),
        (
            "halves in two calls",
            json!({ "tool_calls": pieces(16).iter()
            .map(|p| json!({ "function": { "arguments": json!({ "x": p }).to_string() } })).collect::<Vec<_>>() }),
        ),
    ];
    let out = |body: &Value| in_request(VALUE, body).unwrap_or_else(|()| "SECRET_REF(refused)".to_owned());
    let fell: Vec<_> = bodies.iter().map(|(name, body)| (name, out(body))).collect();
    let fell: Vec<_> = fell.iter().filter(|(_, out)| !out.contains("SECRET_REF(")).collect();
    assert!(fell.is_empty(), "{fell:#?}");
}

/// An event with a piece of a text.
type Event = fn(&str) -> Value;

const EVENTS: &[(&str, Event)] = &[
    (
        "words that are no end",
        |text| json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": "" }], "usage": null }),
    ),
    ("second choice", |text| json!({ "choices": [{ "index": 1, "delta": { "content": text } }] })),
    ("no number", |text| json!({ "choices": [{ "delta": { "refusal": text } }] })),
    (
        "parts of parts",
        |text| json!({ "choices": [{ "delta": { "content": [{ "type": "text", "text": { "value": text } }] } }] }),
    ),
    (
        "transcript",
        |text| json!({ "choices": [{ "delta": { "audio": { "id": "a", "transcript": text } } }] }),
    ),
    (
        "input of a call",
        |text| json!({ "choices": [{ "delta": { "tool_calls": [{ "index": 2, "custom": { "input": text } }] } }] }),
    ),
    ("completion", |text| json!({ "choices": [{ "index": 0, "text": text, "finish_reason": null }] })),
    (
        "summary",
        |text| json!({ "type": "response.reasoning_summary_text.delta", "summary_index": 1, "delta": text }),
    ),
    (
        "input of a tool",
        |text| json!({ "type": "response.custom_tool_call_input.delta", "output_index": 3, "delta": text }),
    ),
    (
        "block",
        |text| json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } }),
    ),
    ("partial JSON", |text| {
        json!({ "type": "content_block_delta", "index": 1,
            "delta": { "type": "input_json_delta", "partial_json": text } })
    }),
];

#[test]
fn pieces_at_other_places_of_a_stream_are_found() {
    for (name, event) in EVENTS {
        for size in [1, 3, 7, 11] {
            let mut redactor = SseRedactor::new(redactor_for([("tool/key", VALUE)]));
            let mut out = Vec::new();
            for piece in ["it is ".to_owned()].into_iter().chain(pieces(size)) {
                redactor.push(format!("data: {}\n\n", event(&piece)).as_bytes(), &mut out).expect("passes");
            }
            redactor.finish(&mut out);
            let out = String::from_utf8(out).expect("text");
            assert!(out.contains("SECRET_REF(tool/key)"), "{name}, {size}: {out}");
            assert!(
                pieces(size).iter().filter(|piece| piece.len() > 2).all(|p| !out.contains(p)),
                "{name}: {out}"
            );
        }
    }
}

/// Random, as providers make it, and like no secret that is known.
const SEALED: &str =
    "EqQBCkYIBxgCKkBq8ZrT5vWx2LmN7pKs4DfG6hJ9yBc3EaU0iOtRwQ1zXcVbNm+8kLp/Zk3Tq9Lw7Xv1Bn5Rm8Pc2Ys6==";

#[test]
fn sealed_state_of_every_provider_comes_back_byte_for_byte() {
    let redactor: std::sync::Arc<Redactor> = redactor_for([("tool/key", VALUE), ("tool/persons", PERSONS)]);
    for body in [
        json!({ "content": [{ "signature": SEALED, "thinking": "so", "type": "thinking" }] }),
        json!({ "content": [{ "data": SEALED, "type": "redacted_thinking" }] }),
        json!({ "content": [{ "content": [{ "encrypted_content": SEALED, "type": "web_search_result" }] }] }),
        json!({ "citations": [{ "encrypted_index": SEALED, "type": "web_search_result_location" }] }),
        json!({ "input": [{ "encrypted_content": SEALED, "type": "compaction" }] }),
        json!({ "contents": [{ "parts": [{ "functionCall": {}, "thoughtSignature": SEALED }] }] }),
        json!({ "reasoningContent": { "redactedContent": SEALED } }),
        json!({ "reasoningContent": { "reasoningText": { "signature": SEALED, "text": "so" } } }),
        json!({ "reasoning_details": [{ "data": SEALED, "format": "x-v1", "type": "reasoning.encrypted" }] }),
        json!({ "container": { "id": SEALED }, "conversation_id": SEALED }),
        json!({ "tool_calls": [{ "extra_content": { "google": { "thought_signature": SEALED } } }] }),
    ] {
        let body = body.to_string();
        let out = redactor.json_body(body.as_bytes()).expect("a body");
        assert_eq!(String::from_utf8(out).expect("text"), body);
        let hidden = body.replace(SEALED, &hex::encode(VALUE));
        let out = redactor.json_body(hidden.as_bytes()).expect("a body");
        assert!(String::from_utf8_lossy(&out).contains("SECRET_REF(tool/key)"), "{hidden}");
    }
}

/// Each is looked at a few times, not once for each other one.
#[test]
fn a_text_of_nothing_but_backslashes_is_looked_through() {
    let backslashes = "\\".repeat(512 * 1024);
    assert_eq!(redactor_for([("tool/key", VALUE)]).text(&backslashes), backslashes);
}
