//! Root on the tenant's server, who wants to hide what was done.

use anyhow::ensure;
use letsbe_gate::{Chain, Entry};
use serde_json::json;

use crate::{NODE, Target};

const LOG: &str = "/var/log/letsbe/gate.jsonl";

/// Two lines are forged, and the whole chain after them made anew: sound in itself, and not what the Hub was told.
pub(crate) async fn rewrites_the_log(target: &Target) -> anyhow::Result<()> {
    let host = &target.host;
    // Lines that are worth forging.
    let key = target.secret("openclaw", "gate_key").await?;
    let listing = json!({ "agent": "mallory", "verb": "list_containers" });
    for _ in 0..2 {
        host.ask_proxy("/api/v1/tools/execute", Some(&key), &listing).await?;
    }
    // So that the Hub has a head that is younger than the forged lines.
    target.tenant().await?;
    let mut chain = Chain::default();
    let mut forged = String::new();
    let (mut lines, mut changed) = (0, 0);
    for line in host.exec(&["cat", LOG]).await?.lines() {
        let mut entry: Entry = serde_json::from_str(line)?;
        lines += 1;
        if entry.agent == "mallory" && changed < 2 {
            entry.agent = "it-admin".to_owned();
            changed += 1;
        }
        let (line, after) = chain.seal(entry)?;
        forged.push_str(&line);
        chain = after;
    }
    ensure!(changed == 2, "there was nothing to forge in {lines} lines");
    // Into the same file: the agent holds it open.
    host.exec(&["systemctl", "stop", "letsbe-agent.service"]).await?;
    host.exec_with_input(&["sh", "-c", &format!("cat > {LOG}")], forged.as_bytes()).await?;
    host.exec(&["systemctl", "start", "letsbe-agent.service"]).await?;
    host.exec(&[NODE, "gate", "verify"]).await?;
    target.is_seen("the command gate's log was cut or rewritten").await
}
