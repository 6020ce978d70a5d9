use std::net::{IpAddr, Ipv4Addr};

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

/// Whether a host (brackets included) is the machine that asks, or only its own link knows it: where a cloud's metadata
/// service is. Nobody's backups are there. Numbers that some programs read as an address count too; names are not looked up.
#[must_use]
pub fn is_own_host(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let own = |address: Ipv4Addr| {
        address.is_loopback()
            || address.is_link_local()
            || address.is_multicast()
            || address.is_broadcast()
            || address.octets()[0] == 0
    };
    match host.parse() {
        Ok(IpAddr::V4(address)) => own(address),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unicast_link_local()
                || address.to_ipv4().is_some_and(own)
        }
        Err(_) => {
            let last = host.rsplit('.').next().unwrap_or_default();
            let is_number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
            last == "localhost" || host == "metadata.google.internal" || is_number
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_own_host;

    #[test]
    fn the_machine_itself_and_its_link_are_told_from_networks() {
        for own in [
            "localhost",
            "a.localhost",
            "LOCALHOST.",
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "169.254.169.254",
            "[::1]",
            "::",
            "[fe80::1]",
            "::ffff:127.0.0.1",
            "[::ffff:169.254.169.254]",
            "2130706433",
            "0x7f000001",
            "127.1",
            "0177.0.0.1",
            "metadata.google.internal",
            "",
        ] {
            assert!(is_own_host(own), "{own}");
        }
        for other in [
            "example.com",
            "10.0.0.1",
            "192.168.1.1",
            "8.8.8.8",
            "[fd00::1]",
            "[2001:db8::1]",
            "s3.eu-1.example",
        ] {
            assert!(!is_own_host(other), "{other}");
        }
    }
}
