//! Every secret of a server, from the first moment that it is there: a run that was killed and makes it anew is seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use letsbe_lab::{fleet::Fleet, hosts::Host, vault};
use letsbe_vault::Origin;
use sha2::{Digest as _, Sha256};

/// It is looked so often.
const TICK: Duration = Duration::from_millis(200);

/// The values (their hashes) that each secret has had.
#[derive(Default)]
pub(crate) struct Seen {
    values: BTreeMap<String, BTreeSet<String>>,
    /// How often the file was seen in which they wait for the vault.
    waiting: usize,
}

impl Seen {
    /// Looks, for as long as it is polled, at the machine that is installed under this name.
    pub(crate) async fn watch(&mut self, fleet: &Fleet, domain: &str) -> Infallible {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tick.tick().await;
            if let Ok(host) = fleet.machines.host(domain) {
                // Half a file, or a run between two writes: the next look sees more.
                drop(self.look(&host).await);
            }
        }
    }

    async fn look(&mut self, host: &Host) -> anyhow::Result<()> {
        let is_waiting = host.exec(&["test", "-s", letsbe_vault::CREDENTIALS_FILE]).await.is_ok();
        let all = vault::host_credentials(host).await?;
        self.waiting += usize::from(is_waiting);
        for (tool, key, value) in all.iter() {
            let hash = hex::encode(Sha256::digest(value.expose()));
            self.values.entry(format!("{tool}/{key}")).or_default().insert(hash);
        }
        Ok(())
    }

    /// Each secret that was made on the server has had one value, from before the vault had it to the end.
    pub(crate) async fn one_value_each(mut self, host: &Host) -> anyhow::Result<()> {
        ensure!(self.waiting > 0, "nobody saw the secrets before the vault had them");
        let early: BTreeSet<String> = self.values.keys().cloned().collect();
        self.look(host).await?;
        let vault = vault::host_vault(host).await?.context("no vault")?;
        let made = vault.entries().filter(|(_, _, entry)| entry.origin == Origin::Made);
        let mut compared = 0;
        for (tool, key, entry) in made {
            let name = format!("{tool}/{key}");
            let had = self.values.get(&name).map_or(0, BTreeSet::len);
            ensure!(had == 1 && entry.retired.is_empty(), "{name} was made again: it has had {had} values");
            compared += usize::from(early.contains(&name));
        }
        ensure!(compared >= 3, "only {compared} secrets were seen before the end: {early:?}");
        Ok(())
    }
}
