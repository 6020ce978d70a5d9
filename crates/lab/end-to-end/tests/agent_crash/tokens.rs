//! What the provider says was used is what the Hub counts, to the token.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use letsbe_lab::fleet::eventually;
use letsbe_simulators::models::{Answer, Fault};
use letsbe_types::{tenant::TokenSign, tenants::TokenUse};
use serde_json::json;

use crate::{
    PATIENCE, Server,
    kills::{arm, struck},
};

/// Answers that are wanted.
const ANSWERS: usize = 20;
/// Of them, for each time that every place kills.
const ROUND: usize = 4;

/// Most tokens of an answer.
const OUTPUT_MOST: u64 = 64;

/// Tokens and requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    input: u64,
    output: u64,
    requests: u64,
}

pub(crate) async fn once(server: &Server<'_>) -> anyhow::Result<()> {
    let said = Arc::new(Mutex::new(Sum::default()));
    say(server, Arc::clone(&said));
    let said = || *said.lock().unwrap_or_else(PoisonError::into_inner);
    let key = server.key("model_key").await?;
    while_the_agent_dies(server, &key, said).await?;
    when_the_proxy_dies(server, &key, said).await
}

/// The model's answers, and what they cost.
fn say(server: &Server<'_>, saying: Arc<Mutex<Sum>>) {
    // Each answer costs something else, so that none can stand in for another.
    server.fleet.models.script(move |_| {
        let mut said = saying.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = (1_000 + (1 << said.requests.min(20)), 7 + said.requests);
        said.input += input;
        said.output += output;
        said.requests += 1;
        Answer::text("Good.").using(input, output)
    });
}

async fn while_the_agent_dies(server: &Server<'_>, key: &str, said: impl Fn() -> Sum) -> anyhow::Result<()> {
    let before = counted(&server.tenant().await?.tokens_by_hour);
    let used_before = sign(server).await?.used;
    let points = server.points(&["agent.reservation", "agent.count"]);
    for _ in 0..ANSWERS / ROUND {
        arm(server, &points).await?;
        futures::future::try_join_all((0..ROUND).map(|_| answered(server, key))).await?;
        server.letsbe(&["tenants", "command", server.domain(), "--no-wait", "report"]).await?;
        struck(server, &points).await?;
    }
    arm(server, &[]).await?;
    let said = said();
    ensure!(said.requests >= ANSWERS as u64, "only {} requests arrived", said.requests);
    let wanted = Sum {
        input: before.input + said.input,
        output: before.output + said.output,
        requests: before.requests + said.requests,
    };
    let mut last = Sum::default();
    for _ in 0..10 {
        server.letsbe(&["tenants", "command", server.domain(), "report"]).await?;
        let tenant = server.tenant().await?;
        last = counted(&tenant.tokens_by_hour);
        let tokens = tenant.heartbeat.context("no heartbeat")?.tokens;
        if last == wanted && tokens.reserved == 0 {
            let used = tokens.used - used_before;
            ensure!(used == said.input + said.output, "the agent counts {used} for {said:?}");
            println!("     {} requests, {} tokens", said.requests, used);
            return Ok(());
        }
    }
    anyhow::bail!("the Hub counts {last:?} instead of {wanted:?}")
}

/// Nobody can say what the request cost whose proxy died: it stays held, in full, until it is charged.
async fn when_the_proxy_dies(server: &Server<'_>, key: &str, said: impl Fn() -> Sum) -> anyhow::Result<()> {
    let models = &server.fleet.models;
    let (said_before, before, requests) = (said(), sign(server).await?, models.requests().len());
    models.faults(|faults| faults.next.push_back(Fault::Hang));
    let request = body();
    let asked = server.post("/v1/chat/completions", Some(key), &request);
    let killed = async {
        eventually("the request", PATIENCE, || async {
            Ok((models.requests().len() > requests).then_some(()))
        })
        .await?;
        let kill = "kill -9 $(docker inspect --format '{{.State.Pid}}' letsbe-secrets-proxy)";
        anyhow::Ok(server.host.exec(&["sh", "-c", kill]).await?)
    };
    let (answer, killed) = futures::join!(asked, killed);
    killed?;
    ensure!(answer.is_none(), "a dead proxy answered: {answer:?}");
    server.host.exec(&["systemctl", "kill", "--signal=KILL", "letsbe-agent.service"]).await?;
    answered(server, key).await?;
    let said = said();
    let used = said.input + said.output - said_before.input - said_before.output;
    eventually("the count after it", PATIENCE, || async {
        server.letsbe(&["tenants", "command", server.domain(), "report"]).await?;
        let now = sign(server).await?;
        ensure!(now.used <= before.used + used, "{now:?} after {before:?} and {used}");
        Ok((now.used == before.used + used && now.reserved > OUTPUT_MOST).then_some(()))
    })
    .await
}

/// The count as the last heartbeat says it.
async fn sign(server: &Server<'_>) -> anyhow::Result<TokenSign> {
    Ok(server.tenant().await?.heartbeat.context("no heartbeat")?.tokens)
}

fn body() -> serde_json::Value {
    let message = json!({ "role": "user", "content": "Is it good?" });
    json!({ "model": "default", "max_tokens": OUTPUT_MOST, "messages": [message] })
}

fn counted(hours: &[TokenUse]) -> Sum {
    hours.iter().fold(Sum::default(), |sum, hour| Sum {
        input: sum.input + hour.input,
        output: sum.output + hour.output,
        requests: sum.requests + hour.requests,
    })
}

/// Asks until there is an answer: while the agent is away the proxy refuses.
async fn answered(server: &Server<'_>, key: &str) -> anyhow::Result<()> {
    let body = body();
    eventually("an answer of the model", PATIENCE, || async {
        Ok(server.post("/v1/chat/completions", Some(key), &body).await)
    })
    .await
    .map(drop)
}
