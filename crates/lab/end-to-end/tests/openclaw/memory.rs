//! The AI team's memory was deleted: a restore brings it back, and can be undone.

use anyhow::{Context as _, ensure};
use letsbe_simulators::models::Answer;
use serde_json::Value;

use crate::{NODE, Server};

const RESTORE: &str = "/opt/letsbe/scripts/restore.sh";
/// Where OpenClaw keeps what it was told.
const AGENTS: &str = "/var/lib/docker/volumes/letsbe-openclaw_state/_data/agents";

/// Whether a model is still told what was said at first.
async fn remembers(server: &Server<'_>) -> anyhow::Result<bool> {
    let turn = server.say("What did I say first?", vec![Answer::text("I will think.")]).await?;
    Ok(turn.sent().contains("Good morning!"))
}

pub(crate) async fn comes_back(server: &Server<'_>) -> anyhow::Result<()> {
    server.host.exec(&[NODE, "backup", "run", "--tool", "openclaw"]).await?;
    server.host.script(&format!("rm -r {AGENTS}")).await?;
    let started = server.started_at("letsbe-openclaw").await?;
    let plan = server.host.exec(&[RESTORE, "--tool", "openclaw", "--plan"]).await?;
    ensure!(plan.contains("openclaw: set"), "{plan}");
    let refusal = server.host.exec(&[NODE, "restore", "--tool", "letsbe"]).await.err();
    let refusal = refusal.context("the vault was restored alone")?.to_string();
    ensure!(refusal.contains("RES010"), "{refusal}");
    ensure!(server.started_at("letsbe-openclaw").await? == started, "a plan or a refusal touched it");

    let restored = server.host.exec(&[RESTORE, "--tool", "openclaw", "--json"]).await?;
    let restored: Value = serde_json::from_str(&restored).context(restored)?;
    ensure!(restored["tools"][0]["files"].as_u64() > Some(0), "{restored}");
    ensure!(remembers(server).await?, "the memory did not come back");

    server.host.exec(&[RESTORE, "undo", "--tool", "openclaw"]).await?;
    ensure!(!remembers(server).await?, "what was there before the restore did not come back");
    Ok(())
}
