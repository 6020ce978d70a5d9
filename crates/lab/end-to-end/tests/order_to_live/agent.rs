//! The agent with its Hub: what the operator sees and asks for, what happens while the Hub is away, and what a
//! revoked key is still good for.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use letsbe_lab::fleet::{ESCROW_IDENTITY, eventually};
use letsbe_types::{
    tenant::{ApprovalState, CommandOutcome, TenantEventKind},
    tenants::{CommandEntry, Health, TenantDetail},
};
use letsbe_vault::REGISTRY_KEY_FILE;
use serde_json::{Value, json};

use crate::{Live, fulfilled::letsbe};

const NODE: &str = "/opt/letsbe/bin/letsbe-node";
const PATIENCE: Duration = Duration::from_secs(120);
/// Updates that are told while the Hub is away.
const UPDATES: usize = 40;

async fn tenant(live: &Live) -> anyhow::Result<TenantDetail> {
    Ok(serde_json::from_str(&letsbe(live, &["tenants", "show", live.domain(), "--json"]).await?)?)
}

/// What the server says of itself.
async fn status(live: &Live) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&live.host.exec(&[NODE, "status", "--json"]).await?)?)
}

/// When a container was started.
async fn started(live: &Live, container: &str) -> anyhow::Result<String> {
    Ok(live.host.exec(&["docker", "inspect", "--format", "{{.State.StartedAt}}", container]).await?)
}

pub(crate) async fn operator_sees_and_acts(live: &Live) -> anyhow::Result<()> {
    letsbe(live, &["tenants", "command", live.domain(), "report"]).await?;
    let before = tenant(live).await?;
    ensure!(before.summary.containers == 11 && before.summary.containers_not_ok == 0, "{:?}", before.summary);
    let heartbeat = before.heartbeat.context("no heartbeat")?;
    ensure!(heartbeat.vault.secrets > 5 && heartbeat.vault.proxy_ready, "{:?}", heartbeat.vault);
    let plan =
        letsbe(live, &["tenants", "command", live.domain(), "--plan", "restart", "static-website"]).await?;
    ensure!(
        plan.contains("static-website") && tenant(live).await?.commands.len() == before.commands.len(),
        "{plan}"
    );
    let was = started(live, "letsbe-static-website").await?;
    letsbe(live, &["tenants", "command", live.domain(), "restart", "static-website"]).await?;
    ensure!(started(live, "letsbe-static-website").await? != was, "it was not restarted");
    let told = tenant(live).await?;
    let done = |entry: &CommandEntry| matches!(entry.outcome, Some(CommandOutcome::Done { .. }));
    ensure!(
        told.commands.len() == before.commands.len() + 1 && done(&told.commands[0]),
        "{:?}",
        told.commands
    );
    let list = letsbe(live, &["tenants", "list"]).await?;
    ensure!(list.contains(live.domain()), "{list}");
    Ok(())
}

/// Whoever holds the escrow's secret half gets the two keys from what the Hub keeps; the Hub cannot read it.
pub(crate) async fn keys_are_in_escrow(live: &Live) -> anyhow::Result<()> {
    let sealed = eventually("the escrow", PATIENCE, || async {
        Ok(letsbe(live, &["tenants", "escrow", live.domain()]).await.ok())
    })
    .await?;
    let identity = std::fs::read_to_string(live.fleet.folder.path().join(ESCROW_IDENTITY))?;
    let identity: age::x25519::Identity = identity.trim().parse().map_err(anyhow::Error::msg)?;
    let opened = String::from_utf8(age::decrypt(&identity, sealed.trim().as_bytes())?)?;
    let key = live.host.exec(&["cat", REGISTRY_KEY_FILE]).await?;
    ensure!(opened.contains(&format!("registry_key={}\n", key.trim())), "another registry key is in escrow");
    ensure!(
        opened.lines().any(|line| line.starts_with("backup_repository_key=")),
        "no backup key is in escrow"
    );
    Ok(())
}

/// Whatever happens while the Hub is away happens, and the Hub hears all of it, once.
pub(crate) async fn nothing_is_lost_while_the_hub_is_away(live: &Live) -> anyhow::Result<()> {
    let was = started(live, "letsbe-static-website").await?;
    // Given, and not yet done when the Hub goes: it must be done once, now or later.
    letsbe(live, &["tenants", "command", live.domain(), "--no-wait", "restart", "static-website"]).await?;
    live.fleet.hub.take_away().await;
    let meanwhile = meanwhile(live).await;
    live.fleet.hub.bring_back().await?;
    let approval = meanwhile?;
    let told = eventually("the Hub to hear of everything", PATIENCE, || async {
        let tenant = tenant(live).await?;
        let settled = tenant.approvals.iter().find(|entry| entry.approval.id.to_string() == approval);
        let settled = settled.is_some_and(|entry| entry.approval.state == ApprovalState::Done);
        let finished = tenant.commands.iter().all(|command| command.outcome.is_some());
        let updates = updates(&tenant).len();
        Ok((settled && finished && updates == UPDATES).then_some(tenant))
    })
    .await?;
    let mut images = updates(&told);
    images.sort();
    images.dedup();
    ensure!(images.len() == UPDATES, "an update was told twice: {images:?}");
    let newest = &told.commands[0];
    ensure!(matches!(newest.outcome, Some(CommandOutcome::Done { .. })), "the command ended as {newest:?}");
    let again = started(live, "letsbe-static-website").await?;
    ensure!(again != was, "the command was lost");
    let log = live.host.exec(&["cat", "/opt/letsbe/state/commands.jsonl"]).await?;
    let begun =
        log.lines().filter(|line| line.contains("begun") && line.contains(&newest.id.to_string())).count();
    ensure!(begun == 1, "the command was begun {begun} times");
    Ok(())
}

fn updates(tenant: &TenantDetail) -> Vec<String> {
    let image = |event: &TenantEventKind| match event {
        TenantEventKind::UpdateSeen { update } if update.image.starts_with("test/") => {
            Some(update.image.clone())
        }
        _ => None,
    };
    tenant.events.iter().filter_map(|entry| image(&entry.event)).collect()
}

/// Updates are seen, tools are asked, and an approval is given on the server: gives its id.
async fn meanwhile(live: &Live) -> anyhow::Result<String> {
    for number in 0..UPDATES {
        let body = json!({
            "diun_version": "4.29.0", "hostname": "tenant", "status": "update", "provider": "docker",
            "image": format!("test/image-{number}:2"), "digest": format!("sha256:{number:064x}"),
        });
        post(live, "/webhooks/diun", None, &body).await?;
    }
    let key = live.host.exec(&[NODE, "vault", "get", "openclaw/gate_key"]).await?;
    let key = Some(key.trim());
    let containers = json!({ "agent": "test", "verb": "list_containers" });
    let answer = post(live, "/api/v1/tools/execute", key, &containers).await?;
    ensure!(answer["data"]["status"] == "done", "{answer}");
    let restart = json!({ "agent": "test", "verb": "restart", "tool": "uptime-kuma" });
    let answer = post(live, "/api/v1/tools/execute", key, &restart).await?;
    ensure!(answer["data"]["status"] == "waiting", "{answer}");
    let approval = answer["data"]["approval"].as_str().context("no approval")?.to_owned();
    let was = started(live, "letsbe-uptime-kuma").await?;
    live.host.exec(&[NODE, "approvals", "approve", &approval]).await?;
    eventually("the restart", PATIENCE, || async {
        Ok((started(live, "letsbe-uptime-kuma").await? != was).then_some(()))
    })
    .await?;
    let away = eventually("the agent to say that the Hub is away", PATIENCE, || async {
        let status = status(live).await?;
        Ok((!status["agent"]["hub"]["away_since"].is_null()).then_some(()))
    });
    away.await?;
    Ok(approval)
}

/// Asks the proxy's door from the server itself.
async fn post(live: &Live, path: &str, key: Option<&str>, body: &Value) -> anyhow::Result<Value> {
    let answer = live.host.ask_proxy(path, key, body).await?;
    serde_json::from_str(&answer).or_else(|_| Ok(Value::String(answer)))
}

/// The key is useless at once, the agent says so, and the tenant goes on.
async fn is_refused(live: &Live) -> anyhow::Result<()> {
    letsbe(live, &["tenants", "revoke", live.domain(), "--yes"]).await?;
    live.host.exec(&["systemctl", "restart", "letsbe-agent.service"]).await?;
    eventually("the agent to say that it is refused", PATIENCE, || async {
        let status = status(live).await?;
        Ok((!status["agent"]["hub"]["refused"].is_null()).then_some(()))
    })
    .await?;
    let said = live.host.exec(&[NODE, "status"]).await?;
    ensure!(said.contains("refused"), "{said}");
    ensure!(tenant(live).await?.summary.health == Health::Revoked, "the Hub shows something else");
    let health: Value =
        serde_json::from_str(&live.host.exec(&["curl", "--silent", "http://127.0.0.1:8100/health"]).await?)?;
    ensure!(health["vault"] == "ready", "the tenant stands still: {health}");
    Ok(())
}

/// A run of the Hub gives a server whose key was revoked a new one.
async fn registers_again(live: &Live) -> anyhow::Result<()> {
    letsbe(live, &["tenants", "converge", live.domain(), "--yes"]).await?;
    eventually("the Hub to hear the server again", PATIENCE, || async {
        Ok((tenant(live).await?.summary.health != Health::Revoked).then_some(()))
    })
    .await
}

pub(crate) async fn a_revoked_key(live: &Live) -> anyhow::Result<()> {
    is_refused(live).await?;
    registers_again(live).await
}
