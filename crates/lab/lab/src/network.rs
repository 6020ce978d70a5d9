//! The network of a lab: one bridge with its own range, so that several labs can run at once.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use rand::RngExt as _;

use crate::docker::{self, DockerError, LAB_LABEL};

/// The label with the fixed address of a container.
pub const ADDRESS_LABEL: &str = "biz.letsbe.lab.address";
/// The label that says which process a lab belongs to.
pub const OWNER_LABEL: &str = "biz.letsbe.lab.owner";
/// Hosts get addresses from here on; the services stand before.
const FIRST_HOST: u8 = 20;
const LAST_HOST: u8 = 250;
const ATTEMPTS: usize = 30;

/// A lab's bridge network.
#[derive(Debug, Clone)]
pub struct LabNetwork {
    /// The lab's name, which is in every label.
    pub lab: String,
    /// The name of the network.
    pub name: String,
    /// The owner label's value.
    pub owner: String,
    prefix: [u8; 3],
    reserved: Arc<Mutex<BTreeSet<u8>>>,
}

impl LabNetwork {
    /// The network of this lab: the one that is there, or a new one in a free range.
    ///
    /// # Errors
    /// When the engine makes none.
    pub async fn ensure(lab: &str, owner: &str) -> Result<Self, DockerError> {
        let name = format!("letsbe-lab-{lab}");
        let subnet = "{{range .IPAM.Config}}{{.Subnet}}{{end}}";
        if let Ok(found) = docker::docker(&["network", "inspect", "--format", subnet, &name]).await {
            let prefix = prefix_of(&found).ok_or_else(|| {
                DockerError::failed(format!("network {name}"), format!("odd range {found}"))
            })?;
            return Ok(Self::new(lab, name, owner, prefix));
        }
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let prefix = [10, rand::rng().random_range(64..250), rand::rng().random_range(0..=255)];
            if route_taken(prefix, &std::fs::read_to_string("/proc/net/route").unwrap_or_default()) {
                continue;
            }
            match create(lab, &name, owner, prefix).await {
                Ok(()) => return Ok(Self::new(lab, name, owner, prefix)),
                // Another lab may just have taken the range.
                Err(error) => last = Some(error),
            }
        }
        Err(last
            .unwrap_or_else(|| DockerError::failed(format!("network {name}"), "no free range in 10.0.0.0/8")))
    }

    fn new(lab: &str, name: String, owner: &str, prefix: [u8; 3]) -> Self {
        Self { lab: lab.to_owned(), name, owner: owner.to_owned(), prefix, reserved: Arc::default() }
    }

    /// The address with this last number.
    #[must_use]
    pub fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.prefix;
        Ipv4Addr::new(a, b, c, last)
    }

    /// Where programs of this machine are reached from inside the lab.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// Reserves an address that no host of this lab has.
    ///
    /// # Errors
    /// When the engine does not answer or the lab is full.
    pub async fn free_address(&self) -> Result<Ipv4Addr, DockerError> {
        let template = format!("{{{{.Label \"{ADDRESS_LABEL}\"}}}}");
        let filter = format!("label={LAB_LABEL}={}", self.lab);
        let listed =
            docker::docker(&["container", "ls", "--all", "--filter", &filter, "--format", &template]).await?;
        let taken: BTreeSet<u8> =
            listed.lines().filter_map(|line| Some(line.parse::<Ipv4Addr>().ok()?.octets()[3])).collect();
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let free = (FIRST_HOST..=LAST_HOST).find(|last| !taken.contains(last) && !reserved.contains(last));
        let free = free.ok_or_else(|| DockerError::failed("finding an address", "the lab is full"))?;
        reserved.insert(free);
        Ok(self.address(free))
    }

    /// The label options that mark something as this lab's.
    #[must_use]
    pub fn labels(&self) -> [String; 4] {
        label_options(&self.lab, &self.owner)
    }
}

async fn create(lab: &str, name: &str, owner: &str, prefix: [u8; 3]) -> Result<(), DockerError> {
    let [a, b, c] = prefix;
    let (subnet, gateway) = (format!("{a}.{b}.{c}.0/24"), format!("{a}.{b}.{c}.1"));
    let labels = label_options(lab, owner);
    let mut arguments =
        vec!["network", "create", "--driver", "bridge", "--subnet", &subnet, "--gateway", &gateway];
    arguments.extend(labels.iter().map(String::as_str));
    arguments.push(name);
    docker::docker(&arguments).await.map(drop)
}

fn label_options(lab: &str, owner: &str) -> [String; 4] {
    [
        "--label".to_owned(),
        format!("{LAB_LABEL}={lab}"),
        "--label".to_owned(),
        format!("{OWNER_LABEL}={owner}"),
    ]
}

fn prefix_of(subnet: &str) -> Option<[u8; 3]> {
    let [a, b, c, 0] = subnet.strip_suffix("/24")?.parse::<Ipv4Addr>().ok()?.octets() else { return None };
    Some([a, b, c])
}

/// Whether a route of this machine (`/proc/net/route`) other than the default one covers the range.
fn route_taken(prefix: [u8; 3], routes: &str) -> bool {
    let [a, b, c] = prefix;
    let ours = u32::from(Ipv4Addr::new(a, b, c, 0));
    routes.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        // The kernel prints addresses in its own byte order.
        let (Some(to), Some(mask)) = (number(1).map(u32::swap_bytes), number(7).map(u32::swap_bytes)) else {
            return false;
        };
        mask != 0 && (ours & mask == to || to & 0xffff_ff00 == ours)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        br0\t00034D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
        tun0\t0000580A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";

    #[test]
    fn a_range_that_is_routed_is_not_taken() {
        assert!(route_taken([10, 77, 3], ROUTES));
        assert!(route_taken([10, 88, 200], ROUTES));
        assert!(!route_taken([10, 77, 4], ROUTES));
        assert!(!route_taken([10, 1, 1], ""));
    }

    #[test]
    fn the_range_of_a_network_is_read_back() {
        assert_eq!(prefix_of("10.77.3.0/24"), Some([10, 77, 3]));
        assert_eq!(prefix_of("10.77.0.0/16"), None);
        assert_eq!(prefix_of(""), None);
    }
}
