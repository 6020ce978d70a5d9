//! Whoever has the agent's key can speak as this one server, and do nothing else.

use anyhow::{Context as _, ensure};
use letsbe_types::ids::{ApprovalId, OrderId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::Server;

pub(crate) async fn useless(server: &Server<'_>) -> anyhow::Result<()> {
    let state = server.host.exec(&["cat", "/opt/letsbe/state/agent.json"]).await?;
    let state: Value = serde_json::from_str(&state)?;
    let key = state["agent_key"].as_str().context("no key")?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let ask = async |method: Method, path: String, body: Option<Value>| {
        let request = http.request(method, format!("{}{path}", server.fleet.hub.url)).bearer_auth(key);
        let request = body.iter().fold(request, |request, body| request.json(body));
        anyhow::Ok(request.send().await?.status())
    };
    // It is the real key.
    let own = ask(Method::GET, "/api/v1/tenant/commands?wait=0".to_owned(), None).await?;
    ensure!(own == StatusCode::OK, "the key itself is refused with {own}");
    let commands = server.store.commands(server.order.summary.id).await?.len();
    let (here, other) = (server.order.summary.id, OrderId::generate());
    let configuration = json!({
        "autonomy": 3, "external_unlocked": ["wordpress"], "token_pool": 1_000_000_000_u64, "openclaw_version": null,
    });
    let mut closed = vec![(Method::GET, "/api/v1/admin/tenants".to_owned(), None)];
    closed.push((Method::GET, "/api/v1/admin/orders".to_owned(), None));
    for tenant in [here, other] {
        let path = |rest: &str| format!("/api/v1/admin/tenants/{tenant}{rest}");
        closed.extend(
            ["", "/configuration", "/commands", "/approvals", "/escrow"]
                .map(|rest| (Method::GET, path(rest), None)),
        );
        let approval = path(&format!("/approvals/{}", ApprovalId::generate()));
        closed.extend([
            (Method::POST, path("/commands"), Some(json!({ "do": "restart_tool", "tool": "nocodb" }))),
            (Method::PUT, path("/configuration"), Some(configuration.clone())),
            (Method::POST, approval, Some(json!({ "approve": true }))),
            (Method::POST, path("/revoke"), None),
            (
                Method::POST,
                format!("/api/v1/admin/orders/{tenant}/actions"),
                Some(json!({ "action": "retry" })),
            ),
        ]);
    }
    for (method, path, body) in closed {
        let status = ask(method.clone(), path.clone(), body).await?;
        ensure!(status == StatusCode::UNAUTHORIZED, "{method} {path} is answered with {status}");
    }
    let elsewhere = format!("/api/v1/tenant/commands?wait=0&tenant={other}");
    let elsewhere = ask(Method::GET, elsewhere, None).await?;
    ensure!(elsewhere == StatusCode::BAD_REQUEST, "another tenant's commands are answered with {elsewhere}");
    let given = json!({ "commands": [{ "do": "restart_tool", "tool": "nocodb" }] });
    let given = ask(Method::POST, "/api/v1/tenant/commands".to_owned(), Some(given)).await?;
    ensure!(given == StatusCode::METHOD_NOT_ALLOWED, "a command that is given is answered with {given}");
    let after = server.store.commands(here).await?.len();
    ensure!(after == commands, "a stolen key made {} commands", after - commands);
    let pages = ask(Method::GET, format!("/tenants/{here}"), None).await?;
    ensure!(pages == StatusCode::SEE_OTHER, "the operator's page is answered with {pages}");
    Ok(())
}
