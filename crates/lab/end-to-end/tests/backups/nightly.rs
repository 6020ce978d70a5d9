//! Nights: what is made, what travels, what stock programs say to it, and the proofs.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use letsbe_lab::{content, fleet::eventually};
use letsbe_types::backup::{Ending, Proof, Protection, RemoteSync};
use serde_json::Value;

use crate::server::{BUCKET, LOCAL, NAME, Server};

const TIMER: &str = "letsbe-backup.timer";
const SERVICE: &str = "letsbe-backup.service";
/// systemd takes up to a minute to start what was missed.
const SOON: Duration = Duration::from_secs(90);
/// Every tool is proven twice in the first night: from here, and from the copy outside.
const NIGHT: Duration = Duration::from_secs(13 * 60);

/// A property of a unit, as the server shows it.
async fn shown(server: &Server<'_>, unit: &str, property: &str) -> anyhow::Result<String> {
    let property = format!("--property={property}");
    Ok(server.host.exec(&["systemctl", "show", &property, "--value", unit]).await?.trim().to_owned())
}

/// A night that was missed is caught up by the timer, with all that belongs to one.
pub(crate) async fn by_the_timer(server: &Server<'_>) -> anyhow::Result<()> {
    let before = content::inventory(&server.host).await?;
    let next = shown(server, TIMER, "NextElapseUSecRealtime").await?;
    ensure!(next.contains(" 02:00:00 CE"), "the next night in Berlin is to begin at {next}");
    ensure!(shown(server, TIMER, "UnitFileState").await? == "enabled");
    let missed = format!(
        "systemctl stop {TIMER} && touch --date='2 days ago' /var/lib/systemd/timers/stamp-{TIMER} && \
         systemctl start {TIMER}"
    );
    server.shell(&missed).await?;
    eventually("the timer starts the night", SOON, async || {
        Ok((shown(server, SERVICE, "ActiveState").await? == "activating").then_some(()))
    })
    .await?;
    for (property, value) in [("MemoryMax", "1073741824"), ("Nice", "10"), ("CPUWeight", "20")] {
        ensure!(shown(server, SERVICE, property).await? == value, "{property} is not {value}");
    }
    eventually("the night ends", NIGHT, async || {
        let state = shown(server, SERVICE, "ActiveState").await?;
        Ok((state == "inactive" || state == "failed").then_some(()))
    })
    .await?;
    let log = server.shell(&format!("journalctl --unit {SERVICE} --lines 40 --output cat")).await?;
    ensure!(shown(server, SERVICE, "Result").await? == "success", "{log}");
    stored(server).await?;
    proven(server).await?;
    let check = server.status().await?.check.context("no share of the data was read")?;
    ensure!(check.parts == 7 && check.part < 7 && check.damage.is_empty(), "{check:?}");
    ensure!(content::inventory(&server.host).await? == before, "a night changed the tools themselves");
    nothing_is_left(server).await
}

async fn stored(server: &Server<'_>) -> anyhow::Result<()> {
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
    let kinds: Vec<Value> = server.sets("nocodb").await?.iter().map(|set| set["kind"].clone()).collect();
    ensure!(kinds == ["nightly"], "{kinds:?}");
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

/// Never proven is due: all of it.
async fn proven(server: &Server<'_>) -> anyhow::Result<()> {
    let status = server.status().await?;
    for (tool, told) in &status.tools {
        ensure!(told.proven_set == told.set && told.proof_problem.is_none(), "{tool}: {told:?}");
        let outside = told.outside.as_ref().with_context(|| format!("{tool} was not proven from outside"))?;
        ensure!(outside.proven_set == told.set && outside.problem.is_none(), "{tool}: {outside:?}");
    }
    let evidence = server.shell("cat /opt/letsbe/backups/proofs.jsonl").await?;
    let proofs: Vec<Proof> = evidence.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for outside in [false, true] {
        let of_it = |proof: &&Proof| proof.tool == "nocodb" && proof.outside.is_some() == outside;
        let nocodb = proofs.iter().rev().filter(of_it).find(|proof| proof.holds());
        let nocodb = nocodb.with_context(|| format!("no evidence for NocoDB, outside: {outside}"))?;
        ensure!(nocodb.equal.iter().any(|line| line.contains("rows in")), "{nocodb:?}");
        ensure!(nocodb.steps.iter().any(|step| step.name == "probe" && step.milliseconds > 0), "{nocodb:?}");
    }
    Ok(())
}

/// No containers, volumes or networks of stages.
async fn nothing_is_left(server: &Server<'_>) -> anyhow::Result<()> {
    let line = "docker ps --all --format '{{.Names}}' --filter name=stage; docker volume ls --quiet --filter \
                name=stage; docker network ls --format '{{.Name}}' --filter name=stage";
    let left = server.shell(line).await?;
    ensure!(left.trim().is_empty(), "stages are left: {left}");
    Ok(())
}
