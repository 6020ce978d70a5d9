//! `tiers.toml`: what the servers of each tier offer, and what a month costs.

use std::collections::BTreeMap;

use letsbe_types::Tier;
use serde::Deserialize;

/// What a server of one tier offers, and how much of it the platform keeps for itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TierSpec {
    /// Processor cores.
    pub vcpus: u32,
    /// Memory in MiB.
    pub ram_mb: u64,
    /// Disk in GiB.
    pub disk_gb: u64,
    /// Memory kept for the operating system, Docker, the node agent and the platform's own containers, in MiB.
    pub reserved_ram_mb: u64,
    /// Disk kept for the operating system, images and backups, in GiB.
    pub reserved_disk_gb: u64,
    /// Tokens of the AI models in a calendar month.
    pub tokens_month: u64,
    /// What a month costs, by currency (Stripe's lower-case spelling), in its smallest unit. What is not priced cannot
    /// be paid for without a person.
    #[serde(default)]
    pub price_month: BTreeMap<String, u64>,
}

impl TierSpec {
    /// Memory left for tools, in MiB.
    #[must_use]
    pub const fn tools_ram_mb(&self) -> u64 {
        self.ram_mb.saturating_sub(self.reserved_ram_mb)
    }

    /// Disk left for tools, in GiB.
    #[must_use]
    pub const fn tools_disk_gb(&self) -> u64 {
        self.disk_gb.saturating_sub(self.reserved_disk_gb)
    }
}

/// `tiers.toml`: every tier must be described.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Tiers {
    lite: TierSpec,
    build: TierSpec,
    scale: TierSpec,
    enterprise: TierSpec,
}

impl Tiers {
    pub(crate) const fn get(&self, tier: Tier) -> &TierSpec {
        match tier {
            Tier::Lite => &self.lite,
            Tier::Build => &self.build,
            Tier::Scale => &self.scale,
            Tier::Enterprise => &self.enterprise,
        }
    }
}
