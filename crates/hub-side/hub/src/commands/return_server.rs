//! Returning a wiped server to the pool. A person says so: the Hub cannot see what is on a disk.

use anyhow::bail;
use letsbe_hub::config::HubConfig;
use letsbe_types::ids::ServerId;

use super::{Planned, store};

pub(crate) async fn return_server(config: &HubConfig, server: &str, planned: Planned) -> anyhow::Result<()> {
    let store = store(config, planned).await?;
    let id = ServerId(server.to_owned());
    let is_returned =
        if planned.plan { store.is_released(&id).await? } else { store.return_server(&id).await? };
    if !is_returned {
        bail!("{server} was not released by an order: only such a server can be returned");
    }
    if planned.plan {
        println!("{server} would be in the pool again, for any order. Say so only when it was wiped.");
        return Ok(());
    }
    println!(
        "{server} is in the pool again. It is claimed once it has no name, no nickname and no snapshots."
    );
    Ok(())
}
