//! No secret leaves, in no form.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use letsbe_simulators::models::Answer;
use serde_json::{Value, json};

use crate::{Site, chat, streamed};

const PASSWORD: &str = "kT7!vR2#xQ9\"mB4/wL8=";
const TOKEN: &str = "Hn5Yc3Zp8Wd6Js1Gf4Ub9Ta7";
const SECRETS: [(&str, &str); 2] = [("ghost/database_password", PASSWORD), ("nocodb/api_token", TOKEN)];

fn unicode_escaped(text: &str) -> String {
    text.chars().map(|sign| format!("\\u{:04x}", sign as u32)).collect()
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Every form that a model could talk the runtime into sending.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        hex::encode(secret),
        hex::encode_upper(secret),
        percent_encoded(secret),
        unicode_escaped(secret),
        json!(secret).to_string(),
        json!(json!(secret).to_string()).to_string(),
    ];
    for before in ["", "x", "xy"] {
        forms.push(STANDARD.encode(format!("{before}{secret}{before}")));
    }
    forms
}

/// The middle of a form: base64 of one and the same value begins and ends differently.
fn core(form: &str) -> String {
    let signs: Vec<char> = form.chars().collect();
    signs[4..signs.len() - 6].iter().collect()
}

fn bodies(secret: &str) -> Vec<(&'static str, String)> {
    let mut bodies = Vec::new();
    for form in forms(secret) {
        let text = json!(format!("The file says: {form} and goes on."));
        bodies.push(("chat/completions", chat(&format!("see {form}.")).to_string()));
        let result = json!([
            { "role": "assistant", "content": null, "tool_calls": [{ "id": "c", "type": "function",
                "function": { "name": "cat", "arguments": json!({ "text": form }).to_string() } }] },
            { "role": "tool", "tool_call_id": "c", "content": text },
            { "role": "tool", "tool_call_id": "d", "content": [{ "type": "text", "text": text }] },
        ]);
        bodies.push(("chat/completions", json!({ "model": "assistant", "messages": result }).to_string()));
        let output = json!([{ "type": "function_call_output", "call_id": "c", "output": text }]);
        bodies.push(("responses", json!({ "model": "assistant", "input": output }).to_string()));
        bodies.push(("embeddings", json!({ "model": "assistant", "input": [text, "other"] }).to_string()));
        let tools = json!([{ "type": "function", "function": { "name": "f", "description": text } }]);
        let with_tools = json!({ "model": "assistant", "messages": [], "tools": tools, "user": form });
        bodies.push(("chat/completions", with_tools.to_string()));
    }
    // Escapes that a JSON writer would not write itself.
    let escaped = unicode_escaped(secret);
    let raw = format!(r#"{{"model":"assistant","messages":[{{"role":"user","content":"see {escaped}."}}]}}"#);
    bodies.push(("chat/completions", raw));
    bodies
}

#[tokio::test]
async fn no_secret_reaches_a_provider_in_any_form() {
    let site = Site::start(1, &SECRETS).await;
    let mut sent = 0;
    for (_, secret) in SECRETS {
        for (path, body) in bodies(secret) {
            let body: String = body;
            let request = site.client.post(format!("http://{}/v1/{path}", site.proxy));
            let request = request.bearer_auth(crate::CLIENT_KEY).header("content-type", "application/json");
            let status = request.body(body.clone()).send().await.unwrap().status();
            assert_eq!(status.as_u16(), 200, "{path} {body}");
            sent += 1;
            let wire = site.wire();
            for form in forms(secret) {
                assert!(!wire.contains(&form), "{form} was sent for {path} {body}");
                assert!(!wire.contains(&core(&form)), "the core of {form} was sent for {path} {body}");
            }
        }
    }
    assert_eq!(site.asked(), [sent]);
    assert!(site.wire().contains("SECRET_REF(ghost/database_password)"));
    assert!(!site.wire().contains(crate::CLIENT_KEY));
    assert!(
        site.sims[0]
            .requests()
            .iter()
            .all(|request| { request.header("authorization") == Some("Bearer provider-key-one-93c1") })
    );
}

#[tokio::test]
async fn a_secret_cut_over_content_parts_does_not_leave() {
    let site = Site::start(1, &SECRETS).await;
    let (left, right) = TOKEN.split_at(11);
    let parts = json!([{ "type": "text", "text": format!("a {left}") }, { "type": "text", "text": format!("{right} b") }]);
    let body = json!({ "model": "assistant", "messages": [{ "role": "user", "content": parts }] });
    let (status, text) = site.answer("chat/completions", &body).await;
    assert_eq!(status, 200, "{text}");
    let wire = site.wire();
    assert!(!wire.contains(left) || !wire.contains(right), "{wire}");
}

#[tokio::test]
async fn provider_keys_do_not_leave_as_text() {
    let site = Site::start(1, &[]).await;
    site.answer("chat/completions", &chat("what is provider-key-one-93c1?")).await;
    let body = String::from_utf8(site.sims[0].requests()[0].body.clone()).unwrap();
    assert!(body.contains("SECRET_REF(models/one)") && !body.contains("93c1"), "{body}");
}

#[tokio::test]
async fn headers_of_the_caller_stay_here() {
    let site = Site::start(1, &[]).await;
    let request = site.post("chat/completions", &chat("hello")).header("x-stainless-os", "Linux");
    request.header("cookie", "a=b").header("openai-organization", "o").send().await.unwrap();
    let names: Vec<String> =
        site.sims[0].requests()[0].headers.iter().map(|(name, _)| name.clone()).collect();
    let known = [
        "host",
        "content-length",
        "content-type",
        "accept",
        "accept-encoding",
        "authorization",
        "user-agent",
    ];
    assert!(names.iter().all(|name| known.contains(&name.as_str())), "{names:?}");
}

#[tokio::test]
async fn secrets_in_an_answer_come_back_as_their_placeholders() {
    let site = Site::start(1, &SECRETS).await;
    site.sims[0].enqueue(Answer::text(format!("it is {PASSWORD}")));
    let (_, text) = site.answer("chat/completions", &chat("hello")).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "it is SECRET_REF(ghost/database_password)");
    for cut in [3, 9, 17] {
        let (left, right) = TOKEN.split_at(cut);
        site.sims[0].enqueue(Answer::pieces(["it is ", left, right, ", yes"]));
        let (_, text) = site.answer("chat/completions", &streamed("hello")).await;
        assert_eq!(crate::said(&text), "it is SECRET_REF(nocodb/api_token), yes", "{text}");
    }
}

#[tokio::test]
async fn a_request_without_secrets_reaches_the_provider_as_it_is() {
    let site = Site::start(1, &SECRETS).await;
    let mut body = json!({
        "model": "assistant",
        "messages": [
            { "role": "system", "content": "You are the assistant of a shop.\nNever guess a password." },
            { "role": "user", "content": "Ist der Server ges\u{fc}nder? 2 < 3 & \"so\" \u{1f600} SECRET_REF(ghost/database_password)" },
            { "role": "assistant", "content": null, "tool_calls": [{
                "id": "call_9b2f6c1e-6a0b-4c5e-8d55-0d2f7f5e1a11", "type": "function",
                "function": { "name": "gate__logs", "arguments": "{\"container\":\"letsbe-ghost\",\"lines\":50}" },
            }] },
            { "role": "tool", "tool_call_id": "call_9b2f6c1e-6a0b-4c5e-8d55-0d2f7f5e1a11",
                "content": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 /var/lib/docker/volumes/ghost_content/_data/images/2026/11/header-picture-large.png" },
        ],
        "tools": [{ "type": "function", "function": {
            "name": "gate__rotate", "description": "Gives a tool a new password.",
            "parameters": { "type": "object", "required": ["tool"], "properties": {
                "tool": { "type": "string" }, "password": { "type": "string", "description": "leave it out" },
                "token": { "type": ["string", "null"] },
            } },
        } }],
        "max_completion_tokens": 512, "temperature": 0.7, "store": false, "parallel_tool_calls": true,
        "tool_choice": "auto", "metadata": { "session": "agent:assistant:main" },
    });
    let (status, text) = site.answer("chat/completions", &body).await;
    assert_eq!(status, 200, "{text}");
    body["model"] = json!("model-one");
    // OpenAI takes it from chats that are stored only.
    body.as_object_mut().unwrap().remove("metadata");
    let sent = site.sims[0].requests()[0].json();
    assert_eq!(sent, body, "{sent:#}");
}
