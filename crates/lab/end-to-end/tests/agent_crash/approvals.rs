//! What waits for a person is done once after the word, or told as interrupted; never twice.

use anyhow::{Context as _, ensure};
use letsbe_lab::fleet::eventually;
use letsbe_types::{ids::ApprovalId, tenant::ApprovalState};
use serde_json::{Value, json};

use crate::{
    NODE, PATIENCE, Server,
    kills::{self, arm, started, struck},
};

/// Where the agent is killed, whether the website is restarted, and what is told of it.
const CASES: [(&str, usize, &str); 6] = [
    ("gate.held", 1, "done"),
    ("gate.decided", 1, "done"),
    ("gate.taken", 0, "failed"),
    ("gate.begun", 0, "failed"),
    ("gate.executed", 1, "failed"),
    ("gate.finished", 1, "done"),
];

pub(crate) async fn once(server: &Server<'_>) -> anyhow::Result<()> {
    kills::tells_all(server, "gate.call", CASES.iter().map(|case| case.0))?;
    let mut expected = kills::starts(server).await?;
    let mut approvals = Vec::new();
    for (point, restarts, told) in CASES {
        arm(server, &[point]).await?;
        let (id, status) = call(server).await.context(point)?;
        struck(server, &[point]).await?;
        ensure!(status == told, "killed at {point}: {status} instead of {told}");
        expected += restarts;
        started(server, expected).await.context(point)?;
        approvals.push(id);
    }
    // All at once: whatever comes of it, it is not done twice.
    arm(server, &server.points(&["gate.call", "agent.event"])).await?;
    let (id, status) = call(server).await.context("all points")?;
    approvals.push(id);
    struck(server, &["gate.held", "gate.decided", "gate.taken", "agent.outbox.kept"]).await?;
    ensure!(status == "failed", "killed when it was taken, it is {status}");
    arm(server, &[]).await?;
    started(server, expected).await?;
    logged(server, &approvals).await?;
    eventually("the Hub to hear of every approval", PATIENCE, || async {
        let known = server.store.approvals(server.order.summary.id).await?;
        let done = |id: &String| {
            let same = |entry: &&letsbe_types::tenants::ApprovalEntry| entry.approval.id.to_string() == *id;
            known.iter().filter(same).filter(|entry| entry.approval.state == ApprovalState::Done).count() == 1
        };
        Ok((known.len() == approvals.len() && approvals.iter().all(done)).then_some(()))
    })
    .await
}

/// Has the website restarted, asked and allowed again and again until it is taken; the approval and how it ended.
async fn call(server: &Server<'_>) -> anyhow::Result<(String, String)> {
    let key =
        eventually("the gate's key", PATIENCE, || async { Ok(server.key("gate_key").await.ok()) }).await?;
    let asked = json!({ "agent": "test", "verb": "restart", "tool": "static-website" });
    let answer = eventually("the gate's answer", PATIENCE, || async {
        Ok(server.post("/api/v1/tools/execute", Some(&key), &asked).await)
    });
    let answer = answer.await?["data"].clone();
    ensure!(answer["status"] == "waiting" && answer["class"] == "YELLOW", "at level 1: {answer}");
    let id: ApprovalId = serde_json::from_value(answer["approval"].clone()).context("no approval")?;
    let id = id.to_string();
    let approve = [NODE, "approvals", "approve", &id];
    eventually("the approval", PATIENCE, || async { Ok(server.host.exec(&approve).await.ok()) }).await?;
    let status = eventually("the end of the call", PATIENCE, || async {
        let Ok(held) = server.host.exec(&[NODE, "approvals", "show", &id, "--json"]).await else {
            return Ok(None);
        };
        let held: Value = serde_json::from_str(&held)?;
        Ok(held["kept"]["answer"]["status"].as_str().map(str::to_owned))
    });
    let status = status.await?;
    Ok((id, status))
}

/// The log's chain is whole; each call was decided in it, and begun once at most.
async fn logged(server: &Server<'_>, approvals: &[String]) -> anyhow::Result<()> {
    server.host.exec(&[NODE, "gate", "verify"]).await.context("the log's chain")?;
    let log = server.host.exec(&["cat", "/var/log/letsbe/gate.jsonl"]).await?;
    let log: Vec<Value> = log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for id in approvals {
        let count = |phase: &str| {
            let same = |entry: &&Value| entry["approval"] == id.as_str() && entry["phase"] == phase;
            log.iter().filter(same).count()
        };
        let (decided, begun, ended) = (count("decided"), count("begun"), count("ended"));
        ensure!(decided >= 1, "{id}: nobody can see who decided");
        ensure!(begun <= 1 && ended <= begun, "{id} was begun {begun} times and ended {ended} times");
    }
    Ok(())
}
