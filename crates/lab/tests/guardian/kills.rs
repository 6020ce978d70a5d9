//! Which places kill the agent, and how often the website was started meanwhile.

use anyhow::{Context as _, ensure};
use letsbe_lab::fleet::eventually;

use crate::{PATIENCE, Scene};

/// Around an approved call.
pub(crate) const APPROVED: [&str; 6] =
    ["gate.held", "gate.decided", "gate.taken", "gate.begun", "gate.executed", "gate.finished"];
/// Around a command of the Hub.
pub(crate) const COMMAND: [&str; 4] =
    ["agent.command.begun", "agent.command.done", "agent.command.ended", "agent.command.told"];
/// Around an event on its way to the Hub.
pub(crate) const EVENT: [&str; 3] = ["agent.outbox.kept", "agent.outbox.sent", "agent.outbox.taken"];
/// Around a reservation and its settlement.
pub(crate) const RESERVATION: [&str; 3] =
    ["agent.tokens.reserved", "agent.tokens.settling", "agent.tokens.settled"];
/// Around the count that the Hub is told.
pub(crate) const COUNT: [&str; 2] = ["agent.tokens.telling", "agent.tokens.told"];

const LOG: &str = "/opt/letsbe/state/agent-crashes.log";
const DROP_IN: &str = "[Unit]\nStartLimitIntervalSec=0\n\
                       [Service]\nRestartSec=100ms\nEnvironment=LETSBE_CRASH_LOG=/opt/letsbe/state/agent-crashes.log\n";
/// One line per start of the website's container.
const STARTS: &str = "/root/starts";

fn all() -> impl Iterator<Item = &'static str> {
    APPROVED.into_iter().chain(COMMAND).chain(EVENT).chain(RESERVATION).chain(COUNT)
}

/// From here on the agent dies where it is told to, and starts of the website are counted.
pub(crate) async fn prepare(scene: &Scene<'_>) -> anyhow::Result<()> {
    let host = &scene.host;
    arm(scene, &[]).await?;
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
        Ok((starts(scene).await? > 0).then_some(()))
    })
    .await?;
    host.exec(&["systemctl", "restart", "letsbe-agent.service"]).await?;
    Ok(())
}

/// From now on each of these kills the agent once, and no other place does.
pub(crate) async fn arm(scene: &Scene<'_>, points: &[&str]) -> anyhow::Result<()> {
    let spared: String =
        all().filter(|point| !points.contains(point)).map(|point| format!("{point}\n")).collect();
    // Replaced in one go: to an agent that finds no log every place is new.
    let replace = format!("cat > {LOG}.new && mv {LOG}.new {LOG}");
    scene.host.exec_with_input(&["sh", "-c", &replace], spared.as_bytes()).await?;
    Ok(())
}

/// Waits until the agent was killed at all of these.
pub(crate) async fn struck(scene: &Scene<'_>, points: &[&str]) -> anyhow::Result<()> {
    let hit = eventually("the kills", PATIENCE, || async {
        let log = scene.host.exec(&["cat", LOG]).await?;
        Ok(points.iter().all(|point| log.lines().any(|line| line == *point)).then_some(()))
    });
    hit.await.with_context(|| format!("the agent was not killed at all of {points:?}"))
}

/// How often the website's container was started since the preparation.
pub(crate) async fn starts(scene: &Scene<'_>) -> anyhow::Result<usize> {
    Ok(scene.host.exec(&["cat", STARTS]).await?.lines().count())
}

/// Waits until the website was started exactly so many times.
pub(crate) async fn started(scene: &Scene<'_>, times: usize) -> anyhow::Result<()> {
    let reached = eventually("the starts of the website", PATIENCE, || async {
        Ok((starts(scene).await? >= times).then_some(()))
    });
    reached.await.with_context(|| format!("{times} starts"))?;
    let counted = starts(scene).await?;
    ensure!(counted == times, "the website was started {counted} times instead of {times}");
    Ok(())
}
