//! The edge: finding the authoritative servers and asking them.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures::future::try_join_all;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType},
};
use letsbe_types::DomainName;
use thiserror::Error;

use crate::compare::{Answer, missing_lines};

const TIMEOUT: Duration = Duration::from_secs(3);
/// More servers than this are not asked; the root itself has 13.
const SERVERS_MAX: usize = 13;

/// Why nothing could be said about the records.
#[derive(Debug, Error)]
pub enum DnsError {
    /// No zone was found for the name.
    #[error("nobody is authoritative for {domain}: is the domain registered, and are its name servers set?")]
    NoZone {
        /// The customer's domain.
        domain: DomainName,
    },
    /// A server did not answer. That is not the same as "there is no record".
    #[error("{server} did not answer for {name}: {why}")]
    Silent {
        /// Who was asked.
        server: String,
        /// For what.
        name: String,
        /// Why.
        why: String,
    },
    /// The system's resolver cannot be used.
    #[error("the resolver cannot be set up: {0}")]
    Resolver(String),
}

/// Asks for records.
#[derive(Debug, Clone, Default)]
pub struct DnsChecker {
    /// Where to begin; the system's resolver if `None`.
    pub resolver: Option<SocketAddr>,
}

impl DnsChecker {
    /// The lines that the customer still has to type, so that all `names` lead to `address`; none when all is well.
    ///
    /// # Errors
    /// When the zone or its servers cannot be found or do not answer.
    pub async fn missing(
        &self,
        domain: &DomainName,
        names: &[DomainName],
        address: IpAddr,
    ) -> Result<Vec<String>, DnsError> {
        let servers = self.authoritative_servers(domain).await?;
        let questions = servers.iter().flat_map(|(server, resolver)| {
            names.iter().map(move |name| async move {
                let (v4, v6) = tokio::try_join!(
                    addresses(resolver, server, name.as_str(), RecordType::A),
                    addresses(resolver, server, name.as_str(), RecordType::AAAA),
                )?;
                let addresses = v4.into_iter().chain(v6).collect();
                Ok::<_, DnsError>(Answer { name: name.clone(), server: server.clone(), addresses })
            })
        });
        Ok(missing_lines(&try_join_all(questions).await?, address))
    }

    /// The zone's own servers: the first NS set found walking up from the domain.
    async fn authoritative_servers(
        &self,
        domain: &DomainName,
    ) -> Result<Vec<(String, TokioResolver)>, DnsError> {
        let start = self.starting_resolver()?;
        let labels: Vec<&str> = domain.as_str().split('.').collect();
        for skip in 0..labels.len() - 1 {
            let zone = labels[skip..].join(".");
            let records = lookup(&start, "the resolver", &zone, RecordType::NS).await?;
            let hosts: Vec<String> = records
                .iter()
                .filter_map(|data| if let RData::NS(host) = data { Some(host.0.to_utf8()) } else { None })
                .take(SERVERS_MAX)
                .collect();
            if hosts.is_empty() {
                continue;
            }
            let mut servers = Vec::new();
            for host in hosts {
                for address in addresses(&start, "the resolver", &host, RecordType::A).await? {
                    servers.push((
                        host.trim_end_matches('.').to_owned(),
                        at(SocketAddr::new(address, 53), false)?,
                    ));
                }
            }
            if !servers.is_empty() {
                return Ok(servers);
            }
        }
        Err(DnsError::NoZone { domain: domain.clone() })
    }

    fn starting_resolver(&self) -> Result<TokioResolver, DnsError> {
        match self.resolver {
            Some(address) => at(address, true),
            None => {
                let wrong = |error: NetError| DnsError::Resolver(error.to_string());
                let mut builder = TokioResolver::builder_tokio().map_err(wrong)?;
                builder.options_mut().cache_size = 0;
                builder.build().map_err(wrong)
            }
        }
    }
}

/// A resolver that asks exactly one server and remembers nothing.
fn at(server: SocketAddr, recursion: bool) -> Result<TokioResolver, DnsError> {
    let with_port = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    let connections = vec![with_port(ConnectionConfig::udp()), with_port(ConnectionConfig::tcp())];
    let config =
        ResolverConfig::from_name_servers(vec![NameServerConfig::new(server.ip(), true, connections)]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.cache_size = 0;
    options.recursion_desired = recursion;
    options.use_hosts_file = ResolveHosts::Never;
    options.timeout = TIMEOUT;
    options.attempts = 2;
    builder.build().map_err(|error| DnsError::Resolver(error.to_string()))
}

async fn lookup(
    resolver: &TokioResolver,
    server: &str,
    name: &str,
    record_type: RecordType,
) -> Result<Vec<RData>, DnsError> {
    // The final dot keeps the system's search list out of it.
    let name = format!("{}.", name.trim_end_matches('.'));
    match resolver.lookup(name.as_str(), record_type).await {
        Ok(found) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
        Err(error) if error.is_no_records_found() => Ok(Vec::new()),
        Err(error) => Err(DnsError::Silent { server: server.to_owned(), name, why: error.to_string() }),
    }
}

async fn addresses(
    resolver: &TokioResolver,
    server: &str,
    name: &str,
    record_type: RecordType,
) -> Result<Vec<IpAddr>, DnsError> {
    let records = lookup(resolver, server, name, record_type).await?;
    let address = |data: RData| match data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    };
    Ok(records.into_iter().filter_map(address).collect())
}
