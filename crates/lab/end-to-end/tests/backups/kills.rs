//! Killed, cut off, and left alone by the far side: former sets stay, the next run heals, the status says so.

use std::{collections::BTreeSet, process::Output, time::Duration};

use anyhow::{Context as _, ensure};
use letsbe_lab::{content, fleet::eventually};
use letsbe_types::{
    backup::{Ending, RemoteSync},
    ids::SetId,
};

use tokio::task::JoinHandle;

use crate::server::{LOCAL, NODE, Server};

/// Where the unit of a backup may write.
const LOG: &str = "/var/log/letsbe/crashed";
/// Bounds that a person has set.
const LIMITS: &str = "/opt/letsbe/state/backup-limits.json";
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

pub(crate) async fn proofs(server: &Server<'_>) -> anyhow::Result<()> {
    server.node(&["backup", "run", "--tool", "nginx"]).await?.succeeded()?;
    let mut all = BTreeSet::new();
    let here = ["backup", "prove", "--tool", "nginx"];
    for words in [&here[..], &[&here[..], &["--remote"]].concat()] {
        let (ended, kills) = server.node_to_the_end(words, LOG).await?;
        ended.succeeded()?;
        ensure!(kills == 3, "{words:?} was killed {kills} times");
        all.extend(hit(server).await?);
    }
    let points = letsbe_lab::crash::points(&server.host, "proof").await?;
    // That one is not a proof's own.
    let missed: Vec<&String> = points.difference(&all).filter(|point| !point.contains(".share.")).collect();
    ensure!(missed.is_empty(), "never killed at {missed:?}; hit: {all:?}");
    let told = &server.status().await?.tools["nginx"];
    let outside = told.outside.as_ref().context("nothing is said of the copy outside")?;
    ensure!(told.proven_set == told.set && outside.proven_set == told.set, "{told:?}");
    Ok(())
}

pub(crate) async fn database_dies(server: &Server<'_>) -> anyhow::Result<()> {
    // The dump comes to a table that somebody holds: then it is in the middle, whatever the machine is busy with.
    let host = server.host.clone();
    let held = tokio::spawn(async move {
        drop(content::mysql(&host, "ghost", "LOCK TABLES members WRITE; SELECT SLEEP(300);").await);
    });
    let waits = async |state: &str, what: &str| {
        let count =
            format!("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE '{state}%';");
        eventually(what, PATIENCE, || async {
            let found = content::mysql(&server.host, "ghost", &count).await.unwrap_or_default();
            Ok((!found.trim().is_empty() && found.trim() != "0").then_some(()))
        })
        .await
    };
    waits("User sleep", "the table is held").await?;
    let called = started(server, &["backup", "run"]);
    waits("Waiting for table metadata lock", "the dump stands before the table").await?;
    server.host.exec(&["docker", "kill", "letsbe-ghost-db"]).await?;
    ensure!(!called.await??.status.success(), "a run whose database died counts as good");
    held.await?;
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

/// The node at work, not waited for.
fn started(server: &Server<'_>, arguments: &[&str]) -> JoinHandle<std::io::Result<Output>> {
    let mut command = tokio::process::Command::new("docker");
    command.args(["exec", &server.host.container, NODE]).args(arguments);
    tokio::spawn(async move { command.output().await })
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
    let run = started(server, &["backup", "run", "--tool", "wordpress"]);
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
    // Enough for the copy to be met on its way.
    let film = "/var/lib/docker/volumes/letsbe-nocodb_content/_data/film.bin";
    server.shell(&format!("head -c 400000000 /dev/urandom > {film}")).await?;
    server.shell(&format!("echo '{{\"give_up_seconds\": 20}}' > {LIMITS}")).await?;
    let before = server.sets("nocodb").await?.len();
    let called = started(server, &["backup", "run", "--tool", "nocodb"]);
    let copying = eventually("the copy is under way", PATIENCE, async || {
        Ok(server.host.exec(&["pgrep", "-f", "restic .* copy "]).await.is_ok().then_some(()))
    });
    copying.await?;
    server.site.lab.storage.take_away().await?;
    let called = called.await;
    let status = server.status().await;
    server.site.lab.storage.bring_back().await?;
    server.shell(&format!("rm {film} {LIMITS}")).await?;
    let (called, status) = (called??, status?);
    ensure!(!called.status.success(), "a run without its copy counts as good");
    let made = server.sets("nocodb").await?;
    ensure!(made.len() == before + 1, "one set was made: {made:?}");
    let made = made.last().context("a set")?["set"].clone();
    ensure!(status.remote_sync == RemoteSync::Failed && status.status == Ending::Partial, "{status:?}");
    ensure!(status.tools.values().all(|tool| tool.problem.is_none()), "the local sets are made: {status:?}");
    server.node(&["backup", "run", "--tool", "nocodb"]).await?.succeeded()?;
    let status = server.status().await?;
    ensure!(status.remote_sync == RemoteSync::Success && status.remote_at.is_some(), "{status:?}");
    let outside = server.node(&["backup", "list", "--remote", "--tool", "nocodb"]).await?.succeeded()?.stdout;
    let id = made.as_str().context("its id")?;
    ensure!(outside.contains(id), "the set of the run that was cut off is not outside: {id}: {outside}");
    Ok(())
}
