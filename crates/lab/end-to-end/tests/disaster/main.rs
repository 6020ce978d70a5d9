//! A customer's server is lost, after a thief deleted what he could at the far side, too; the customer comes back on
//! another server with all content, pages and logins, though everything that works on it is killed at every point.

mod kills;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use letsbe_end_to_end::scenario::play_on;
use letsbe_lab::{
    content, disaster,
    fleet::{Fleet, FleetOptions, eventually},
    lab::CatalogImages,
    uploads,
};

const PATIENCE: Duration = Duration::from_secs(15 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_a_customer_comes_back_on_another_server_after_theft_and_loss() {
    play_on(
        |options| FleetOptions { servers: 2, lease: 2, images: CatalogImages::Unpacked, ..options },
        scenario,
    )
    .await
    .unwrap();
}

async fn scenario(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let operator = fleet.customer().await?;
    let tools = [content::TOOLS.as_slice(), &["static-website"]].concat();
    let order = fleet.place(&operator, &fleet.request("bakery", &tools)).await?;
    let order = fleet.follow(&operator, order, PATIENCE, |_| {}).await.context("the order")?;
    let host = fleet.machines.host(order.summary.domain.as_str())?;
    uploads::fill(&host).await.context("the owner's pages")?;
    let before = disaster::prepare(fleet, order).await.context("content and backup")?;
    println!("-- the server is full and backed up");
    let theft = disaster::rob(fleet, &before).await.context("the theft")?;
    println!("-- the thief: {theft:?}");
    ensure!(theft.done.get("delete").is_some_and(|count| *count > 5), "the thief deleted nothing: {theft:?}");
    for what in ["delete a version", "end versioning", "let versions expire"] {
        ensure!(!theft.done.contains_key(what), "the thief could {what}: {theft:?}");
    }
    let spared = kills::spared(&fleet.machines.host(before.order.summary.domain.as_str())?).await?;
    fleet.kill_from_now_on(&spared).await?;
    let tell = |entry: &letsbe_types::api::TimelineEntry| {
        println!("   {}  {}", entry.at.format("%T"), entry.message)
    };
    let after = disaster::strike_and_recover(fleet, &operator, &before, Some(&before.safe_at), tell).await?;
    println!("-- back after {} s", after.took.as_secs());
    let host = fleet.machines.host(after.order.summary.domain.as_str())?;
    uploads::came_back(&host).await.context("the owner's pages on the other server")?;
    kills::were_all_made(fleet, &after.order, spared).await?;
    kills::were_told_well(&after.order)?;
    // The last kill is behind the end of the order: the Hub may be on its way back.
    let (listed, _) = eventually("the list of recoveries", PATIENCE, async || {
        Ok(fleet.letsbe(&operator, &["backups", "recoveries", "--json"]).await.ok())
    })
    .await?;
    let listed: serde_json::Value = serde_json::from_str(&listed)?;
    let rto = listed.pointer("/0/rto_seconds").and_then(serde_json::Value::as_u64);
    ensure!(rto.is_some_and(|seconds| seconds > 0 && seconds <= after.took.as_secs() + 5), "{listed}");
    ensure!(listed.pointer("/0/rpo_seconds").is_some_and(serde_json::Value::is_u64), "{listed}");
    Ok(Vec::new())
}
