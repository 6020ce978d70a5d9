//! The choice of a server from a pool. Pure and timid: whoever is not beyond doubt free is refused, with a reason.

use std::{collections::BTreeSet, fmt};

use letsbe_types::{Region, Tier, ids::ServerId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::view::{Power, Resources, ServerView};

const MIB: u64 = 1 << 20;
const GB: u64 = 1_000_000_000;

/// What a tier needs at least (runbook 2.2), in the decimal units of the price list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierSize {
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory in GB.
    pub memory_gb: u32,
    /// Disk in GB.
    pub disk_gb: u32,
}

/// The server that an order needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The tier, for messages.
    pub tier: Tier,
    /// What the tier needs.
    pub size: TierSize,
    /// Where it must stand.
    pub region: Region,
    /// Templates that the provider puts on a server as delivered (Netcup names the product there, as in
    /// "VPS 1000 G12"). A server with any other template is refused; by default, one with any template.
    pub delivered_templates: BTreeSet<String>,
}

/// Why a server is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Another tenant has it, or it is being released.
    Taken,
    /// The provider has blocked it.
    Disabled,
    /// It has a template that no fresh server has.
    Template(String),
    /// Somebody has named it.
    Named(String),
    /// Its power state is unknown or none of on and off.
    StateUnknown(String),
    /// A task holds it.
    Locked,
    /// It was not read whether a task holds it.
    LockUnknown,
    /// Its rescue system is active.
    Rescue,
    /// Somebody keeps snapshots on it.
    Snapshots(u32),
    /// It stands elsewhere, or at a place we do not know.
    Site(String),
    /// Its size was not read.
    SizeUnknown,
    /// It is too small.
    TooSmall(Resources),
    /// It is twice what is needed: it is kept for a larger tier.
    TooLarge(Resources),
    /// It has no IPv4 address.
    NoAddress,
    /// Its id or address appears twice.
    Ambiguous,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("already taken"),
            Self::Disabled => f.write_str("disabled by the provider"),
            Self::Template(name) => write!(f, "has the template \"{name}\""),
            Self::Named(name) => write!(f, "is named \"{name}\", so somebody uses it"),
            Self::StateUnknown(state) => write!(f, "power state \"{state}\" is neither on nor off"),
            Self::Locked => f.write_str("held by a task"),
            Self::LockUnknown => f.write_str("not known whether a task holds it"),
            Self::Rescue => f.write_str("in the rescue system"),
            Self::Snapshots(count) => write!(f, "has {count} snapshots"),
            Self::Site(site) => write!(f, "stands at \"{site}\""),
            Self::SizeUnknown => f.write_str("size not known"),
            Self::TooSmall(size) => write!(f, "too small ({})", Size(size)),
            Self::TooLarge(size) => write!(f, "kept for a larger tier ({})", Size(size)),
            Self::NoAddress => f.write_str("has no IPv4 address"),
            Self::Ambiguous => f.write_str("its id or address is listed twice"),
        }
    }
}

struct Size<'a>(&'a Resources);

impl fmt::Display for Size<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Resources { vcpu, memory_mib, disk_mib } = self.0;
        write!(f, "{vcpu} vCPU, {} GB memory, {} GB disk", memory_mib * MIB / GB, disk_mib * MIB / GB)
    }
}

/// No server of the pool fits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no free {tier} server in region {region}: {}", reasons(refused))]
pub struct NoServer {
    /// The tier that was wanted.
    pub tier: Tier,
    /// The region that was wanted.
    pub region: Region,
    /// Every server, with the reason why it was not taken.
    pub refused: Vec<(ServerId, Refusal)>,
}

fn reasons(refused: &[(ServerId, Refusal)]) -> String {
    if refused.is_empty() {
        return "the pool is empty".into();
    }
    refused.iter().map(|(id, why)| format!("{id} {why}")).collect::<Vec<_>>().join("; ")
}

/// Chooses the smallest server that fits, and among equals the one with the lowest id.
///
/// # Errors
/// When none fits, with the reason for each.
pub fn choose_server(
    candidates: &[ServerView],
    wanted: &Wanted,
    taken: &BTreeSet<ServerId>,
) -> Result<ServerId, NoServer> {
    let mut refused = Vec::new();
    let mut fitting = Vec::new();
    for server in candidates {
        match judge(server, candidates, wanted, taken) {
            Ok(size) => fitting.push((size, by_number(&server.id), &server.id)),
            Err(why) => refused.push((server.id.clone(), why)),
        }
    }
    match fitting.into_iter().min() {
        Some((_, _, id)) => Ok(id.clone()),
        None => Err(NoServer { tier: wanted.tier, region: wanted.region, refused }),
    }
}

/// `netcup:9` comes before `netcup:10`.
fn by_number(id: &ServerId) -> u64 {
    id.0.rsplit(':').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

fn judge(
    server: &ServerView,
    all: &[ServerView],
    wanted: &Wanted,
    taken: &BTreeSet<ServerId>,
) -> Result<Resources, Refusal> {
    if taken.contains(&server.id) {
        return Err(Refusal::Taken);
    }
    in_use(server, &wanted.delivered_templates)?;
    let twins = all.iter().filter(|other| other.id == server.id || shares_address(other, server)).count();
    if twins > 1 {
        return Err(Refusal::Ambiguous);
    }
    if let Power::Unknown(state) = &server.power {
        return Err(Refusal::StateUnknown(state.clone()));
    }
    match server.locked {
        Some(false) => {}
        Some(true) => return Err(Refusal::Locked),
        None => return Err(Refusal::LockUnknown),
    }
    if server.region != Some(wanted.region) {
        return Err(Refusal::Site(server.site.clone().unwrap_or_default()));
    }
    if server.ipv4.is_empty() {
        return Err(Refusal::NoAddress);
    }
    fit(server.resources.ok_or(Refusal::SizeUnknown)?, wanted.size)
}

/// The signs of use that the provider's list alone shows, and those that only the details show.
fn in_use(server: &ServerView, delivered_templates: &BTreeSet<String>) -> Result<(), Refusal> {
    if server.disabled {
        return Err(Refusal::Disabled);
    }
    if let Some(template) = &server.template
        && !delivered_templates.contains(template)
    {
        return Err(Refusal::Template(template.clone()));
    }
    if let Some(name) = given_name(server) {
        return Err(Refusal::Named(name.to_owned()));
    }
    if server.rescue {
        return Err(Refusal::Rescue);
    }
    if server.snapshots > 0 {
        return Err(Refusal::Snapshots(server.snapshots));
    }
    Ok(())
}

/// A name that a person or a program gave. A fresh server's host name is its own name, alone or under one of the
/// provider's domains (`v2202….luckysrv.de`).
pub(crate) fn given_name(server: &ServerView) -> Option<&str> {
    let set = |name: &'_ Option<String>| name.as_deref().is_some_and(|name| !name.trim().is_empty());
    if set(&server.nickname) {
        return server.nickname.as_deref();
    }
    let hostname = server.hostname.as_deref().filter(|_| set(&server.hostname))?;
    let first = hostname.split('.').next().unwrap_or_default();
    (first != server.name || server.name.is_empty()).then_some(hostname)
}

fn shares_address(one: &ServerView, other: &ServerView) -> bool {
    one.ipv4.iter().any(|address| other.ipv4.contains(address))
}

fn fit(size: Resources, need: TierSize) -> Result<Resources, Refusal> {
    let memory = size.memory_mib.saturating_mul(MIB);
    let disk = size.disk_mib.saturating_mul(MIB);
    let needed_memory = u64::from(need.memory_gb) * GB;
    if size.vcpu < need.vcpu || memory < needed_memory || disk < u64::from(need.disk_gb) * GB {
        return Err(Refusal::TooSmall(size));
    }
    if memory >= 2 * needed_memory {
        return Err(Refusal::TooLarge(size));
    }
    Ok(size)
}

#[cfg(test)]
mod tests;
