//! Which places kill the agent, and how often the website was started meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use letsbe_lab::{crash, fleet::eventually, hosts::Host};

use crate::{PATIENCE, Server};

/// What the agent is at when it is killed.
const WORKS: [&str; 5] = ["gate.call", "agent.command", "agent.event", "agent.reservation", "agent.count"];

/// Where the agent can be killed, by what it is at.
pub(crate) type Points = BTreeMap<&'static str, BTreeSet<String>>;

const LOG: &str = "/opt/letsbe/state/agent-crashes.log";
const DROP_IN: &str = "[Unit]\nStartLimitIntervalSec=0\n\
                       [Service]\nRestartSec=100ms\nEnvironment=LETSBE_CRASH_LOG=/opt/letsbe/state/agent-crashes.log\n";
/// One line per start of the website's container.
const STARTS: &str = "/root/starts";

/// What the agent on this server says of itself.
pub(crate) async fn points(host: &Host) -> anyhow::Result<Points> {
    let mut points = Points::new();
    for work in WORKS {
        points.insert(work, crash::points(host, work).await?);
    }
    Ok(points)
}

/// That a table of what comes of each kill leaves no point out.
pub(crate) fn tells_all<'a>(
    server: &Server<'_>,
    work: &str,
    table: impl Iterator<Item = &'a str>,
) -> anyhow::Result<()> {
    let told: BTreeSet<&str> = table.collect();
    let points = server.points(&[work]);
    ensure!(points.iter().all(|point| told.contains(point)), "{told:?} instead of {points:?}");
    Ok(())
}

/// From here on the agent dies where it is told to, and starts of the website are counted.
pub(crate) async fn prepare(server: &Server<'_>) -> anyhow::Result<()> {
    let host = &server.host;
    arm(server, &[]).await?;
    host.exec(&["mkdir", "-p", "/etc/systemd/system/letsbe-agent.service.d"]).await?;
    host.write_file("/etc/systemd/system/letsbe-agent.service.d/kills.conf", "644", DROP_IN.as_bytes())
        .await?;
    host.exec(&["systemctl", "daemon-reload"]).await?;
    let count = format!(
        "exec docker events --filter container=letsbe-static-website --filter event=start \
         --format '{{{{.TimeNano}}}}' > {STARTS}"
    );
    host.exec(&["systemd-run", "--quiet", "--unit=lab-starts", "sh", "-c", &count]).await?;
    // The count works when it counts this.
    eventually("the count of starts", PATIENCE, || async {
        host.exec(&["docker", "restart", "--time", "1", "letsbe-static-website"]).await?;
        Ok((starts(server).await? > 0).then_some(()))
    })
    .await?;
    host.exec(&["systemctl", "restart", "letsbe-agent.service"]).await?;
    Ok(())
}

/// From now on each of these kills the agent once, and no other place does.
pub(crate) async fn arm(server: &Server<'_>, points: &[&str]) -> anyhow::Result<()> {
    let spared: String = server
        .points(&WORKS)
        .iter()
        .filter(|point| !points.contains(point))
        .map(|point| format!("{point}\n"))
        .collect();
    // Replaced in one go: to an agent that finds no log every place is new.
    let replace = format!("cat > {LOG}.new && mv {LOG}.new {LOG}");
    server.host.exec_with_input(&["sh", "-c", &replace], spared.as_bytes()).await?;
    Ok(())
}

/// Waits until the agent was killed at all of these.
pub(crate) async fn struck(server: &Server<'_>, points: &[&str]) -> anyhow::Result<()> {
    let hit = eventually("the kills", PATIENCE, || async {
        let log = server.host.exec(&["cat", LOG]).await?;
        Ok(points.iter().all(|point| log.lines().any(|line| line == *point)).then_some(()))
    });
    hit.await.with_context(|| format!("the agent was not killed at all of {points:?}"))
}

/// How often the website's container was started since the preparation.
pub(crate) async fn starts(server: &Server<'_>) -> anyhow::Result<usize> {
    Ok(server.host.exec(&["cat", STARTS]).await?.lines().count())
}

/// Waits until the website was started exactly so many times.
pub(crate) async fn started(server: &Server<'_>, times: usize) -> anyhow::Result<()> {
    let reached = eventually("the starts of the website", PATIENCE, || async {
        Ok((starts(server).await? >= times).then_some(()))
    });
    reached.await.with_context(|| format!("{times} starts"))?;
    let counted = starts(server).await?;
    ensure!(counted == times, "the website was started {counted} times instead of {times}");
    Ok(())
}
