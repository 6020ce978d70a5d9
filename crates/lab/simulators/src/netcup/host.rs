//! What does the work behind a simulated server: real machines, or some in memory.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use letsbe_types::Secret;

use super::SimServer;

/// What the power switch of a server is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerCommand {
    /// Switch on.
    On,
    /// Shut down in order.
    Off,
    /// Cut the power.
    HardOff,
    /// Reset.
    Reset,
}

/// What is installed.
#[derive(Debug, Clone)]
pub struct System {
    /// The host name it gets.
    pub hostname: String,
    /// The keys that may log in as root.
    pub keys: Vec<String>,
    /// The customer's script, if there is one.
    pub script: Option<Secret<String>>,
}

/// The machines behind the simulated servers.
#[async_trait]
pub trait HostControl: Send + Sync {
    /// Puts a fresh Debian 12 on the (wiped) server, with these keys for root and no password, and starts it.
    /// Carries the customer's script out on it, as root, and gives the address at which it answers.
    async fn install(&self, server: &SimServer, system: &System) -> anyhow::Result<IpAddr>;

    /// Works the power switch.
    async fn power(&self, server: &SimServer, command: PowerCommand) -> anyhow::Result<()>;

    /// Destroys everything on the server's disk. Called before every installation.
    async fn wipe(&self, server: &SimServer) -> anyhow::Result<()>;
}

/// Machines that exist in memory only: they note what was done to them.
#[derive(Debug, Default)]
pub struct MemoryHosts {
    done: Mutex<Vec<String>>,
    scripts: Mutex<Vec<Secret<String>>>,
}

impl MemoryHosts {
    /// What was done, oldest first, for example `install 1 shop.example`.
    #[must_use]
    pub fn done(&self) -> Vec<String> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The scripts that systems were installed with, oldest first.
    #[must_use]
    pub fn scripts(&self) -> Vec<Secret<String>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, what: String) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

#[async_trait]
impl HostControl for MemoryHosts {
    async fn install(&self, server: &SimServer, system: &System) -> anyhow::Result<IpAddr> {
        anyhow::ensure!(!system.keys.is_empty(), "no key for root");
        self.note(format!("install {} {}", server.id, system.hostname));
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.extend(system.script.clone());
        Ok(server.address.into())
    }

    async fn power(&self, server: &SimServer, command: PowerCommand) -> anyhow::Result<()> {
        self.note(format!("power {} {command:?}", server.id));
        Ok(())
    }

    async fn wipe(&self, server: &SimServer) -> anyhow::Result<()> {
        self.note(format!("wipe {}", server.id));
        Ok(())
    }
}
