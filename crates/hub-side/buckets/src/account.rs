//! An account at a service: where it is, and the key that opens it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use letsbe_types::{Secret, is_own_address, is_private_host};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

use crate::BucketError;

const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);

/// An S3 service, and where its IAM answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Base address, without a bucket.
    pub endpoint: String,
    /// Region, as the service names it.
    pub region: String,
    /// Base address of IAM; many services answer both at the same address.
    pub iam_endpoint: String,
    /// Region that requests to IAM are signed for.
    pub iam_region: String,
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its public half.
    pub id: String,
    /// Its secret half.
    pub secret: Secret<String>,
}

/// An account at a service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Account {
    pub(crate) http: reqwest::Client,
    pub(crate) service: Service,
    pub(crate) key: AccessKey,
}

/// An address that keys must not be used at.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{address:?} is not an address of a storage service: {why}")]
pub struct AddressRefused {
    /// The address.
    pub address: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// An address as it is used: `https://…` (`http://` only where nobody else can read along), without a path.
///
/// # Errors
/// When it is another one.
pub fn checked_address(address: &str) -> Result<String, AddressRefused> {
    let refused = |why| AddressRefused { address: address.to_owned(), why };
    let url = reqwest::Url::parse(address).map_err(|_| refused("it is no address"))?;
    let host = url.host_str().ok_or_else(|| refused("it names no host"))?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(refused("it must not have a path"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it must not carry a login"));
    }
    if is_link_local(host) {
        return Err(refused(
            "only this machine's own link has such an address: a cloud's metadata service is there",
        ));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_private_host(host) => {}
        "http" => return Err(refused("keys and backups need https:// outside a private network")),
        _ => return Err(refused("it must begin with https://")),
    }
    Ok(address.trim_end_matches('/').to_owned())
}

/// `169.254.…`, `fe80::…`, and the first written as the second. Numbers in other bases and digits of other alphabets were read
/// by the address's own parser.
fn is_link_local(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => is_own_address(address) && !address.is_loopback(),
        Err(_) => host.trim_end_matches('.') == "metadata.google.internal",
    }
}

/// Looks names up for each connection, and connects to none that leads to this machine or its link without saying so.
#[derive(Debug)]
struct Outward;

impl Resolve for Outward {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(outward(name.as_str(), found)?.into_iter()) as Addrs)
        })
    }
}

fn outward(name: &str, found: impl Iterator<Item = SocketAddr>) -> std::io::Result<Vec<SocketAddr>> {
    let kept: Vec<SocketAddr> =
        found.filter(|address| name == "localhost" || !is_own_address(address.ip())).collect();
    if kept.is_empty() {
        let why = "the name leads to this machine or its own link";
        return Err(std::io::Error::new(std::io::ErrorKind::AddrNotAvailable, why));
    }
    Ok(kept)
}

impl Account {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(service: Service, key: AccessKey) -> Result<Self, BucketError> {
        let made = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .dns_resolver(Arc::new(Outward))
            // A signature is for one address; whoever sends us elsewhere gets nothing.
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let failed = |error: reqwest::Error| BucketError::Unreachable {
            endpoint: service.endpoint.clone(),
            why: error.to_string(),
        };
        Ok(Self { http: made.map_err(failed)?, service, key })
    }

    /// The same service, opened with another key.
    #[must_use]
    pub fn with_key(&self, key: AccessKey) -> Self {
        Self { key, ..self.clone() }
    }

    /// The service.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &AccessKey {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::{checked_address, outward};

    #[test]
    fn keys_go_to_encrypted_addresses_or_stay_in_a_private_network() {
        for good in
            ["https://s3.example.com", "https://s3.example.com/", "http://127.0.0.1:9000", "http://10.1.2.3"]
        {
            assert_eq!(checked_address(good).expect(good), good.trim_end_matches('/'));
        }
        for bad in [
            "http://s3.example.com",
            "https://s3.example.com/bucket",
            "https://key:secret@s3.example.com",
            "https://s3.example.com?x=1",
            "ftp://127.0.0.1",
            "http://169.254.169.254",
            "https://169.254.169.254",
            "https://[fe80::1]",
            "https://[::ffff:169.254.169.254]",
            "http://2852039166",
            "https://0xa9fea9fe",
            "https://0251.0376.0251.0376",
            "https://169.254.169.254.",
            "https://１６９.254.169.254",
            "https://169。254。169。254",
            "https://[64:ff9b::a9fe:a9fe]",
            "https://[::a9fe:a9fe]",
            "https://0.0.0.0",
            "https://metadata.google.internal.",
            "https://metadata.google.internal",
            "s3.example.com",
            "",
        ] {
            assert!(checked_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_name_leads_to_this_machine_or_its_link() {
        let look = |name, found: &[&str]| {
            let found = found.iter().map(|address| address.parse().expect("an address"));
            outward(name, found).map(|kept| kept.len()).ok()
        };
        assert_eq!(look("s3.example.com", &["192.0.2.1:443", "[2001:db8::1]:443"]), Some(2));
        assert_eq!(look("s3.internal", &["10.0.0.7:443"]), Some(1));
        assert_eq!(look("s3.example.com", &["127.0.0.1:443", "192.0.2.1:443"]), Some(1));
        for own in
            ["127.0.0.1:443", "[::1]:443", "169.254.169.254:80", "[::ffff:127.0.0.1]:443", "0.0.0.0:80"]
        {
            assert_eq!(look("s3.example.com", &[own]), None, "{own}");
        }
        assert_eq!(look("localhost", &["127.0.0.1:9000"]), Some(1), "who says so means it");
    }
}
