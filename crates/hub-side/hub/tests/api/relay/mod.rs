//! `/api/v1/tenant/models`: models through the Hub.

pub(crate) mod provider;

use axum::{
    body::{Body, Bytes},
    http::{Request, Response, StatusCode},
};
use futures::{StreamExt as _, stream::FuturesUnordered};
use letsbe_hub::router::{Access, routes};
use serde_json::{Value, json};

use self::provider::{Bench, CHAT, PROVIDER_KEY, asked, impatient, reply, stream, whole};
use crate::{
    Hub,
    tenant::{HEARTBEAT, heartbeat},
    tenant_events::{approval, event},
};

const GRANT: &str = "/api/v1/tenant/models";

fn said(answer: &crate::Answer) -> String {
    format!("{:?} {}", answer.headers, answer.body)
}

#[tokio::test]
async fn a_servers_request_is_sent_with_the_hubs_key_and_nothing_else_of_the_server() {
    let bench = Bench::new().await;
    bench.provider.answers(whole(7, 3));
    let headers = [
        ("authorization", "Bearer relay-1"),
        ("content-type", "application/json"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "192.0.2.1"),
        ("openai-organization", "another"),
    ];
    let body = asked(json!({ "temperature": 0.5 })).to_string();
    let answer = bench.hub.send("POST", CHAT, &headers, body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["usage"]["prompt_tokens"], 7);
    let got = bench.provider.got().remove(0);
    assert_eq!(got.path, "/v1/chat/completions");
    let mut names: Vec<&str> = got.headers.keys().map(axum::http::HeaderName::as_str).collect();
    names.sort_unstable();
    let ours = [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    ];
    assert_eq!(names, ours);
    assert_eq!(got.headers["authorization"], format!("Bearer {PROVIDER_KEY}"));
    assert_eq!((&got.body["temperature"], &got.body["model"]), (&json!(0.5), &json!("lab-large")));
    assert_eq!(got.body["max_completion_tokens"], 100);
    let day = bench.counted(bench.tenants[0], 1).await;
    assert_eq!((day.model.as_str(), day.input, day.output, day.estimated), ("lab/lab-large", 7, 3, 0));
    assert!(!said(&answer).contains("canary"));
}

/// What the route wants to read before it looks at the key.
fn body(path: &str) -> Value {
    match path.rsplit('/').next() {
        Some("register") => json!({ "identity": "planted", "node_version": "0.1.0" }),
        Some("heartbeat") => heartbeat(),
        Some("events") => json!({ "events": [event(1, approval(1))] }),
        _ if path.starts_with("/api/v1/jobs") => {
            json!({ "status": "RUNNING", "events": [], "problem": null })
        }
        _ => json!({}),
    }
}

#[tokio::test]
async fn a_stolen_relay_key_opens_nothing_of_another_tenant_and_no_other_route() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        bench.provider.answers(whole(7, 3));
    }
    assert_eq!(bench.ask(json!({})).await.status, StatusCode::OK);
    bench.counted(bench.tenants[0], 1).await;
    let none = bench.hub.store.relayed(bench.tenants[1], crate::start()).await.unwrap();
    assert_eq!(none, [], "nothing is counted as another tenant's");
    let second = bench.hub.json("POST", CHAT, Some("relay-2"), &asked(json!({}))).await;
    assert_eq!(second.status, StatusCode::OK);
    let mut walked = 0;
    for route in routes() {
        let path = ["{id}", "{command}", "{approval}", "{alarm}", "{drill}", "{name}"]
            .iter()
            .fold(route.path.to_owned(), |path, name| path.replace(name, &bench.tenants[0].to_string()));
        let refused = match route.access {
            Access::Open | Access::Limited(_) => continue,
            Access::Keyed if path.contains("{provider}") || path.contains("webhooks") => continue,
            Access::Keyed | Access::Agent | Access::Staff => StatusCode::UNAUTHORIZED,
            Access::StaffPage => StatusCode::SEE_OTHER,
        };
        walked += 1;
        let answer = bench.hub.json(route.method.as_str(), &path, Some("relay-1"), &body(&path)).await;
        assert_eq!(answer.status, refused, "{} {path}: {answer:?}", route.method);
    }
    assert!(walked > 30, "only {walked} routes were asked");
    // And the agent's key, or none, opens no model.
    for key in [Some(bench.agents[0].as_str()), Some("wrong"), None] {
        let answer = bench.hub.json("POST", CHAT, key, &asked(json!({}))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(bench.provider.got().len(), 2);
}

#[tokio::test]
async fn a_revoked_tenant_asks_no_model_and_a_renewed_key_is_dead() {
    let bench = Bench::new().await;
    let staff = bench.hub.staff().await;
    let post = async |tenant, what: &str| {
        let path = format!("/api/v1/admin/tenants/{tenant}/{what}");
        bench.hub.json("POST", &path, Some(&staff), &json!({})).await.status
    };
    let [one, other] = bench.tenants;
    assert_eq!(post(one, "revoke").await, StatusCode::OK);
    assert_eq!(bench.ask(json!({})).await.status, StatusCode::UNAUTHORIZED);
    let grant = bench.hub.json("POST", GRANT, Some(&bench.agents[0]), &json!({})).await;
    assert_eq!(grant.status, StatusCode::UNAUTHORIZED);
    assert_eq!(post(other, "relay-key").await, StatusCode::OK);
    let dead = bench.hub.json("POST", CHAT, Some("relay-2"), &asked(json!({}))).await;
    assert_eq!(dead.status, StatusCode::UNAUTHORIZED);
    assert_eq!(post(other, "relay-key").await, StatusCode::CONFLICT, "there is none");
    assert!(bench.provider.got().is_empty());
}

#[tokio::test]
async fn a_server_fetches_its_access_until_it_has_what_the_hub_wants() {
    let bench = Bench::new().await;
    let agent = Some(bench.agents[0].as_str());
    let wanted = async || {
        let beat = bench.hub.json("POST", HEARTBEAT, agent, &heartbeat()).await.json();
        beat["data"]["models"].as_str().unwrap().to_owned()
    };
    let fingerprint = |grant: &Value| {
        let models = serde_json::from_value(grant["models"].clone()).unwrap();
        let hash = letsbe_types::relay::key_hash(grant["relay_key"].as_str().unwrap());
        letsbe_types::relay::fingerprint(&models, |_| Some(hash.as_str()))
    };
    let before = wanted().await;
    let first = bench.hub.json("POST", GRANT, agent, &json!({})).await.json()["data"].clone();
    assert_ne!(before, wanted().await);
    let second = bench.hub.json("POST", GRANT, agent, &json!({})).await.json()["data"].clone();
    assert_eq!(wanted().await, fingerprint(&second));
    assert_ne!(fingerprint(&first), fingerprint(&second));
    let provider = &second["models"]["providers"][0];
    assert_eq!(provider["base_url"], "https://hub.example.com/api/v1/tenant/models/lab");
    assert!(!second.to_string().contains("canary"));
    // The answers may have been lost: the key before works until the new one is used.
    let ask = async |key: &str| {
        bench.provider.answers(whole(7, 3));
        bench.hub.json("POST", CHAT, Some(key), &asked(json!({}))).await.status
    };
    assert_eq!(ask("relay-1").await, StatusCode::OK);
    assert_eq!(ask(second["relay_key"].as_str().unwrap()).await, StatusCode::OK);
    assert_eq!(ask("relay-1").await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(first["relay_key"].as_str().unwrap()).await, StatusCode::UNAUTHORIZED);
    // After a renewal, whatever the server has is not what it should have.
    let staff = bench.hub.staff().await;
    let renew = format!("/api/v1/admin/tenants/{}/relay-key", bench.tenants[0]);
    bench.hub.json("POST", &renew, Some(&staff), &json!({})).await;
    assert_ne!(wanted().await, fingerprint(&second));
    let third = bench.hub.json("POST", GRANT, agent, &json!({})).await.json()["data"].clone();
    assert_eq!(wanted().await, fingerprint(&third));
    assert_eq!(ask(third["relay_key"].as_str().unwrap()).await, StatusCode::OK);
}

#[tokio::test]
async fn a_used_up_pool_is_refused_before_anything_is_sent() {
    let bench = Bench::new().await;
    // The tier's pool is 2,000 tokens, with a tenth of slack.
    bench.provider.answers(whole(1_900, 200));
    assert_eq!(bench.ask(json!({ "max_tokens": 1 })).await.status, StatusCode::OK);
    bench.counted(bench.tenants[0], 1).await;
    let refused = bench.ask(json!({ "max_tokens": 100 })).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.body.contains("2100 of 2000 tokens"), "{}", refused.body);
    bench.provider.answers(whole(20, 1));
    assert_eq!(bench.ask(json!({ "max_tokens": 1 })).await.status, StatusCode::OK, "the slack is left");
    assert_eq!(bench.provider.got().len(), 2);
}

#[tokio::test]
async fn pieces_of_a_stream_pass_as_they_come_and_its_cost_is_counted_once() {
    let bench = Bench::new().await;
    let (pieces, answer) = stream();
    bench.provider.answers(answer);
    let response = open(&bench.hub, json!({ "stream": true })).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut body = response.into_body().into_data_stream();
    for piece in [
        "data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n",
        "data: {\"choi",
        "ces\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n",
    ] {
        // The next piece is sent only after this one has arrived.
        pieces.send(Ok(Bytes::from(piece))).await.unwrap();
        assert_eq!(body.next().await.unwrap().unwrap(), piece);
    }
    drop(pieces);
    assert!(body.next().await.is_none());
    drop(body);
    let day = bench.counted(bench.tenants[0], 1).await;
    assert_eq!((day.input, day.output, day.requests, day.estimated), (40, 5, 1, 0));
    assert_eq!(bench.provider.got()[0].body["stream_options"], json!({ "include_usage": true }));
}

#[tokio::test]
async fn a_stream_that_breaks_or_that_nobody_reads_is_counted_once_and_marked_as_an_estimate() {
    let bench = Bench::new().await;
    let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n";
    // The provider breaks off.
    let (pieces, answer) = stream();
    bench.provider.answers(answer);
    let mut body = open(&bench.hub, json!({ "stream": true })).await.into_body().into_data_stream();
    pieces.send(Ok(Bytes::from(piece))).await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), piece);
    pieces.send(Err(std::io::Error::other("broken"))).await.unwrap();
    assert!(body.next().await.unwrap().is_err(), "the caller sees that it is not complete");
    assert!(body.next().await.is_none());
    drop(body);
    let broken = bench.counted(bench.tenants[0], 1).await;
    let most = most_read(&bench);
    let written = (piece.len() as u64).div_ceil(3);
    assert_eq!((broken.input, broken.output, broken.estimated), (most, written, 1));
    // The caller goes away after the provider has said what it cost.
    let (pieces, answer) = stream();
    bench.provider.answers(answer);
    let mut body = open(&bench.hub, json!({ "stream": true })).await.into_body().into_data_stream();
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n";
    pieces.send(Ok(Bytes::from(usage))).await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), usage);
    drop(body);
    let both = bench.counted(bench.tenants[0], 2).await;
    assert_eq!((both.input - most, both.output - written, both.estimated), (9, 1, 1));
}

#[tokio::test]
async fn nothing_that_a_provider_answers_lets_the_hubs_key_out() {
    let bench = Bench::new().await;
    let error = |text: &str| json!({ "error": { "message": text, "type": "x" } }).to_string();
    let quoted = format!("Incorrect API key provided: {PROVIDER_KEY}. See https://example.com");
    let partly = "Incorrect API key provided: sk-canar**********cdef";
    for (status, text, answered) in [
        (401, quoted.as_str(), 502),
        (403, partly, 502),
        // A key that is refused with 400 is the Hub's, too.
        (400, quoted.as_str(), 502),
        (422, partly, 502),
        (429, partly, 429),
        (500, quoted.as_str(), 502),
        (302, quoted.as_str(), 502),
    ] {
        bench.provider.answers(reply(status, "application/json", error(text)));
        let answer = bench.ask(json!({})).await;
        assert_eq!(answer.status.as_u16(), answered, "{status}");
        assert!(!said(&answer).contains("canar"), "{answer:?}");
    }
    bench.provider.answers(reply(400, "application/json", error("max_tokens is too large")));
    assert!(bench.ask(json!({})).await.body.contains("max_tokens is too large"));
    // In an answer it is cut before it, wherever the pieces end.
    let (pieces, answer) = stream();
    bench.provider.answers(answer);
    let mut body = open(&bench.hub, json!({ "stream": true })).await.into_body().into_data_stream();
    for piece in ["data: sk-cana", "ry-0123456789abcdef\n\n"] {
        pieces.send(Ok(Bytes::from(piece))).await.unwrap();
    }
    assert_eq!(body.next().await.unwrap().unwrap(), "data: ");
    assert!(body.next().await.unwrap().is_err());
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn a_hostile_provider_is_followed_nowhere_waited_for_never_long_and_read_within_bounds() {
    let bench = Bench::patient(impatient()).await;
    let elsewhere = Response::builder()
        .status(307)
        .header("location", "http://127.0.0.1:1/v1/chat/completions")
        .header("set-cookie", "a=b")
        .body(Body::empty())
        .unwrap();
    bench.provider.answers(elsewhere);
    let answer = bench.ask(json!({})).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(!answer.headers.contains_key("location") && !answer.headers.contains_key("set-cookie"));
    bench.provider.answers(reply(200, "text/html", "<script>"));
    assert_eq!(bench.ask(json!({})).await.status, StatusCode::BAD_GATEWAY);
    // No answer at all.
    assert_eq!(bench.ask(json!({})).await.status, StatusCode::BAD_GATEWAY);
    // One that does not go on.
    let (pieces, answer) = stream();
    bench.provider.answers(answer);
    let mut body = open(&bench.hub, json!({ "stream": true })).await.into_body().into_data_stream();
    pieces.send(Ok(Bytes::from("data: x\n\n"))).await.unwrap();
    assert!(body.next().await.unwrap().is_ok());
    assert!(body.next().await.unwrap().is_err());
    // One without an end.
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1 << 20])));
    bench.provider.answers(reply(200, "text/event-stream", Body::from_stream(endless)));
    let mut body = open(&bench.hub, json!({ "stream": true })).await.into_body().into_data_stream();
    let mut passed = 0;
    while let Some(Ok(piece)) = body.next().await {
        passed += piece.len();
        assert!(passed <= 64 << 20);
    }
    // Headers of an answer are ours.
    let mut answer = whole(1, 1);
    answer.headers_mut().insert("set-cookie", "a=b".parse().unwrap());
    answer.headers_mut().insert("x-api-key", PROVIDER_KEY.parse().unwrap());
    bench.provider.answers(answer);
    let answer = bench.ask(json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!answer.headers.contains_key("set-cookie") && !answer.headers.contains_key("x-api-key"));
}

#[tokio::test]
async fn what_is_not_to_be_asked_is_not_sent_and_holds_up_no_good_key() {
    let bench = Bench::new().await;
    let post =
        async |path: &str, body: Value| bench.hub.json("POST", path, Some("relay-1"), &body).await.status;
    for _ in 0..20 {
        let other = json!({ "model": "lab-huge", "messages": [] });
        assert_eq!(post(CHAT, other).await, StatusCode::FORBIDDEN);
        assert_eq!(bench.ask(json!({ "models": ["lab-huge"] })).await.status, StatusCode::BAD_REQUEST);
        let nobody = CHAT.replace("lab", "nobody");
        assert_eq!(post(&nobody, asked(json!({}))).await, StatusCode::NOT_FOUND);
        let up = CHAT.replace("/lab/", "/..%2Flab/");
        assert_eq!(post(&up, asked(json!({}))).await, StatusCode::NOT_FOUND);
    }
    let large = "x".repeat(17 << 20);
    assert_eq!(bench.ask(json!({ "text": large })).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let files = CHAT.replace("chat/completions", "files");
    assert_eq!(post(&files, asked(json!({}))).await, StatusCode::NOT_FOUND);
    bench.provider.answers(whole(1, 1));
    assert_eq!(bench.ask(json!({})).await.status, StatusCode::OK, "80 refusals hold up no good key");
    assert_eq!(bench.provider.got().len(), 1);
}

/// Heads of the largest bodies that there may be, and nothing of the bodies.
#[tokio::test]
async fn the_largest_bodies_of_one_server_leave_memory_to_the_others() {
    const ASKED: usize = 20;
    let bench = Bench::new().await;
    let request = || {
        Request::post(CHAT)
            .header("authorization", "Bearer relay-1")
            .header("content-type", "application/json")
            .header("content-length", 16 << 20)
            .body(Body::from_stream(futures::stream::pending::<std::io::Result<Bytes>>()))
            .unwrap()
    };
    let mut held: FuturesUnordered<_> = (0..ASKED).map(|_| bench.hub.raw(request())).collect();
    // Two are within its share, and wait for their bodies.
    for _ in 0..ASKED - 2 {
        assert_eq!(held.next().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    }
    bench.provider.answers(whole(1, 1));
    let other = bench.hub.json("POST", CHAT, Some("relay-2"), &asked(json!({}))).await;
    assert_eq!(other.status, StatusCode::OK, "{other:?}");
    assert_eq!(bench.ask(json!({})).await.status, StatusCode::TOO_MANY_REQUESTS);
    drop(held);
    bench.provider.answers(whole(1, 1));
    assert_eq!(bench.ask(json!({})).await.status, StatusCode::OK);
}

/// The answer to a request of the first tenant, as soon as it begins.
async fn open(hub: &Hub, fields: Value) -> Response<Body> {
    let request = Request::post(CHAT)
        .header("authorization", "Bearer relay-1")
        .header("content-type", "application/json")
        .body(Body::from(asked(fields).to_string()))
        .unwrap();
    let response = hub.raw(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    response
}

/// The most tokens that the last request could have read.
fn most_read(bench: &Bench) -> u64 {
    let got = bench.provider.got().pop().unwrap();
    let length: u64 = got.headers["content-length"].to_str().unwrap().parse().unwrap();
    length.div_ceil(3)
}
