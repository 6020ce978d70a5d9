use std::net::IpAddr;

/// Whether a host (as it stands in an address, brackets included) never leaves this machine or its own network, so that
/// nobody else can read along. Names are not looked up: only `localhost` counts.
#[must_use]
pub fn is_private_host(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => host == "localhost",
    }
}
