//! The AI team's memory was deleted: a restore brings it back, and can be undone.

use anyhow::{Context as _, ensure};
use letsbe_simulators::models::Answer;
use serde_json::Value;

use crate::{NODE, Scene};

const RESTORE: &str = "/opt/letsbe/scripts/restore.sh";
/// Where OpenClaw keeps what it was told.
const AGENTS: &str = "/var/lib/docker/volumes/letsbe-openclaw_state/_data/agents";

/// Whether a model is still told what was said at first.
async fn remembers(scene: &Scene<'_>) -> anyhow::Result<bool> {
    let turn = scene.say("What did I say first?", vec![Answer::text("I will think.")]).await?;
    Ok(turn.sent().contains("Good morning!"))
}

pub(crate) async fn comes_back(scene: &Scene<'_>) -> anyhow::Result<()> {
    scene.host.exec(&[NODE, "backup", "run", "--tool", "openclaw"]).await?;
    scene.host.script(&format!("rm -r {AGENTS}")).await?;
    let started = scene.started_at("letsbe-openclaw").await?;
    let plan = scene.host.exec(&[RESTORE, "--tool", "openclaw", "--plan"]).await?;
    ensure!(plan.contains("openclaw: set"), "{plan}");
    let refusal = scene.host.exec(&[NODE, "restore", "--tool", "letsbe"]).await.err();
    let refusal = refusal.context("the vault was restored alone")?.to_string();
    ensure!(refusal.contains("RES010"), "{refusal}");
    ensure!(scene.started_at("letsbe-openclaw").await? == started, "a plan or a refusal touched it");

    let restored = scene.host.exec(&[RESTORE, "--tool", "openclaw", "--json"]).await?;
    let restored: Value = serde_json::from_str(&restored).context(restored)?;
    ensure!(restored["tools"][0]["files"].as_u64() > Some(0), "{restored}");
    ensure!(remembers(scene).await?, "the memory did not come back");

    scene.host.exec(&[RESTORE, "undo", "--tool", "openclaw"]).await?;
    ensure!(!remembers(scene).await?, "what was there before the restore did not come back");
    Ok(())
}
