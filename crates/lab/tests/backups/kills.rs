//! Killed, cut off, and left alone by the far side: former sets stay, the next run heals, the status says so.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, ensure};
use letsbe_lab::{content, fleet::eventually};
use letsbe_types::{
    backup::{Ending, RemoteSync},
    ids::SetId,
};

use crate::server::{LOCAL, NODE, Server};

/// Where the unit of a backup may write.
const LOG: &str = "/var/log/letsbe/crashed";
const PATIENCE: Duration = Duration::from_secs(120);

async fn hit(server: &Server<'_>) -> anyhow::Result<BTreeSet<String>> {
    Ok(server.host.exec(&["cat", LOG]).await?.lines().map(str::to_owned).collect())
}

pub(crate) async fn nothing_stands_still(server: &Server<'_>) -> anyhow::Result<()> {
    let paused = server.shell("docker ps --filter status=paused --format '{{.Names}}'").await?;
    ensure!(paused.trim().is_empty(), "left standing still: {paused}");
    Ok(())
}

pub(crate) async fn backups(server: &Server<'_>) -> anyhow::Result<()> {
    let before = server.sets("ghost").await?;
    // Half a set of long ago is something to forget.
    let old = "backup /etc/hostname --time '2026-01-01 02:00:00' --tag tool=ghost,kind=manual,item=files:content,set=";
    server.restic(LOCAL, &format!("{old}{}", SetId::generate())).await?;
    let (ended, kills) = server.node_to_the_end(&["backup", "run", "--tool", "ghost"], LOG).await?;
    ended.succeeded()?;
    let hit = hit(server).await?;
    let points = letsbe_lab::crash::points(&server.host, "backup").await?;
    let missed: Vec<&String> = points.difference(&hit).collect();
    ensure!(kills > 5 && missed.is_empty(), "killed {kills} times, never at {missed:?}; hit: {hit:?}");
    nothing_stands_still(server).await?;
    let status = server.status().await?;
    ensure!(status.status == Ending::Success && status.remote_sync == RemoteSync::Success, "{status:?}");
    let after = server.sets("ghost").await?;
    for set in &before {
        ensure!(after.iter().any(|other| other["set"] == set["set"]), "a former set is gone: {set}");
    }
    Ok(())
}

pub(crate) async fn restores(server: &Server<'_>) -> anyhow::Result<()> {
    server.node(&["backup", "run", "--tool", "nocodb"]).await?.succeeded()?;
    let good = content::inventory(&server.host).await?;
    content::postgres(&server.host, "nocodb", "DELETE FROM bakery_orders;").await?;
    let at = server.sets("nocodb").await?.last().context("a set")?["taken_at"]
        .as_str()
        .context("its time")?
        .to_owned();
    let (ended, kills) = server.node_to_the_end(&["restore", "--tool", "nocodb", "--at", &at], LOG).await?;
    ended.succeeded()?;
    let hit = hit(server).await?;
    let points = letsbe_lab::crash::points(&server.host, "restore").await?;
    let missed: Vec<&String> = points.difference(&hit).collect();
    ensure!(kills > 3 && missed.is_empty(), "killed {kills} times, never at {missed:?}; hit: {hit:?}");
    let after = content::inventory(&server.host).await?;
    ensure!(after == good, "{after:?}");
    Ok(())
}

pub(crate) async fn database_dies(server: &Server<'_>) -> anyhow::Result<()> {
    server.host.exec(&["docker", "kill", "letsbe-ghost-db"]).await?;
    let called = server.node(&["backup", "run"]).await?;
    ensure!(called.code != 0, "a run without a database counts as good: {}", called.stdout);
    let status = server.status().await?;
    ensure!(
        status.status == Ending::Partial && status.errors.iter().any(|line| line.contains("ghost")),
        "{status:?}"
    );
    ensure!(
        status.tools["ghost"].problem.is_some() && status.tools["nocodb"].problem.is_none(),
        "{status:?}"
    );
    ensure!(status.tools["ghost"].set.is_some(), "the former set still counts");
    nothing_stands_still(server).await?;
    server.host.exec(&["docker", "start", "letsbe-ghost-db"]).await?;
    healthy(server, "letsbe-ghost-db").await?;
    server.node(&["backup", "run", "--tool", "ghost"]).await?.succeeded()?;
    ensure!(server.status().await?.tools["ghost"].problem.is_none());
    Ok(())
}

async fn healthy(server: &Server<'_>, container: &str) -> anyhow::Result<()> {
    let inspect = ["docker", "inspect", "--format", "{{.State.Health.Status}}", container];
    eventually(container, PATIENCE, async || {
        Ok((server.host.exec(&inspect).await.unwrap_or_default() == "healthy").then_some(()))
    })
    .await
}

pub(crate) async fn power_cut(server: &Server<'_>) -> anyhow::Result<()> {
    let before = server.sets("wordpress").await?;
    content::change(&server.host).await?;
    let container = server.host.container.clone();
    let run = tokio::spawn(async move {
        let arguments = ["exec", &container, NODE, "backup", "run", "--tool", "wordpress"];
        tokio::process::Command::new("docker").args(arguments).output().await
    });
    eventually("a dump is under way", PATIENCE, async || {
        let found = server.host.exec(&["pgrep", "-f", "backup dump"]).await;
        Ok(found.is_ok().then_some(()))
    })
    .await?;
    server.host.cut_power().await?;
    run.await??;
    server.host.power_on().await?;
    for container in ["letsbe-wordpress", "letsbe-ghost", "letsbe-nocodb"] {
        healthy(server, container).await?;
    }
    nothing_stands_still(server).await?;
    server.node(&["backup", "run", "--tool", "wordpress"]).await?.succeeded()?;
    let after = server.sets("wordpress").await?;
    ensure!(before.iter().all(|set| after.iter().any(|other| other["set"] == set["set"])), "{after:?}");
    server.node(&["backup", "prove", "--tool", "wordpress"]).await?.succeeded()?;
    nothing_stands_still(server).await
}

pub(crate) async fn far_side_away(server: &Server<'_>) -> anyhow::Result<()> {
    content::change(&server.host).await?;
    server.site.lab.storage.take_away().await?;
    let called = server.node(&["backup", "run", "--tool", "nocodb"]).await;
    let status = server.status().await;
    server.site.lab.storage.bring_back().await?;
    let (called, status) = (called?, status?);
    ensure!(called.code != 0, "a run without its copy counts as good");
    ensure!(status.remote_sync == RemoteSync::Failed && status.status == Ending::Partial, "{status:?}");
    ensure!(status.tools.values().all(|tool| tool.problem.is_none()), "the local sets are made: {status:?}");
    server.node(&["backup", "run", "--tool", "nocodb"]).await?.succeeded()?;
    let status = server.status().await?;
    ensure!(status.remote_sync == RemoteSync::Success && status.remote_at.is_some(), "{status:?}");
    Ok(())
}
