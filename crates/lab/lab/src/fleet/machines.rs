//! The real machines behind the simulated Netcup's servers.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use async_trait::async_trait;
use letsbe_simulators::netcup::{HostControl, PowerCommand, SimServer, System};

use super::build_server;
use crate::{
    hosts::{Host, HostSpec},
    lab::Lab,
    network::LabNetwork,
    unpacked::UnpackedImages,
};

/// Containers that stand for Netcup's servers.
pub struct Machines {
    network: LabNetwork,
    resolvers: Vec<Ipv4Addr>,
    images: Option<UnpackedImages>,
    /// By the server's number: the host name it was installed with, and the host.
    hosts: Mutex<BTreeMap<i32, (String, Host)>>,
    /// What a machine's crash log begins with: the points at which nobody is killed there. `None`: nobody is at any.
    spared: Mutex<Option<String>>,
}

/// Where a machine's runs note the crash points they died at.
pub const CRASH_LOG: &str = "/var/log/letsbe-crashes.log";

impl Machines {
    /// Machines on the lab's network.
    #[must_use]
    pub fn new(lab: &Lab, crash: bool) -> Self {
        let spared = Mutex::new(crash.then(String::new));
        let (network, images) = (lab.network.clone(), lab.unpacked.clone());
        Self { network, resolvers: lab.resolvers(), images, hosts: Mutex::default(), spared }
    }

    /// The runs on machines that are installed from now on die once at each crash point but `spared`.
    pub(super) fn kill_runs(&self, spared: &BTreeSet<String>) {
        let lines: String = spared.iter().flat_map(|point| [point.as_str(), "\n"]).collect();
        *self.spared.lock().unwrap_or_else(PoisonError::into_inner) = Some(lines);
    }

    /// Servers for the pool, each with an address of its own. No machine exists before the first installation.
    ///
    /// # Errors
    /// When the network has no free addresses.
    pub async fn pool(&self, servers: u32) -> anyhow::Result<Vec<SimServer>> {
        let mut pool = Vec::new();
        for number in 1..=servers {
            let address = self.network.free_address().await?;
            pool.push(build_server(i32::try_from(number)? + 4710, address));
        }
        Ok(pool)
    }

    /// The machine installed under a host name.
    ///
    /// # Errors
    /// When there is none.
    pub fn host(&self, hostname: &str) -> anyhow::Result<Host> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let found = hosts.values().find(|(name, _)| name == hostname).map(|(_, host)| host.clone());
        found.with_context(|| format!("no machine was installed as {hostname}"))
    }

    /// Where the machine installed under a host name answers.
    ///
    /// # Errors
    /// When there is none.
    pub fn address_of(&self, hostname: &str) -> anyhow::Result<IpAddr> {
        self.host(hostname).map(|host| host.address.into())
    }

    /// A machine is lost with its disks.
    ///
    /// # Errors
    /// When there is none, or the engine refuses.
    pub async fn lose(&self, hostname: &str) -> anyhow::Result<()> {
        let host = self.host(hostname)?;
        let of_it = |(_, other): &(String, Host)| other.container == host.container;
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, known| !of_it(known));
        Ok(host.destroy().await?)
    }

    /// Removes all machines with their disks.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn remove_all(&self) -> anyhow::Result<()> {
        let hosts = std::mem::take(&mut *self.hosts.lock().unwrap_or_else(PoisonError::into_inner));
        for (_, host) in hosts.into_values() {
            host.destroy().await?;
        }
        Ok(())
    }

    fn known(&self, server: &SimServer) -> Option<Host> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&server.id).map(|(_, host)| host.clone())
    }
}

#[async_trait]
impl HostControl for Machines {
    async fn install(&self, server: &SimServer, system: &System) -> anyhow::Result<IpAddr> {
        let spec = HostSpec {
            name: format!("server-{}", server.id),
            hostname: system.hostname.clone(),
            address: Some(server.address),
            authorized_keys: system.keys.clone(),
            resolvers: self.resolvers.clone(),
            script: system.script.clone(),
            images: self.images.clone(),
        };
        let host = Host::create(&self.network, spec).await?;
        let address = host.address;
        let spared = self.spared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(spared) = spared {
            host.write_file(CRASH_LOG, "600", spared.as_bytes()).await?;
            host.exec(&["mkdir", "-p", "/opt/letsbe/state"]).await?;
            host.write_file("/opt/letsbe/state/crash-log-path", "600", CRASH_LOG.as_bytes()).await?;
        }
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.insert(server.id, (system.hostname.clone(), host));
        Ok(address.into())
    }

    async fn power(&self, server: &SimServer, command: PowerCommand) -> anyhow::Result<()> {
        let Some(host) = self.known(server) else { return Ok(()) };
        match command {
            PowerCommand::On => host.power_on().await?,
            PowerCommand::Off => host.power_off().await?,
            PowerCommand::HardOff => host.cut_power().await?,
            PowerCommand::Reset => {
                host.cut_power().await?;
                host.power_on().await?;
            }
        }
        Ok(())
    }

    async fn wipe(&self, server: &SimServer) -> anyhow::Result<()> {
        Ok(Host::wipe(&self.network, &format!("server-{}", server.id)).await?)
    }
}
