//! What waits for a person is decided on the server itself, with the Hub away, and then done.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use letsbe_lab::fleet::eventually;
use serde_json::{Value, json};

use crate::{NODE, Server, attacks::PLACEHOLDER};

const PATIENCE: Duration = Duration::from_secs(60);

/// Models are asked through the Hub; what they asked for is decided and done without it.
pub(crate) async fn without_the_hub(server: &Server<'_>) -> anyhow::Result<()> {
    restart(server).await?;
    secret_in_a_command(server).await
}

async fn away<T>(
    server: &Server<'_>,
    meanwhile: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    server.fleet.hub.take_away().await;
    let result = meanwhile.await;
    server.fleet.hub.bring_back().await?;
    result
}

async fn approve(server: &Server<'_>, answer: &Value) -> anyhow::Result<String> {
    let id = answer["approval"].as_str().with_context(|| format!("nothing to approve: {answer}"))?.to_owned();
    server.host.exec(&[NODE, "approvals", "approve", &id]).await?;
    Ok(id)
}

async fn restart(server: &Server<'_>) -> anyhow::Result<()> {
    let before = server.started_at("letsbe-ghost").await?;
    let answer = server.call("Ghost is slow. Restart it.", "restart", json!({ "tool": "ghost" })).await?;
    ensure!(answer["status"] == "waiting" && answer["class"] == "YELLOW", "at level 1: {answer}");
    ensure!(server.started_at("letsbe-ghost").await? == before, "it was restarted unasked");
    let decided = async {
        approve(server, &answer).await?;
        eventually("the restart", PATIENCE, || async {
            Ok((server.started_at("letsbe-ghost").await? != before).then_some(()))
        })
        .await
    };
    away(server, decided).await
}

/// The model names the secret; the gate puts it in at the last moment and takes it out of what comes back, here out
/// of the words of a command that fails.
async fn secret_in_a_command(server: &Server<'_>) -> anyhow::Result<()> {
    let script = "test \"$PW\" = \"$MYSQL_PASSWORD\" && echo they are the same >&2; \
                  echo refused for $PW >&2; printf %s \"$PW\" | base64 >&2; exit 3";
    let arguments = json!({
        "tool": "ghost", "service": "db", "command": ["sh", "-c", script], "env": { "PW": PLACEHOLDER },
    });
    let answer = server.call("Try the password that you have.", "run", arguments).await?;
    ensure!(answer["status"] == "waiting" && answer["class"] == "CRITICAL_RED", "{answer}");
    let decided = async {
        let ended = async || {
            let log = server.gate_log().await?;
            anyhow::Ok(log.iter().filter(|entry| entry["phase"] == "ended").count())
        };
        let before = ended().await?;
        let id = approve(server, &answer).await?;
        eventually("the command's end in the log", PATIENCE, || async {
            Ok((ended().await? > before).then_some(()))
        })
        .await?;
        Ok(id)
    };
    let id = away(server, decided).await?;
    let told = eventually("the command's end", PATIENCE, || async {
        let asked = json!({ "approval": id });
        let answer = server.call("Is it done?", "approval_status", asked).await?;
        Ok((answer["status"] == "done").then_some(answer))
    })
    .await?;
    let text = told.to_string();
    ensure!(text.contains("they are the same"), "the secret was not put in: {text}");
    ensure!(text.matches(PLACEHOLDER).count() >= 2, "the secret was not taken out again: {text}");
    ensure!(!text.contains(server.password()?.expose().as_str()), "the password came back");
    let log = server.gate_log().await?;
    for phase in ["held", "decided", "begun", "ended"] {
        ensure!(log.iter().any(|entry| entry["phase"] == phase), "the gate's log has no {phase:?}");
    }
    server.host.exec(&[NODE, "gate", "verify"]).await.map(drop).context("the log's chain")
}
