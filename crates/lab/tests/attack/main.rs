//! Attackers at a real server of the lab, while it is built and afterwards. Each part is a module with one list of
//! checks; what must go on during the whole run is started before the order is placed.

mod backup;
mod kuma;
mod owners;
mod stranger;

use std::time::Duration;

use anyhow::Context as _;
use letsbe_lab::{
    fleet::Fleet,
    hosts::Host,
    scene::{Check, carry_out},
};
use stranger::Stranger;

/// Every tool of the catalog.
const TOOLS: [&str; 8] =
    ["static-website", "wordpress", "ghost", "nocodb", "nextcloud", "odoo", "portainer", "uptime-kuma"];
/// The customer's shop.
const SHOP: &str = "bakery";
const PATIENCE: Duration = Duration::from_secs(25 * 60);
/// No single check may take longer.
const CHECK: Duration = Duration::from_secs(5 * 60);

/// The server that is attacked.
struct Target {
    domain: String,
    owner_email: String,
    host: Host,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stranger_gets_in() {
    letsbe_lab::scene::play(scenario).await.unwrap();
}

async fn scenario(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let customer = fleet.customer().await?;
    let request = fleet.request(SHOP, &TOOLS);
    let domain = request.domain.clone();
    // The names are known before anything answers on them: they follow from the domain and the price list.
    let stranger = Stranger::start(fleet, &domain);
    let order = fleet.place(&customer, &request).await?;
    let order = fleet.follow(&customer, order, PATIENCE, |_| {}).await.context("the order")?;
    let owner_email = request.email.clone();
    let target = Target { host: fleet.machines.host(&domain)?, domain, owner_email };
    println!("-- {} is {}", target.domain, order.summary.state);
    let seen = stranger.stop().await?;
    let checks: Vec<Check<'_>> = vec![
        ("a stranger was there all the time, and got nothing", Box::pin(async { seen.judge() })),
        ("every owner's log-in works with the vault's password", Box::pin(owners::log_in(&target))),
        ("the backup is no way out of a container", Box::pin(backup::backup_is_no_way_out(&target.host))),
    ];
    Ok(carry_out(checks, CHECK).await)
}
