//! Where OpenClaw gets to, and where not.

use anyhow::{Context as _, ensure};

use crate::Server;

/// More than this is too much in a release build, MiB (DESIGN section 7 and the slack of one page cache).
const PROXY_MIB: u64 = 30;
const AGENT_MIB: u64 = 40;

/// Asks an address from inside OpenClaw's container; prints the status, or why there is none.
const FETCH: &str = "const [url, key] = process.argv.slice(1);
    const headers = key ? { authorization: 'Bearer ' + key } : {};
    const post = url.includes('/v1/chat') || url.includes('/mcp');
    const body = post ? '{\"model\":\"default\",\"messages\":[]}' : undefined;
    if (post) { headers['content-type'] = 'application/json'; headers.accept = 'application/json, text/event-stream'; }
    fetch(url, { method: post ? 'POST' : 'GET', headers, body, signal: AbortSignal.timeout(2000) })
      .then(reply => console.log(reply.status), error => console.log('none: ' + error.message))
      .then(() => process.exit());";

async fn fetch(server: &Server<'_>, url: &str, key: &str) -> anyhow::Result<String> {
    let words = ["docker", "exec", "letsbe-openclaw", "node", "-e", FETCH, url];
    let command: Vec<&str> = words.into_iter().chain(Some(key).filter(|key| !key.is_empty())).collect();
    Ok(server.host.exec(&command).await?.trim().to_owned())
}

pub(crate) async fn out(server: &Server<'_>) -> anyhow::Result<()> {
    let hub = format!("{}/healthz", server.fleet.hub.url);
    ensure!(
        server.host.exec(&["curl", "-sf", &hub]).await.is_ok(),
        "the server itself does not reach the Hub"
    );
    let provider = server.fleet.models.base_url();
    let registry = server.fleet.lab.registry.mirror.clone();
    for url in [hub.as_str(), &provider, &registry, "http://1.1.1.1/"] {
        let said = fetch(server, url, "").await?;
        ensure!(said.starts_with("none"), "{url} answered {said}");
    }
    let names =
        "require('dns').lookup('bakery.example.com', (error, found) => console.log(error ? 'none' : found))";
    let said = server.host.exec(&["docker", "exec", "letsbe-openclaw", "node", "-e", names]).await?;
    ensure!(said.trim() == "none", "a name of the outside was found: {said}");
    // The way in works all the same.
    server.host.exec(&["curl", "-sf", "http://127.0.0.1:18789/health"]).await?;
    Ok(())
}

pub(crate) async fn refused(server: &Server<'_>) -> anyhow::Result<()> {
    let key = |name: &str| server.secrets.get("openclaw", name).map(|key| key.expose().clone());
    let model = key("model_key").context("the key for models")?;
    let gate = key("gate_key").context("the key for the gate")?;
    let proxy = "http://letsbe-secrets-proxy:8100";
    for (path, key, status) in [
        ("/v1/chat/completions", "wrong", "401"),
        ("/v1/chat/completions", "", "401"),
        ("/v1/chat/completions", gate.as_str(), "401"),
        ("/mcp", "wrong", "401"),
        ("/mcp", model.as_str(), "401"),
        ("/v1/files", model.as_str(), "404"),
        ("/health", "", "200"),
    ] {
        let said = fetch(server, &format!("{proxy}{path}"), key).await?;
        ensure!(said == status, "{path}: {said} instead of {status}");
    }
    Ok(())
}

pub(crate) async fn memory(server: &Server<'_>) -> anyhow::Result<()> {
    let proxy = "$(docker inspect --format '{{.State.Pid}}' letsbe-secrets-proxy)";
    let agent = "$(systemctl show --property=MainPID --value letsbe-agent.service)";
    for (name, process, most) in [("secrets proxy", proxy, PROXY_MIB), ("agent", agent, AGENT_MIB)] {
        let line = server.host.script(&format!("grep VmRSS /proc/{process}/status")).await?;
        let kib: u64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
        println!("     {name}: {} MiB resident", kib / 1024);
        ensure!(cfg!(debug_assertions) || kib / 1024 <= most, "the {name} takes {} MiB", kib / 1024);
    }
    Ok(())
}
