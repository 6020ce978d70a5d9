//! The certificate authority: Pebble, in a container.

use std::net::Ipv4Addr;

use super::{start, wait_for};
use crate::{
    docker::{self, DockerError},
    network::LabNetwork,
};

const LAST: u8 = 13;

/// The certificate authority (Pebble). It checks names at port 80 and asks the lab's DNS for them.
#[derive(Debug)]
pub struct Acme {
    /// The address of the ACME directory.
    pub directory: String,
    /// Who signed the authority's own HTTPS certificate (PEM): an ACME client must trust it.
    pub ca_pem: String,
    /// The root of the certificates that it issues (PEM): who visits a tenant's pages must trust it.
    pub issuer_pem: String,
    /// Where it answers.
    pub address: Ipv4Addr,
}

impl Acme {
    /// Starts the authority, which asks the DNS server at `dns`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start(network: &LabNetwork, dns: Ipv4Addr) -> Result<Self, DockerError> {
        let (own, dns) = (network.address(LAST).to_string(), dns.to_string());
        let (container, address) =
            start(network, "acme", LAST, &[], &["/opt/lab/acme.sh", &own, &dns]).await?;
        let ca_pem = wait_for(&container, || async {
            docker::exec(&container, &["cat", "/var/lib/acme/ca.pem"])
                .await
                .map_err(|error| error.to_string())
        })
        .await?;
        let ca_pem = ca_pem + "\n";
        let client = client(&ca_pem)?;
        let issuer = format!("https://{address}:15000/roots/0");
        let issuer_pem = wait_for(&container, || async {
            let answer = client.get(&issuer).send().await.and_then(reqwest::Response::error_for_status);
            let text = answer.map_err(|error| format!("{error:?}"))?.text().await;
            text.map_err(|error| error.to_string())
        })
        .await?;
        Ok(Self { directory: format!("https://{address}:14000/dir"), ca_pem, issuer_pem, address })
    }

    /// An HTTP client that trusts the authority's own pages.
    ///
    /// # Errors
    /// When the certificate cannot be read.
    pub fn client(&self) -> Result<reqwest::Client, DockerError> {
        client(&self.ca_pem)
    }
}

fn client(ca_pem: &str) -> Result<reqwest::Client, DockerError> {
    let certificate = reqwest::Certificate::from_pem(ca_pem.as_bytes());
    certificate
        .and_then(|certificate| reqwest::Client::builder().tls_certs_only([certificate]).build())
        .map_err(|error| DockerError::failed("the authority's certificate", format!("{error:?}")))
}
