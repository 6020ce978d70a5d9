//! Somebody who knows the domain only, and tries from the first moment to the last to become every tool's first user.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::ensure;
use letsbe_lab::fleet::{Fleet, Machines};
use reqwest::{Client, RequestBuilder, redirect::Policy};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::kuma;

/// He does not tire the server: what counts is that he is there in every second.
const PAUSE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);
const EMAIL: &str = "mallory@evil.example";
const PASSWORD: &str = "Mallory.was.here-1";
/// Where he tries, by label.
const LABELS: [&str; 7] = ["blog", "www", "tables", "status", "crm", "containers", "files"];

/// What he has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// What he got, in words.
    got: Vec<String>,
    /// For each name, the answers by status.
    answers: BTreeMap<String, BTreeMap<u16, u32>>,
    rounds: u32,
}

pub(crate) struct Stranger {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Seen>,
}

impl Stranger {
    pub(crate) fn start(fleet: &Fleet, domain: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (machines, domain, told) = (Arc::clone(&fleet.machines), domain.to_owned(), Arc::clone(&stop));
        let task = tokio::spawn(async move { try_all(&machines, &domain, &told).await });
        Self { stop, task }
    }

    /// He goes away after one more round: the tools are open by now.
    pub(crate) async fn stop(self) -> anyhow::Result<Seen> {
        self.stop.store(true, Ordering::SeqCst);
        Ok(self.task.await?)
    }
}

async fn try_all(machines: &Machines, domain: &str, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    loop {
        let last = stop.load(Ordering::SeqCst);
        if let Ok(address) = machines.address_of(domain)
            && let Some(client) = visitor(domain, SocketAddr::new(address, 0))
        {
            round(&client, domain, &mut seen).await;
        }
        if last {
            return seen;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// He asks whoever answers, with whatever certificate.
fn visitor(domain: &str, address: SocketAddr) -> Option<Client> {
    let builder = Client::builder().no_proxy().timeout(PATIENCE).redirect(Policy::none());
    let builder = builder.tls_danger_accept_invalid_certs(true);
    LABELS
        .iter()
        .fold(builder, |builder, label| builder.resolve(&format!("{label}.{domain}"), address))
        .build()
        .ok()
}

async fn round(client: &Client, domain: &str, seen: &mut Seen) {
    seen.rounds += 1;
    let attempts = LABELS.iter().map(|label| async move {
        let site = format!("https://{label}.{domain}");
        if *label == "status" {
            let setup = json!(["setup", EMAIL, PASSWORD]);
            let answer = kuma::emit(client, &site, &setup).await;
            let got = answer.is_ok_and(|answer| answer[0]["ok"] == true);
            let status = client.get(format!("{site}/dashboard")).send().await.ok()?.status().as_u16();
            return Some((*label, status, got));
        }
        let reply = attempt(client, label, &site).send().await.ok()?;
        let status = reply.status().as_u16();
        let body = reply.text().await.unwrap_or_default();
        Some((*label, status, succeeded(label, status, &body)))
    });
    for (label, status, got) in futures::future::join_all(attempts).await.into_iter().flatten() {
        *seen.answers.entry(label.to_owned()).or_default().entry(status).or_default() += 1;
        if got && !seen.got.iter().any(|had| had == label) {
            seen.got.push(label.to_owned());
        }
    }
}

/// What he sends to become the first user.
fn attempt(client: &Client, label: &str, site: &str) -> RequestBuilder {
    let post = |path: &str| client.post(format!("{site}{path}"));
    match label {
        "blog" => post("/ghost/api/admin/authentication/setup/").json(&json!({ "setup": [{
            "name": "Mallory", "email": EMAIL, "password": PASSWORD, "blogTitle": "Mine" }] })),
        "www" => post("/wp-admin/install.php?step=2").form(&[
            ("weblog_title", "Mine"),
            ("user_name", "mallory"),
            ("admin_password", PASSWORD),
            ("admin_password2", PASSWORD),
            ("admin_email", EMAIL),
            ("pw_weak", "1"),
        ]),
        "tables" => post("/api/v1/auth/user/signup").json(&json!({ "email": EMAIL, "password": PASSWORD })),
        "crm" => post("/jsonrpc").json(&json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": {
            "service": "common", "method": "login", "args": ["odoo", "admin", "admin"] } })),
        "containers" => {
            post("/api/users/admin/init").json(&json!({ "Username": "mallory", "Password": PASSWORD }))
        }
        _ => post("/index.php").form(&[
            ("install", "true"),
            ("adminlogin", "mallory"),
            ("adminpass", PASSWORD),
            ("dbtype", "sqlite"),
        ]),
    }
}

fn succeeded(label: &str, status: u16, body: &str) -> bool {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    match label {
        "blog" | "containers" => status == 200 || status == 201,
        "www" => body.contains("Success!"),
        "tables" => status < 300 && json["token"].is_string(),
        "crm" => json["result"].is_number(),
        _ => status == 200 && body.contains("installation"),
    }
}

impl Seen {
    /// He was really there, at every name, while it was closed and after it was opened; and nothing is his.
    pub(crate) fn judge(&self) -> anyhow::Result<()> {
        println!("     {} rounds; answers: {:?}", self.rounds, self.answers);
        ensure!(self.got.is_empty(), "he owns {}", self.got.join(", "));
        for label in LABELS {
            let answers = self.answers.get(label);
            let open = answers.is_some_and(|by| by.keys().any(|status| *status != 503));
            ensure!(open, "{label} never answered him: {answers:?}");
        }
        Ok(())
    }
}
