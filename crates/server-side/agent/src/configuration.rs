//! What the Hub decided last, kept on the disk: the agent goes by it while the Hub is away.

use std::sync::Arc;

use letsbe_types::{Problem, tenant::TenantConfiguration};
use tokio::sync::watch;

use letsbe_base::{files, layout::Layout};

/// Keeps the configuration in force.
pub(crate) struct Configurations {
    layout: Layout,
    current: watch::Sender<Arc<TenantConfiguration>>,
}

impl Configurations {
    /// The configuration as it was kept; the most careful one before there is any.
    pub(crate) fn open(layout: &Layout) -> Result<Self, Problem> {
        let kept: Option<TenantConfiguration> = files::read_json(&layout.state("configuration.json"))?;
        let current = watch::Sender::new(Arc::new(kept.unwrap_or_default()));
        Ok(Self { layout: layout.clone(), current })
    }

    /// For whoever goes by it.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<TenantConfiguration>> {
        self.current.subscribe()
    }

    /// The configuration in force.
    pub(crate) fn current(&self) -> Arc<TenantConfiguration> {
        Arc::clone(&self.current.borrow())
    }

    /// Takes a newer configuration; an older one, or the same, changes nothing.
    pub(crate) fn take(&self, new: TenantConfiguration) -> Result<(), Problem> {
        if new.version <= self.current().version {
            return Ok(());
        }
        files::write_json(&self.layout.state("configuration.json"), &new)?;
        tracing::info!(version = new.version, "the Hub's configuration is in force");
        self.current.send_replace(Arc::new(new));
        Ok(())
    }

    /// Tokens in a month: the Hub's word; before there is one, what the server was provisioned with.
    pub(crate) fn token_pool(&self) -> u64 {
        let current = self.current();
        if current.version > 0 {
            return current.token_pool;
        }
        let kept = files::read(&self.layout.state("token-pool")).ok().flatten();
        kept.and_then(|text| String::from_utf8(text).ok()?.trim().parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::tenant::TenantConfiguration;

    use super::Configurations;
    use letsbe_base::{files, layout::Layout};

    #[test]
    fn only_a_newer_configuration_is_taken_and_it_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let version = |version, token_pool| TenantConfiguration {
            version,
            token_pool,
            ..TenantConfiguration::default()
        };
        let configurations = Configurations::open(&layout).unwrap();
        assert_eq!(configurations.token_pool(), 0, "nothing is granted before anybody said anything");
        files::write(&layout.state("token-pool"), b"700\n").unwrap();
        assert_eq!(
            configurations.token_pool(),
            700,
            "a server without a Hub has what it was provisioned with"
        );
        for (offered, pool) in
            [(version(3, 30), 30), (version(2, 20), 30), (version(3, 99), 30), (version(4, 40), 40)]
        {
            configurations.take(offered).unwrap();
            assert_eq!(configurations.token_pool(), pool);
        }
        assert_eq!(Configurations::open(&layout).unwrap().current().version, 4);
    }
}
