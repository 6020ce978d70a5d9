//! Whoever has a server's keys at the Hub: the agent's, and the one for models.

use anyhow::{Context as _, ensure};
use letsbe_types::tenants::SealedKeys;
use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde_json::{Value, json};

use crate::{NODE, Target};

/// Number of an event that no server has come to yet.
const FAR: u64 = 1_000_000_000;

fn client() -> anyhow::Result<Client> {
    Ok(Client::builder().no_proxy().redirect(Policy::none()).build()?)
}

async fn agent_key(target: &Target) -> anyhow::Result<String> {
    let state = target.host.exec(&["cat", "/opt/letsbe/state/agent.json"]).await?;
    let state: Value = serde_json::from_str(&state)?;
    Ok(state["agent_key"].as_str().context("no key of the agent")?.to_owned())
}

/// Each key at every other place.
pub(crate) async fn opens_nothing(target: &Target) -> anyhow::Result<()> {
    let (http, hub) = (client()?, &target.fleet.hub.url);
    let relay = target.host.exec(&[NODE, "vault", "get", "models/lab"]).await?.trim().to_owned();
    let agent = agent_key(target).await?;
    ensure!(relay != *target.fleet.hub.model_key().expose(), "the provider's own key lies on the server");
    let order = target.order;
    for key in [&relay, &agent] {
        for (method, path) in [
            (Method::GET, "/api/v1/admin/tenants".to_owned()),
            (Method::GET, format!("/api/v1/admin/tenants/{order}/escrow")),
            (Method::POST, format!("/api/v1/admin/tenants/{order}/revoke")),
            (Method::POST, format!("/api/v1/admin/tenants/{order}/relay-key")),
            (Method::GET, "/api/v1/admin/orders".to_owned()),
        ] {
            let status =
                http.request(method.clone(), format!("{hub}{path}")).bearer_auth(key).send().await?.status();
            ensure!(status == StatusCode::UNAUTHORIZED, "{method} {path}: {status}");
        }
    }
    let commands = format!("{hub}/api/v1/tenant/commands?wait=0");
    let own = http.get(&commands).bearer_auth(&agent).send().await?.status();
    ensure!(own == StatusCode::OK, "the agent's own key is answered with {own}");
    let other = http.get(&commands).bearer_auth(&relay).send().await?.status();
    ensure!(other == StatusCode::UNAUTHORIZED, "the key for models reads commands: {other}");
    Ok(())
}

/// Garbage in the place of keys, and a number that would burn all those before it: nothing that was there goes.
pub(crate) async fn keeps_escrow(target: &Target) -> anyhow::Result<()> {
    let (http, key) = (client()?, agent_key(target).await?);
    let list = async || {
        let listed = target.letsbe(&["tenants", "escrow", &target.domain, "--list", "--json"]).await?;
        anyhow::Ok(serde_json::from_str::<Vec<SealedKeys>>(&listed)?)
    };
    let before = list().await?;
    let real = before.last().context("the server has sealed no keys")?.sealed.clone();
    let url = format!("{}/api/v1/tenant/events", target.fleet.hub.url);
    let send = async |events: Vec<Value>| {
        anyhow::Ok(
            http.post(&url).bearer_auth(&key).json(&json!({ "events": events })).send().await?.status(),
        )
    };
    let at = chrono::Utc::now();
    let garbage = |number: u64| {
        let sealed = format!("garbage {number}\u{1b}]0;owned\u{7}");
        json!({ "sequence": FAR + number, "at": at,
            "event": { "kind": "escrowed", "sealed": sealed, "recipients": ["age1x"] } })
    };
    let status = send((0..10).map(garbage).collect()).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "garbage for keys is answered with {status}");
    let rotated = |sequence: u64, at: &str| json!({ "sequence": sequence, "at": at, "kind": "rotated", "tool": "ghost", "secrets": 1, "problem": null });
    let status = send(vec![rotated(FAR, &at.to_rfc3339())]).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "a number that leaps is answered with {status}");
    let after = list().await?;
    ensure!(after.iter().any(|keys| keys.sealed == real), "the server's own keys are gone");
    ensure!(after.iter().all(|keys| !keys.sealed.contains("garbage")), "garbage is kept for keys");
    target.is_seen("keys in escrow").await
}
