//! OpenClaw is moved to other releases: one that works, through a kill at every point, and one that does not.

use anyhow::{Context as _, ensure};
use letsbe_lab::docker::DockerError;
use letsbe_simulators::models::Answer;
use serde_json::Value;

use crate::{NODE, Server};

/// More calls than there are points to be killed at.
const CALLS: usize = 20;
const CRASHES: &str = "/var/log/letsbe-openclaw-crashes.log";

async fn update(server: &Server<'_>, to: &str) -> Result<String, DockerError> {
    server.host.exec(&[NODE, "openclaw", "update", "--to", to, "--force"]).await
}

async fn status(server: &Server<'_>) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&server.host.exec(&[NODE, "openclaw", "status", "--json"]).await?)?)
}

/// What was said before is still known.
async fn remembers(server: &Server<'_>) -> anyhow::Result<()> {
    let turn = server.say("Do you remember this morning?", vec![Answer::text("I do.")]).await?;
    ensure!(turn.sent().contains("Good morning!"), "the conversation is lost");
    Ok(())
}

pub(crate) async fn moved(server: &Server<'_>) -> anyhow::Result<()> {
    let before = server.started_at("letsbe-openclaw").await?;
    let refusal = update(server, "v2026.12").await.err().context("there is no such release")?.to_string();
    ensure!(refusal.contains("CLAW003"), "{refusal}");
    let plan =
        server.host.exec(&[NODE, "openclaw", "update", "--to", "v2026.10", "--plan", "--force"]).await?;
    ensure!(plan.contains("v2026.9 → v2026.10"), "{plan}");
    ensure!(
        server.started_at("letsbe-openclaw").await? == before,
        "a refusal or a plan touched the container"
    );

    let variable = format!("{}={CRASHES}", letsbe_types::crash::LOG_VARIABLE);
    let command = ["env", &variable, NODE, "openclaw", "update", "--to", "v2026.10", "--force", "--json"];
    let mut calls = 0;
    while let Err(error) = server.host.exec(&command).await {
        calls += 1;
        ensure!(calls < CALLS, "{error}");
    }
    let hit = server.host.exec(&["cat", CRASHES]).await.unwrap_or_default();
    println!("     killed at: {}", hit.split_whitespace().collect::<Vec<_>>().join(", "));
    let killed = |point: &str| hit.lines().any(|line| line == point);
    for point in letsbe_lab::crash::points(&server.host, "openclaw.update").await? {
        ensure!(killed(&point), "it was not killed at {point}");
    }
    let status = status(server).await?;
    ensure!(status["release"] == "v2026.10" && status["healthy"] == true, "{status}");
    ensure!(status["version"].as_str().is_some_and(|version| version.contains("2026.9.6")), "{status}");
    let copy = server.host.script("stat -c %a /opt/letsbe/backups/openclaw-pre-update.tar.gz").await?;
    ensure!(copy.trim() == "600", "the copy of the state has mode {copy}");
    remembers(server).await?;
    // A run that knows only the catalog's release leaves it where it is.
    let again = server.fleet.provision(&server.fleet.job_again(&server.order).await?).await?;
    ensure!(again.success, "{}", again.output);
    let image =
        server.host.exec(&["docker", "inspect", "--format", "{{.Config.Image}}", "letsbe-openclaw"]).await?;
    ensure!(image.trim() == "letsbe/openclaw:2026.10", "a provisioning run moved it to {image}");
    Ok(())
}

pub(crate) async fn undone(server: &Server<'_>) -> anyhow::Result<()> {
    let refusal = update(server, "v2026.11").await.err().context("it was taken for good")?.to_string();
    ensure!(refusal.contains("CLAW005") && refusal.contains("v2026.10 is back"), "{refusal}");
    // By what it does, not by a name: the program calls itself as its image declares.
    ensure!(!refusal.contains("calls itself"), "it was refused for its label: {refusal}");
    let status = status(server).await?;
    ensure!(status["release"] == "v2026.10" && status["healthy"] == true, "{status}");
    ensure!(status["last_update"]["problem"]["code"] == "CLAW005", "{status}");
    let spoiled =
        server.host.exec(&["docker", "exec", "letsbe-openclaw", "ls", "/home/node/.openclaw"]).await?;
    ensure!(!spoiled.contains("spoiled"), "the state is the broken release's: {spoiled}");
    remembers(server).await?;
    let older = update(server, "v2026.9").await.err().context("an older release was taken")?.to_string();
    ensure!(older.contains("CLAW002"), "{older}");
    Ok(())
}
