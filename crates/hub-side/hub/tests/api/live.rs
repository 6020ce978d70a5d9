//! An order's page while it is open: what comes to it afterwards is worded as the page itself, also in a real browser.

use std::{
    future::pending,
    io::{BufRead as _, BufReader},
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{body::Body, http::Request};
use futures::StreamExt as _;
use letsbe_hub::{AppState, Shared, router};
use letsbe_lifecycle::order::Event;
use letsbe_store::NewEntry;
use letsbe_types::ids::OrderId;
use serde_json::{Value, json};

use crate::{Hub, pages::COOKIE, start};

/// Far more than a browser needs; whoever reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

async fn note(hub: &Hub, id: OrderId, kind: &'static str, level: &'static str, message: &str) {
    hub.store.note(id, &NewEntry::new(kind, level, message), start()).await.unwrap();
}

/// The lines that come to the page after `after`.
async fn told(hub: &Hub, id: OrderId, after: i64, count: usize) -> Vec<Value> {
    let request = Request::get(format!("/orders/{id}/events?after={after}")).header(COOKIE.0, COOKIE.1);
    let response = hub.raw(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (mut stream, mut text) = (response.into_body().into_data_stream(), String::new());
    loop {
        let data: Vec<Value> = text
            .split_inclusive("\n\n")
            .filter(|event| event.ends_with("\n\n"))
            .filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        if data.len() == count {
            return data;
        }
        let chunk = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test]
async fn what_comes_to_an_open_page_is_what_the_page_itself_has() {
    let (hub, _) = Hub::with_staff().await;
    let id = hub.order_waiting_for_dns(1).await;
    let last = hub.store.timeline(id, 0, 100).await.unwrap().last().unwrap().sequence;
    note(
        &hub,
        id,
        "operation",
        "failed",
        "dns.ready: [DNS001] <b>it</b>\r\nis not; see `letsbe orders list`",
    )
    .await;
    note(&hub, id, "effect", "failed", "[DNS001] see `letsbe orders show`").await;
    note(&hub, id, "state", "warning", "FAILED: try 1 of 3").await;
    hub.apply(id, &Event::DnsComplete).await;
    let added = hub.store.timeline(id, last, 100).await.unwrap();
    let told = told(&hub, id, last, added.len()).await;
    let page = hub.page(&format!("/orders/{id}")).await.body;
    for (line, entry) in told.iter().zip(&added) {
        assert_eq!(
            (line["sequence"].as_i64(), line["kind"].as_str()),
            (Some(entry.sequence), Some(&*entry.kind))
        );
        let html = line["html"].as_str().unwrap().trim();
        assert!(html.starts_with("<li ") && page.contains(html), "the page has it otherwise: {html}");
    }
    let all = told.iter().map(|line| line["html"].as_str().unwrap()).collect::<String>();
    for part in [
        "<a href=\"/errors/DNS001\">DNS001</a>",
        "<code>letsbe orders list</code>",
        "data-copy=\"letsbe orders show\"",
        "Stopped: try 1 of 3",
        "DNS ready",
        "<span class=\"unseen\">failed: </span>",
    ] {
        assert!(all.contains(part), "{part} is missing: {all}");
    }
    assert!(!all.contains("<b>") && !all.contains("FAILED: "), "{all}");
    assert!(!all.contains("data-copy=\"letsbe orders list"), "what a server says is not offered: {all}");
}

/// chromedriver with one browser; both end with it.
struct Browser {
    driver: Child,
    client: reqwest::Client,
    address: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    async fn open() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed by xtask/scripts/install-test-programs.sh");
        let said = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut ports = said.filter_map(|line| {
            let words = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            words.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = ports.next().expect("chromedriver says its port");
        let mut browser = Self {
            driver,
            client: reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap(),
            address: format!("http://127.0.0.1:{port}/session"),
        };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en-GB"];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let session = browser.post("", &wanted).await;
        let id = session["sessionId"].as_str().unwrap_or_else(|| panic!("{session}"));
        browser.address = format!("{}/{id}", browser.address);
        browser
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.client.post(format!("{}{path}", self.address)).json(body).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["value"].clone()
    }

    async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []})).await
    }

    /// Waits until a script gives `true`.
    async fn until(&self, script: &str) {
        let seen = tokio::time::timeout(PATIENCE, async {
            while self.run(script).await != Value::Bool(true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        if seen.await.is_err() {
            panic!("never: {script}: {}", self.run("return document.body.outerHTML").await);
        }
    }

    async fn end(self) {
        let _ = self.client.delete(&self.address).send().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_a_new_line_is_what_the_page_shows_after_it_was_loaded_anew() {
    let (hub, _) = Hub::with_staff().await;
    let id = hub.order_waiting_for_dns(1).await;
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let place = format!("http://{}", listener.local_addr().unwrap());
    let public_url = place.clone().into();
    let state = AppState::from(Shared { public_url, ..Shared::clone(&hub.state()) });
    tokio::spawn(router::serve(listener, state, letsbe_serve::Bounds::default(), pending()));
    let browser = Browser::open().await;
    browser.post("/url", &json!({"url": format!("{place}/login")})).await;
    let cookie = json!({"cookie": {"name": "letsbe_session", "value": "test-session", "path": "/"}});
    browser.post("/cookie", &cookie).await;
    browser.post("/url", &json!({"url": format!("{place}/orders/{id}")})).await;
    browser.until("return document.getElementById('live').textContent === 'Connected'").await;
    note(&hub, id, "operation", "failed", "dns.ready: [DNS001] <i>no</i>; see `letsbe orders list`").await;
    browser.until("return document.querySelector('#timeline > li.new .message') !== null").await;
    let line = "const line = document.querySelector('#timeline > li:last-child').cloneNode(true); \
                line.classList.remove('new'); line.querySelectorAll('time').forEach((one) => { one.textContent = ''; }); \
                return line.outerHTML;";
    let live = browser.run(line).await;
    let text = live.as_str().unwrap();
    assert!(
        text.contains("href=\"/errors/DNS001\"") && text.contains("<code>letsbe orders list</code>"),
        "{text}"
    );
    assert!(!text.contains("<i>"), "{text}");
    browser.post("/refresh", &json!({})).await;
    browser.until("return document.getElementById('live').textContent === 'Connected'").await;
    assert_eq!(browser.run(line).await, live);
    // A step that ends is folded in the open page, too, with nothing pressed.
    for (level, kind, message) in [
        ("running", "step", "Step 1: Packages …"),
        ("ok", "operation", "packages.installed: installed"),
        ("ok", "step", "Step 1: done (4.0 s)"),
    ] {
        note(&hub, id, kind, level, message).await;
    }
    browser.until("return document.querySelector('#timeline details.folded li') !== null").await;
    // A login that ends takes nothing away that was typed.
    hub.store.end_session(&letsbe_store::token_hash("test-session")).await.unwrap();
    let refreshed = |typed: &str| {
        format!(
            "document.getElementById('skip-reason').value = '{typed}'; \
             return refresh('#timeline').then(() => document.getElementById('skip-reason').value);"
        )
    };
    assert_eq!(browser.run(&refreshed("because of this")).await, "because of this");
    assert_eq!(browser.run("return location.pathname").await, format!("/orders/{id}"));
    browser.run(&refreshed("")).await;
    browser.until("return location.pathname === '/login'").await;
    browser.end().await;
}
