//! Events reach the Hub once each, whenever the agent dies on the way.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use letsbe_lab::fleet::eventually;
use letsbe_types::tenant::TenantEventKind;
use serde_json::json;

use crate::{
    PATIENCE, Server,
    kills::{arm, struck},
};

/// Newer images that are seen for each kill.
const IMAGES: usize = 5;

pub(crate) async fn once(server: &Server<'_>) -> anyhow::Result<()> {
    let all = server.points(&["agent.event"]);
    let rounds: Vec<Vec<&str>> = all.iter().map(|point| vec![*point]).chain([all.clone()]).collect();
    for (round, points) in rounds.iter().enumerate() {
        arm(server, points).await?;
        for number in 0..IMAGES {
            seen(server, &format!("kill/{round}-{number}:2")).await?;
        }
        struck(server, points).await?;
    }
    arm(server, &[]).await?;
    let wanted = rounds.len() * IMAGES;
    let told = eventually("the Hub to hear of every image", PATIENCE, || async {
        let told = told(server).await?;
        Ok((told.len() >= wanted).then_some(told))
    });
    let told = told.await.context("an event is lost")?;
    let twice: Vec<_> = told.iter().filter(|(_, times)| **times != 1).collect();
    ensure!(told.len() == wanted && twice.is_empty(), "told twice: {twice:?}");
    Ok(())
}

/// Diun tells of a newer image until it is answered.
async fn seen(server: &Server<'_>, image: &str) -> anyhow::Result<()> {
    let body = json!({
        "diun_version": "4.29.0", "hostname": "tenant", "status": "update", "provider": "docker",
        "image": image, "digest": format!("sha256:{:064x}", image.len()),
    });
    eventually("an answer to Diun", PATIENCE, || async {
        Ok(server.post("/webhooks/diun", None, &body).await)
    })
    .await
    .map(drop)
}

/// The images that the Hub was told of, and how often.
async fn told(server: &Server<'_>) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut told = BTreeMap::new();
    for entry in server.events().await? {
        if let TenantEventKind::UpdateSeen { update } = entry.event
            && update.image.starts_with("kill/")
        {
            *told.entry(update.image).or_default() += 1;
        }
    }
    Ok(told)
}

pub(crate) async fn without_gaps(server: &Server<'_>) -> anyhow::Result<()> {
    let mut numbers: Vec<u64> = server.events().await?.iter().map(|entry| entry.sequence).collect();
    numbers.reverse();
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    ensure!(numbers == expected, "the numbers are {numbers:?}");
    println!("     {} events", numbers.len());
    Ok(())
}
