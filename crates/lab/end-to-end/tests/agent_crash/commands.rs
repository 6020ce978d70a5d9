//! A command of the Hub is begun once at most, and the Hub gets one result, or that it was interrupted.

use anyhow::{Context as _, ensure};
use letsbe_lab::fleet::eventually;
use letsbe_types::{tenant::CommandOutcome, tenants::CommandEntry};

use crate::{
    PATIENCE, Scene,
    kills::{self, arm, started, struck},
};

/// Where the agent is killed, whether the website is restarted, and whether the command is told as done.
const CASES: [(&str, usize, bool); 4] = [
    ("agent.command.begun", 0, false),
    ("agent.command.done", 1, false),
    ("agent.command.ended", 1, true),
    ("agent.command.told", 1, true),
];

pub(crate) async fn once(scene: &Scene<'_>) -> anyhow::Result<()> {
    kills::tells_all(scene, "agent.command", CASES.iter().map(|case| case.0))?;
    let mut expected = kills::starts(scene).await?;
    for (point, restarts, done) in CASES {
        arm(scene, &[point]).await?;
        let ended = command(scene, &["restart", "static-website"]).await.context(point)?;
        struck(scene, &[point]).await?;
        let as_told = match &ended.outcome {
            Some(CommandOutcome::Done { .. }) => done,
            Some(CommandOutcome::Interrupted) => !done,
            _ => false,
        };
        ensure!(as_told, "killed at {point}, it ended as {ended:?}");
        expected += restarts;
        started(scene, expected).await.context(point)?;
    }
    // All at once, events too: each of the first places ends a command of its own.
    let all = scene.points(&["agent.command", "agent.event"]);
    arm(scene, &all).await?;
    for place in ["begun", "done"] {
        let ended = command(scene, &["report"]).await?;
        let interrupted = matches!(ended.outcome, Some(CommandOutcome::Interrupted));
        ensure!(interrupted, "killed when it was {place}: {ended:?}");
    }
    command(scene, &["report"]).await?;
    struck(scene, &all).await?;
    arm(scene, &[]).await?;
    let last = command(scene, &["report"]).await?;
    ensure!(matches!(last.outcome, Some(CommandOutcome::Done { .. })), "{last:?}");
    started(scene, expected).await?;
    begun_once(scene).await
}

/// Gives a command and waits for its result.
async fn command(scene: &Scene<'_>, work: &[&str]) -> anyhow::Result<CommandEntry> {
    let before = scene.store.commands(scene.order.summary.id).await?.len();
    scene.letsbe(&[&["tenants", "command", scene.domain(), "--no-wait"], work].concat()).await?;
    let commands = scene.store.commands(scene.order.summary.id).await?;
    ensure!(commands.len() == before + 1, "{} commands instead of {}", commands.len(), before + 1);
    let id = commands[0].id;
    eventually("the command's result", PATIENCE, || async {
        let commands = scene.store.commands(scene.order.summary.id).await?;
        Ok(commands.into_iter().find(|command| command.id == id && command.outcome.is_some()))
    })
    .await
}

async fn begun_once(scene: &Scene<'_>) -> anyhow::Result<()> {
    let journal = scene.host.exec(&["cat", "/opt/letsbe/state/commands.jsonl"]).await?;
    for command in scene.store.commands(scene.order.summary.id).await? {
        let id = command.id.to_string();
        let lines =
            |word: &str| journal.lines().filter(|line| line.contains(word) && line.contains(&id)).count();
        let (begun, ended) = (lines("\"line\":\"begun\""), lines("\"line\":\"ended\""));
        ensure!(begun == 1 && ended == 1, "{id} was begun {begun} times and ended {ended} times");
    }
    Ok(())
}
