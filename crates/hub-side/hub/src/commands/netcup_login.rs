//! The device login at Netcup: a person confirms a code in the browser (DESIGN section 5).

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use letsbe_hub::{config::HubConfig, providers};
use letsbe_netcup::DevicePoll;
use letsbe_types::clock::SystemClock;

pub(crate) async fn netcup_login(config: &HubConfig) -> anyhow::Result<()> {
    let Some(client) = providers::netcup_client(&config.servers, Arc::new(SystemClock))? else {
        bail!("this Hub assigns servers by hand (servers.mode = \"manual\"); there is nothing to log in to");
    };
    let login = client.start_login().await?;
    let address = login.verification_uri_complete.as_ref().unwrap_or(&login.verification_uri);
    println!("Open {address} and confirm the code {}", login.user_code);
    let mut pause = Duration::from_secs(login.interval);
    loop {
        tokio::time::sleep(pause).await;
        match client.poll_login(&login).await? {
            DevicePoll::Granted(_) => break,
            DevicePoll::Pending => {}
            DevicePoll::SlowDown => pause += Duration::from_secs(5),
        }
    }
    println!("Logged in. The Hub keeps the login alive by itself.");
    Ok(())
}
