//! The authority for the lab's zone: Knot, in a container.

use std::net::Ipv4Addr;

use letsbe_types::Secret;

use super::{start, wait_for};
use crate::{
    docker::{self, DockerError},
    network::LabNetwork,
};

const LAST: u8 = 12;

/// The authority (Knot DNS) for the lab's zone; it asks the machine's own resolver for everything else.
#[derive(Debug)]
pub struct Dns {
    /// Where it answers, on port 53.
    pub address: Ipv4Addr,
    /// The zone, without a final dot.
    pub zone: String,
    /// The name of the key for updates (RFC 8945), HMAC-SHA256.
    pub key_name: String,
    /// The key, in base64.
    pub key: Secret<String>,
    container: String,
}

impl Dns {
    /// Starts the authority for `zone`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start(network: &LabNetwork, zone: &str, resolver: Ipv4Addr) -> Result<Self, DockerError> {
        let (own, outside) = (network.address(LAST).to_string(), resolver.to_string());
        let command = ["/opt/lab/dns.sh", zone, &own, &outside];
        let (container, address) = start(network, "dns", LAST, &[], &command).await?;
        let question = ["kdig", "@127.0.0.1", "+short", "+timeout=1", "+retry=0", zone, "SOA"];
        wait_for(&container, || async {
            match docker::exec(&container, &question).await {
                Ok(answer) if answer.contains("hostmaster") => Ok(()),
                Ok(answer) => Err(format!("it answers {answer:?}")),
                Err(error) => Err(error.to_string()),
            }
        })
        .await?;
        let key = docker::exec(&container, &["cat", "/etc/lab/tsig"]).await?;
        Ok(Self {
            address,
            zone: zone.to_owned(),
            key_name: "lab.".to_owned(),
            key: Secret::new(key),
            container,
        })
    }

    /// Adds a record, for example `("shop.a.lab.test", "A", "10.70.1.20")`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn add_record(&self, name: &str, kind: &str, value: &str) -> Result<(), DockerError> {
        self.update(&format!("add {name}. 5 {kind} {value}")).await
    }

    /// Removes every record of that name and kind.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn remove_record(&self, name: &str, kind: &str) -> Result<(), DockerError> {
        self.update(&format!("del {name}. {kind}")).await
    }

    /// What the authority answers, one value a line of its own.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn records(&self, name: &str, kind: &str) -> Result<Vec<String>, DockerError> {
        let answer = docker::exec(&self.container, &["kdig", "@127.0.0.1", "+short", name, kind]).await?;
        Ok(answer.lines().map(str::to_owned).collect())
    }

    async fn update(&self, change: &str) -> Result<(), DockerError> {
        let Self { zone, key_name, key, .. } = self;
        let key = key.expose();
        let script = format!(
            "server 127.0.0.1\nzone {zone}.\nkey hmac-sha256:{key_name} {key}\n{change}\nsend\nquit\n"
        );
        let said = docker::exec_with_input(&self.container, &["knsupdate"], script.as_bytes()).await?;
        if said.contains("error") || said.contains("failed") {
            return Err(DockerError::failed(format!("DNS update {change:?}"), said));
        }
        Ok(())
    }
}
