use std::sync::Arc;

use chrono::Utc;
use proptest::prelude::*;
use serde_json::json;
use tokio::net::TcpListener;

use super::{BODY_BYTES, Updates, parse, router};
use crate::guardian::{Outbox, tests::Told};
use letsbe_base::layout::Layout;

const DIGEST: &str = "sha256:216e3ae7de4ca8b553eb11ef7abda00651e79e537e85c46108284e5e91673e01";

fn message(image: &str, digest: &str) -> serde_json::Value {
    json!({
        "diun_version": "4.24.0", "hostname": "x", "status": "new", "provider": "docker", "image": image,
        "hub_link": "https://hub.docker.com/r/crazymax/diun", "mime_type": "application/json",
        "digest": digest, "created": "2020-03-26T12:23:56Z", "platform": "linux/amd64",
        "metadata": { "ctn_names": "letsbe-ghost" },
    })
}

proptest! {
    #[test]
    fn whatever_is_sent_what_is_recorded_is_a_name_and_a_digest(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        image in "[ -~é]{0,40}",
        digest in "(sha256:[0-9a-f]{64}|[ -~]{0,20})",
        status in "(new|update|unchange|[a-z]{0,8})",
    ) {
        let _ = parse(&bytes, Utc::now());
        let body = json!({ "image": image, "digest": digest, "status": status, "metadata": [1, { "x": null }] });
        if let Ok(Some(update)) = parse(body.to_string().as_bytes(), Utc::now()) {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:@".contains(c);
            prop_assert!(update.image.chars().all(plain));
            prop_assert!(update.digest.is_none_or(|digest| digest.split_once(':').is_some_and(|(_, hex)| hex.len() >= 32)));
        }
    }
}

#[test]
fn a_message_that_is_not_understood_is_refused_with_its_field() {
    let refused = |body: &str| parse(body.as_bytes(), Utc::now()).unwrap_err().0;
    assert_eq!(refused(""), "body");
    assert_eq!(refused("[]"), "body");
    assert_eq!(refused("{\"image\":"), "body");
    assert_eq!(refused("{}"), "image");
    assert_eq!(refused(r#"{"image":7}"#), "image");
    assert_eq!(refused(r#"{"image":"a b"}"#), "image");
    assert_eq!(refused(r#"{"image":"<script>"}"#), "image");
    assert_eq!(refused(&format!(r#"{{"image":"{}"}}"#, "x".repeat(201))), "image");
    assert_eq!(refused(r#"{"image":"ghost:6","digest":"x"}"#), "digest");
    assert_eq!(refused(r#"{"image":"ghost:6","status":[]}"#), "status");
    assert!(parse(br#"{"image":"ghost:6","status":"unchange"}"#, Utc::now()).unwrap().is_none());
    let update = parse(message("docker.io/library/ghost:6", DIGEST).to_string().as_bytes(), Utc::now());
    assert_eq!(update.unwrap().unwrap().digest.as_deref(), Some(DIGEST));
}

#[tokio::test]
async fn an_update_is_recorded_and_told_once_and_nothing_is_done_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::under(folder.path());
    let told = Arc::new(Told::default());
    let open = || Arc::new(Updates::open(&layout, Arc::clone(&told) as Arc<dyn Outbox>, Vec::new()).unwrap());
    let updates = open();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/diun", listener.local_addr().unwrap());
    let server = router(Arc::clone(&updates));
    tokio::spawn(async move { axum::serve(listener, server).await });
    let client = reqwest::Client::new();
    let post = async |body: String| client.post(&url).body(body).send().await.unwrap().status().as_u16();
    let other = DIGEST.replace('2', "3");
    for (body, status, seen, events) in [
        (message("ghost:6", DIGEST).to_string(), 200, 1, 1),
        (message("ghost:6", DIGEST).to_string(), 200, 1, 1),
        (message("ghost:6", &other).to_string(), 200, 1, 2),
        (message("nginx:1", DIGEST).to_string(), 200, 2, 3),
        ("{".to_owned(), 400, 2, 3),
        (message("x y", DIGEST).to_string(), 400, 2, 3),
        (format!("{}{}", " ".repeat(BODY_BYTES), message("odoo:1", DIGEST)), 413, 2, 3),
    ] {
        assert_eq!(post(body.clone()).await, status, "{body}");
        assert_eq!((updates.list().len(), told.0.lock().unwrap().len()), (seen, events), "{body}");
    }
    assert_eq!(open().list(), updates.list(), "also after a restart");
    let late = parse(message("odoo:18", DIGEST).to_string().as_bytes(), Utc::now()).unwrap().unwrap();
    let outbox = Arc::clone(&told) as Arc<dyn Outbox>;
    let after_a_kill = Updates::open(&layout, outbox, vec![late.clone()]).unwrap();
    after_a_kill.record(late).unwrap();
    assert_eq!(told.0.lock().unwrap().len(), 3, "what was told before a kill is not told again");
    updates.installed(|update| update.image == "ghost:6").unwrap();
    assert_eq!(open().list().len(), 1);
    let image = |number: usize| message(&format!("image-{number}:1"), DIGEST).to_string();
    let mut flood = 0..250;
    while post(image(0)).await != 429 {
        flood.next().expect("a flood is sent away");
    }
    for number in 0..250 {
        updates.record(parse(image(number).as_bytes(), Utc::now()).unwrap().unwrap()).unwrap();
    }
    assert_eq!(updates.list().len(), 200, "bounded");
    assert_eq!(updates.list().last().unwrap().image, "image-249:1");
}
