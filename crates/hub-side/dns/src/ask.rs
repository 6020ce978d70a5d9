//! The edge: finding the authoritative servers and asking them.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures::future::join_all;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType},
};
use letsbe_types::DomainName;
use thiserror::Error;

use crate::compare::{Answer, Way, missing_lines, record_type};

/// Where name servers answer.
const PORT: u16 = 53;
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
        self.missing_at(domain, names, address, PORT).await
    }

    /// The same, with the port that name servers answer on.
    async fn missing_at(
        &self,
        domain: &DomainName,
        names: &[DomainName],
        address: IpAddr,
        port: u16,
    ) -> Result<Vec<String>, DnsError> {
        let start = self.starting_resolver()?;
        let servers = authoritative_servers(&start, domain, port).await?;
        let questions = servers.iter().flat_map(|server| {
            let start = &start;
            names.iter().map(move |name| async move { (server, name, ask(start, server, name).await) })
        });
        let (mut answers, mut failures) = (Vec::new(), Vec::new());
        for (server, name, answer) in join_all(questions).await {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(error) => failures.push((server, name, error)),
            }
        }
        // Where this machine has no IPv6, a server that has nothing else is no obstacle, as long as others answer.
        let answered = |name: &DomainName| answers.iter().any(|answer| answer.name == *name);
        failures.retain(|(server, name, _)| !(server.spare && answered(name)));
        let mut lines = missing_lines(&answers, address);
        if lines.is_empty() {
            return failures.into_iter().next().map_or(Ok(lines), |(_, _, error)| Err(error));
        }
        // One name that is not known never hides what is known of the others.
        for (_, name, error) in failures {
            let start = format!("{name}. ");
            if !lines.iter().any(|line| line.starts_with(&start)) {
                lines.push(format!("{start}{} {address} (not known yet: {error})", record_type(address)));
            }
        }
        Ok(lines)
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

/// One address of one of the zone's own servers.
struct Server {
    name: String,
    zone: String,
    resolver: TokioResolver,
    /// Reached over IPv6 only, while the zone has servers with IPv4.
    spare: bool,
}

/// The zone's own servers: the first NS set found walking up from the domain.
async fn authoritative_servers(
    start: &TokioResolver,
    domain: &DomainName,
    port: u16,
) -> Result<Vec<Server>, DnsError> {
    let labels: Vec<&str> = domain.as_str().split('.').collect();
    for skip in 0..labels.len() - 1 {
        let zone = labels[skip..].join(".");
        let hosts = name_servers(start, &zone).await?;
        let (mut found, mut failure) = (Vec::new(), None);
        for host in hosts {
            match reached_at(start, &host).await {
                Ok(addresses) => found.extend(addresses.into_iter().map(|at| (host.clone(), at))),
                Err(error) => failure = Some(error),
            }
        }
        let four = found.iter().any(|(_, at)| at.is_ipv4());
        let servers = found.into_iter().map(|(name, at)| {
            let resolver = self::at(SocketAddr::new(at, port), false)?;
            Ok(Server { name, zone: zone.clone(), resolver, spare: four && at.is_ipv6() })
        });
        let servers = servers.collect::<Result<Vec<_>, DnsError>>()?;
        match failure {
            _ if !servers.is_empty() => return Ok(servers),
            Some(error) => return Err(error),
            None => {}
        }
    }
    Err(DnsError::NoZone { domain: domain.clone() })
}

async fn name_servers(start: &TokioResolver, zone: &str) -> Result<Vec<String>, DnsError> {
    let records = lookup(start, "the resolver", zone, RecordType::NS).await?;
    let hosts = records.iter().filter_map(|data| match data {
        RData::NS(host) => Some(host.0.to_utf8().trim_end_matches('.').to_owned()),
        _ => None,
    });
    Ok(hosts.take(SERVERS_MAX).collect())
}

/// Addresses of a name server: over IPv6 only if it has nothing else.
async fn reached_at(start: &TokioResolver, host: &str) -> Result<Vec<IpAddr>, DnsError> {
    let four = addresses(start, "the resolver", host, RecordType::A).await?;
    if four.is_empty() { addresses(start, "the resolver", host, RecordType::AAAA).await } else { Ok(four) }
}

/// What one server gives for a name. An alias that leaves its zone, and a name that it has given to others, are
/// followed from the start: the server itself knows nothing of them.
async fn ask(start: &TokioResolver, server: &Server, name: &DomainName) -> Result<Answer, DnsError> {
    let answer = |addresses, way| Answer { name: name.clone(), server: server.name.clone(), addresses, way };
    let own = both(&server.resolver, &server.name, name.as_str()).await;
    if let Ok(addresses) = &own
        && !addresses.is_empty()
    {
        return Ok(answer(addresses.clone(), Way::Zone));
    }
    let alias = lookup(&server.resolver, &server.name, name.as_str(), RecordType::CNAME).await;
    let target = alias.iter().flatten().find_map(|data| match data {
        RData::CNAME(target) => Some(target.0.to_utf8().trim_end_matches('.').to_owned()),
        _ => None,
    });
    if let Some(target) = target {
        return Ok(answer(both(start, "the resolver", &target).await?, Way::Alias(target)));
    }
    if name.as_str() != server.zone
        && let Some(host) = name_servers(start, name.as_str()).await?.into_iter().next()
    {
        return Ok(answer(both(start, "the resolver", name.as_str()).await?, Way::Delegation(host)));
    }
    own.map(|addresses| answer(addresses, Way::Zone))
}

/// A and AAAA records.
async fn both(resolver: &TokioResolver, server: &str, name: &str) -> Result<Vec<IpAddr>, DnsError> {
    let (v4, v6) = tokio::try_join!(
        addresses(resolver, server, name, RecordType::A),
        addresses(resolver, server, name, RecordType::AAAA),
    )?;
    Ok(v4.into_iter().chain(v6).collect())
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

#[cfg(test)]
mod tests;
