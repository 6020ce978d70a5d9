//! A server that was off comes back by itself.

use std::time::{Duration, Instant};

use anyhow::ensure;
use letsbe_lab::fleet::eventually;

use crate::{Live, fulfilled, pages, ports, second_run};

const PATIENCE: Duration = Duration::from_secs(180);
const CONTAINERS: usize = 11;

pub(crate) async fn reboot(live: &Live) -> anyhow::Result<()> {
    live.host.power_off().await?;
    let (began, switched_on) = (Instant::now(), chrono::Utc::now());
    live.host.power_on().await?;
    eventually("all containers healthy", PATIENCE, || async {
        // The engine itself may still be starting.
        let states = live.host.script("docker ps --all --format '{{.Status}}'").await.unwrap_or_default();
        let healthy = states.lines().filter(|state| state.contains("(healthy)")).count();
        Ok((healthy == CONTAINERS && states.lines().count() == CONTAINERS).then_some(()))
    })
    .await?;
    println!("     everything was back after {:.0} s", began.elapsed().as_secs_f64());
    pages::real_tools(live).await?;
    ports::published_container(live).await?;
    let failed = live.host.script("systemctl list-units --failed --no-legend --plain").await?;
    ensure!(failed.is_empty(), "failed units: {failed}");
    let changed = second_run::changed(live).await?;
    ensure!(changed.is_empty(), "the next run had to mend {changed:?}");
    fulfilled::node_status(live).await?;
    // The first heartbeat may have come before the tools did, but it came.
    let heard = fulfilled::registered(live).await?.last_heartbeat_at;
    ensure!(heard.is_some_and(|heard| heard > switched_on), "the agent was last heard at {heard:?}");
    Ok(())
}
