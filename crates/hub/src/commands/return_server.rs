//! Returning a wiped server to the pool. A person says so: the Hub cannot see what is on a disk.

use anyhow::bail;
use letsbe_hub::config::HubConfig;
use letsbe_store::Store;
use letsbe_types::ids::ServerId;

pub(crate) async fn return_server(config: &HubConfig, server: &str) -> anyhow::Result<()> {
    let store = Store::open(&config.data_folder.join("hub.sqlite")).await?;
    if !store.return_server(&ServerId(server.to_owned())).await? {
        bail!("{server} was not released by an order: only such a server can be returned");
    }
    println!(
        "{server} is in the pool again. It is claimed once it has no name, no nickname and no snapshots."
    );
    Ok(())
}
