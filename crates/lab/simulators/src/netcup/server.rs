//! A server as it stands in the account.

use std::net::{IpAddr, Ipv4Addr};

use letsbe_netcup::types;
use serde::{Deserialize, Serialize};

/// The only disk of every simulated server.
pub(super) const DISK: &str = "vda";

/// A server as it stands in the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SimServer {
    /// Netcup's number.
    pub id: i32,
    /// Netcup's name.
    pub name: String,
    /// The host name; a fresh server has its own name under one of Netcup's domains.
    pub hostname: Option<String>,
    /// What somebody called it.
    pub nickname: Option<String>,
    /// Blocked by Netcup.
    pub disabled: bool,
    /// Its template. (Real accounts show the product there, as in "VPS 1000 G12".)
    pub template: Option<String>,
    /// The city of its data centre.
    pub city: String,
    /// Its IPv4 address.
    pub address: Ipv4Addr,
    /// Virtual processors.
    pub vcpu: i32,
    /// Memory in MiB.
    pub memory_mib: i64,
    /// Disk in MiB.
    pub disk_mib: i64,
    /// Libvirt's word for its state.
    pub state: String,
    /// Whether the rescue system is active.
    pub rescue: bool,
    /// Every installation on it ends with ERROR.
    pub broken: bool,
}

impl SimServer {
    /// A fresh server in Nuremberg, as delivered. Memory and disk in GB of the price list.
    #[must_use]
    pub fn fresh(id: i32, address: Ipv4Addr, vcpu: i32, memory_gb: i64, disk_gb: i64) -> Self {
        let name = format!("v22026111234{id:08}");
        Self {
            id,
            hostname: Some(format!("{name}.luckysrv.de")),
            name,
            nickname: Some(String::new()),
            disabled: false,
            template: None,
            city: "Nuremberg".into(),
            address,
            vcpu,
            memory_mib: memory_gb * 1024,
            disk_mib: disk_gb * 1024,
            state: "RUNNING".into(),
            rescue: false,
            broken: false,
        }
    }

    pub(super) fn mac(&self) -> String {
        let [_, a, b, c] = self.id.to_be_bytes();
        format!("52:54:00:{a:02x}:{b:02x}:{c:02x}")
    }

    pub(super) fn moved_to(&mut self, address: IpAddr) {
        if let IpAddr::V4(address) = address {
            self.address = address;
        }
    }

    fn template(&self) -> Option<types::ServerTemplateMinimal> {
        self.template.clone().map(|name| types::ServerTemplateMinimal { id: Some(1354), name })
    }

    /// What the list shows: no address, no power state.
    pub(super) fn listed(&self) -> types::ServerListMinimal {
        types::ServerListMinimal {
            id: Some(self.id),
            name: Some(self.name.clone()),
            hostname: self.hostname.clone(),
            nickname: self.nickname.clone(),
            disabled: Some(self.disabled),
            template: self.template(),
        }
    }

    pub(super) fn detailed(&self, live: bool, snapshots: usize) -> types::Server {
        let address = types::IPv4AddressMinimal {
            id: Some(self.id),
            ip: Some(self.address.to_string()),
            netmask: Some("255.255.252.0".into()),
            ..Default::default()
        };
        types::Server {
            id: Some(self.id),
            name: Some(self.name.clone()),
            hostname: self.hostname.clone(),
            nickname: self.nickname.clone(),
            disabled: Some(self.disabled),
            template: self.template(),
            architecture: Some(types::Architecture::Variant1("AMD64".into())),
            // As on real servers: no property of this server.
            disks_available_space_in_mi_b: Some(7_864_320),
            gpu_driver_available: Some(false),
            ipv4_addresses: Some(vec![address]),
            ipv6_addresses: Some(Vec::new()),
            max_cpu_count: Some(self.vcpu),
            rescue_system_active: Some(self.rescue),
            server_live_info: live.then(|| self.live()),
            site: Some(types::Site { city: self.city.clone(), id: Some(1) }),
            snapshot_allowed: Some(true),
            snapshot_count: i32::try_from(snapshots).ok(),
        }
    }

    fn live(&self) -> types::ServerInfo {
        let disk = types::ServerDisk {
            dev: Some(DISK.into()),
            driver: Some("virtio".into()),
            capacity_in_mi_b: Some(self.disk_mib),
            allocation_in_mi_b: Some(0),
        };
        types::ServerInfo {
            autostart: Some(true),
            cpu_count: Some(self.vcpu),
            cpu_max_count: Some(self.vcpu),
            current_server_memory_in_mi_b: Some(self.memory_mib),
            disks: Some(vec![disk]),
            state: Some(types::ServerState::Variant1(self.state.clone())),
            template: self.template.clone(),
            uefi: Some(true),
            ..Default::default()
        }
    }
}
