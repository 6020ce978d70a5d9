//! A server as a provider shows it: what the choice from a pool looks at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use letsbe_types::{Region, ids::ServerId};
use serde::{Deserialize, Serialize};

/// Whether a server runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// It runs.
    On,
    /// It is switched off.
    Off,
    /// Something else, in the provider's own word, or nothing was read.
    Unknown(String),
}

/// The size of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resources {
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub vcpu: u32,
    /// The largest disk in MiB.
    pub disk_mib: u64,
}

/// A server as its provider shows it. What was not read is `None` (or [`Power::Unknown`]), never a guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerView {
    /// `<provider>:<the provider's own id>`.
    pub id: ServerId,
    /// The provider's name for it.
    pub name: String,
    /// The host name, if one was set.
    pub hostname: Option<String>,
    /// What somebody called it.
    pub nickname: Option<String>,
    /// Blocked by the provider.
    pub disabled: bool,
    /// The template it is bound to.
    pub template: Option<String>,
    /// The place where it stands, in the provider's words.
    pub site: Option<String>,
    /// The region of that place, if we know it.
    pub region: Option<Region>,
    /// Whether it runs.
    pub power: Power,
    /// Whether it is held by a task; `None`: not read.
    pub locked: Option<bool>,
    /// Whether the rescue system is active.
    pub rescue: bool,
    /// How many snapshots it has.
    pub snapshots: u32,
    /// IPv4 addresses.
    pub ipv4: Vec<Ipv4Addr>,
    /// IPv6 networks: address and prefix length.
    pub ipv6: Vec<(Ipv6Addr, u8)>,
    /// Its size.
    pub resources: Option<Resources>,
}

impl ServerView {
    /// The address at which it is reached.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.ipv4.first().copied().map(IpAddr::V4)
    }
}
