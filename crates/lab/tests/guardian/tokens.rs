//! What the provider says was used is what the Hub counts, to the token.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use letsbe_lab::{fleet::eventually, models::Answer};
use letsbe_types::tenants::TokenUse;
use serde_json::json;

use crate::{
    PATIENCE, Scene,
    kills::{COUNT, RESERVATION, arm, struck},
};

/// Answers that are wanted.
const ANSWERS: usize = 20;
/// Of them, for each time that every place kills.
const ROUND: usize = 4;

/// Tokens and requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    input: u64,
    output: u64,
    requests: u64,
}

pub(crate) async fn once(scene: &Scene<'_>) -> anyhow::Result<()> {
    let said = Arc::new(Mutex::new(Sum::default()));
    let saying = Arc::clone(&said);
    // Each answer costs something else, so that none can stand in for another.
    scene.fleet.models.script(move |_| {
        let mut said = saying.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = (1_000 + (1 << said.requests.min(20)), 7 + said.requests);
        said.input += input;
        said.output += output;
        said.requests += 1;
        Answer::text("Good.").using(input, output)
    });
    let before = counted(&scene.tenant().await?.tokens_by_hour);
    let used_before = scene.tenant().await?.heartbeat.context("no heartbeat")?.tokens.used;
    let key = scene.key("model_key").await?;
    let points = [&RESERVATION[..], &COUNT[..]].concat();
    for _ in 0..ANSWERS / ROUND {
        arm(scene, &points).await?;
        futures::future::try_join_all((0..ROUND).map(|_| answered(scene, &key))).await?;
        scene.letsbe(&["tenants", "command", scene.domain(), "--no-wait", "report"]).await?;
        struck(scene, &points).await?;
    }
    arm(scene, &[]).await?;
    let said = *said.lock().unwrap_or_else(PoisonError::into_inner);
    ensure!(said.requests >= ANSWERS as u64, "only {} requests arrived", said.requests);
    let wanted = Sum {
        input: before.input + said.input,
        output: before.output + said.output,
        requests: before.requests + said.requests,
    };
    let mut last = Sum::default();
    for _ in 0..10 {
        scene.letsbe(&["tenants", "command", scene.domain(), "report"]).await?;
        let tenant = scene.tenant().await?;
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

fn counted(hours: &[TokenUse]) -> Sum {
    hours.iter().fold(Sum::default(), |sum, hour| Sum {
        input: sum.input + hour.input,
        output: sum.output + hour.output,
        requests: sum.requests + hour.requests,
    })
}

/// Asks until there is an answer: while the agent is away the proxy refuses.
async fn answered(scene: &Scene<'_>, key: &str) -> anyhow::Result<()> {
    let body = json!({
        "model": "default", "max_tokens": 64, "messages": [{ "role": "user", "content": "Is it good?" }],
    });
    eventually("an answer of the model", PATIENCE, || async {
        Ok(scene.post("/v1/chat/completions", Some(key), &body).await)
    })
    .await
    .map(drop)
}
