//! A command of the Hub is begun once at most, and the Hub gets one result, or that it was interrupted.

use anyhow::{Context as _, ensure};
use letsbe_lab::fleet::eventually;
use letsbe_types::{tenant::CommandOutcome, tenants::CommandEntry};

use crate::{
    PATIENCE, Server,
    kills::{self, arm, started, struck},
};

/// Where the agent is killed, whether the website is restarted, and whether the command is told as done.
const CASES: [(&str, usize, bool); 4] = [
    ("agent.command.begun", 0, false),
    ("agent.command.done", 1, false),
    ("agent.command.ended", 1, true),
    ("agent.command.told", 1, true),
];

pub(crate) async fn once(server: &Server<'_>) -> anyhow::Result<()> {
    kills::tells_all(server, "agent.command", CASES.iter().map(|case| case.0))?;
    let mut expected = kills::starts(server).await?;
    for (point, restarts, done) in CASES {
        arm(server, &[point]).await?;
        let ended = command(server, &["restart", "static-website"]).await.context(point)?;
        struck(server, &[point]).await?;
        let as_told = match &ended.outcome {
            Some(CommandOutcome::Done { .. }) => done,
            Some(CommandOutcome::Interrupted) => !done,
            _ => false,
        };
        ensure!(as_told, "killed at {point}, it ended as {ended:?}");
        expected += restarts;
        started(server, expected).await.context(point)?;
    }
    // All at once, events too: each of the first places ends a command of its own.
    let all = server.points(&["agent.command", "agent.event"]);
    arm(server, &all).await?;
    for place in ["begun", "done"] {
        let ended = command(server, &["report"]).await?;
        let interrupted = matches!(ended.outcome, Some(CommandOutcome::Interrupted));
        ensure!(interrupted, "killed when it was {place}: {ended:?}");
    }
    command(server, &["report"]).await?;
    struck(server, &all).await?;
    arm(server, &[]).await?;
    let last = command(server, &["report"]).await?;
    ensure!(matches!(last.outcome, Some(CommandOutcome::Done { .. })), "{last:?}");
    started(server, expected).await?;
    begun_once(server).await
}

/// Gives a command and waits for its result.
async fn command(server: &Server<'_>, work: &[&str]) -> anyhow::Result<CommandEntry> {
    let before = server.store.commands(server.order.summary.id).await?.len();
    server.letsbe(&[&["tenants", "command", server.domain(), "--no-wait"], work].concat()).await?;
    let commands = server.store.commands(server.order.summary.id).await?;
    ensure!(commands.len() == before + 1, "{} commands instead of {}", commands.len(), before + 1);
    let id = commands[0].id;
    eventually("the command's result", PATIENCE, || async {
        let commands = server.store.commands(server.order.summary.id).await?;
        Ok(commands.into_iter().find(|command| command.id == id && command.outcome.is_some()))
    })
    .await
}

async fn begun_once(server: &Server<'_>) -> anyhow::Result<()> {
    let journal = server.host.exec(&["cat", "/opt/letsbe/state/commands.jsonl"]).await?;
    for command in server.store.commands(server.order.summary.id).await? {
        let id = command.id.to_string();
        let lines =
            |word: &str| journal.lines().filter(|line| line.contains(word) && line.contains(&id)).count();
        let (begun, ended) = (lines("\"line\":\"begun\""), lines("\"line\":\"ended\""));
        ensure!(begun == 1 && ended == 1, "{id} was begun {begun} times and ended {ended} times");
    }
    Ok(())
}
