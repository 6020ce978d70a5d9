//! Nights: what is made, what travels, what stock programs say to it, and the proofs.

use anyhow::{Context as _, ensure};
use letsbe_lab::content;
use letsbe_types::backup::{Ending, Proof, Protection, RemoteSync};

use crate::server::{BUCKET, LOCAL, NAME, Server};

pub(crate) async fn first(server: &Server<'_>) -> anyhow::Result<()> {
    server.call(&["/opt/letsbe/scripts/backups.sh"], None).await?.succeeded()?;
    let status = server.status().await?;
    ensure!(status.status == Ending::Success && status.errors.is_empty(), "{status:?}");
    ensure!(status.remote_sync == RemoteSync::Success && status.files_backed_up, "{status:?}");
    ensure!(status.databases_backed_up == 3 && status.total_size_gb > 0.2, "{status:?}");
    ensure!(status.protection == Some(Protection::Locked { days: 35 }), "{:?}", status.protection);
    for tool in content::TOOLS.iter().chain(&["nginx", "openclaw", "letsbe"]) {
        let told = status.tools.get(*tool).with_context(|| format!("{tool} is missing: {status:?}"))?;
        ensure!(told.set.is_some() && told.problem.is_none() && told.bytes > 0, "{tool}: {told:?}");
    }
    ensure!(status.tools["wordpress"].files > u64::from(content::FILES), "{:?}", status.tools["wordpress"]);
    ensure!(status.tools["nocodb"].rows > u64::from(content::ROWS), "{:?}", status.tools["nocodb"]);
    let words = "cat /opt/letsbe/backups/backup-status.json | jq -r .status";
    ensure!(server.shell(words).await?.trim() == "success");
    let paused = server.shell("docker ps --filter status=paused --quiet").await?;
    ensure!(paused.trim().is_empty(), "containers are left standing still: {paused}");
    Ok(())
}

pub(crate) async fn stock_restic_accepts(server: &Server<'_>) -> anyhow::Result<()> {
    let outside = format!("s3:{}/{BUCKET}/{NAME}", server.site.lab.storage.endpoint);
    for repository in [LOCAL, &outside] {
        let checked = server.restic(repository, "check --read-data").await?;
        ensure!(checked.contains("no errors were found"), "{repository}: {checked}");
    }
    server
        .restic(&outside, "restore latest --tag tool=wordpress,item=files:content --target /root/stock")
        .await?;
    let found = server
        .shell("find /root/stock -name 'menu f*' | wc -l; find /root/stock -size +199M | wc -l")
        .await?;
    let counts: Vec<&str> = found.split_whitespace().collect();
    ensure!(counts == [content::FILES.to_string().as_str(), "1"], "{found}");
    server.shell("rm -rf /root/stock").await?;
    Ok(())
}

pub(crate) async fn second_is_small(server: &Server<'_>) -> anyhow::Result<()> {
    let first = server.status().await?;
    content::change(&server.host).await?;
    server.call(&["/opt/letsbe/scripts/backups.sh"], None).await?.succeeded()?;
    let second = server.status().await?;
    ensure!(second.status == Ending::Success && second.remote_sync == RemoteSync::Success, "{second:?}");
    let share = second.added_bytes * 100 / first.added_bytes.max(1);
    ensure!(share <= 15, "the second night added {share} % of the first one's {} bytes", first.added_bytes);
    ensure!(server.sets("ghost").await?.len() >= 2);
    Ok(())
}

pub(crate) async fn one_tool(server: &Server<'_>) -> anyhow::Result<()> {
    let (ghost, nocodb) = (server.sets("ghost").await?.len(), server.sets("nocodb").await?.len());
    server.call(&["/opt/letsbe/scripts/backups.sh", "--tool", "ghost"], None).await?.succeeded()?;
    ensure!(server.sets("ghost").await?.len() == ghost + 1);
    ensure!(server.sets("nocodb").await?.len() == nocodb);
    let plan = server.call(&["/opt/letsbe/scripts/backups.sh", "--plan"], None).await?.succeeded()?;
    ensure!(plan.stdout.contains("wordpress") && plan.stdout.contains("nocodb"), "{}", plan.stdout);
    ensure!(server.sets("ghost").await?.len() == ghost + 1, "a plan makes nothing");
    Ok(())
}

pub(crate) async fn proofs(server: &Server<'_>) -> anyhow::Result<()> {
    let before = content::inventory(&server.host).await?;
    server.node(&["backup", "prove", "--all", "--json"]).await?.succeeded()?;
    let status = server.status().await?;
    for (tool, told) in &status.tools {
        ensure!(told.proven_at.is_some() && told.proof_problem.is_none(), "{tool}: {told:?}");
    }
    let evidence = server.shell("cat /opt/letsbe/backups/proofs.jsonl").await?;
    let proofs: Vec<Proof> = evidence.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of = |tool: &str| proofs.iter().rev().find(|proof| proof.tool == tool && proof.holds());
    let nocodb = of("nocodb").context("no evidence for NocoDB")?;
    ensure!(nocodb.equal.iter().any(|line| line.contains("rows in")), "{nocodb:?}");
    ensure!(nocodb.steps.iter().any(|step| step.name == "probe" && step.milliseconds > 0), "{nocodb:?}");
    ensure!(content::inventory(&server.host).await? == before, "a proof changed the tools themselves");
    nothing_is_left(server).await
}

/// No containers, volumes or networks of stages.
async fn nothing_is_left(server: &Server<'_>) -> anyhow::Result<()> {
    let line = "docker ps --all --format '{{.Names}}' --filter name=stage; docker volume ls --quiet --filter \
                name=stage; docker network ls --format '{{.Name}}' --filter name=stage";
    let left = server.shell(line).await?;
    ensure!(left.trim().is_empty(), "stages are left: {left}");
    Ok(())
}
