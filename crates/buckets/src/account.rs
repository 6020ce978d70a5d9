//! An account at a service: where it is, and the key that opens it.

use std::{net::IpAddr, time::Duration};

use letsbe_types::{Secret, is_private_host};
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

/// `169.254.…`, `fe80::…`, and the first written as the second.
fn is_link_local(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_unicast_link_local() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_link_local())
        }
        Err(_) => host == "metadata.google.internal",
    }
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
    use super::checked_address;

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
            "https://metadata.google.internal",
            "s3.example.com",
            "",
        ] {
            assert!(checked_address(bad).is_err(), "{bad}");
        }
    }
}
