//! Hosts in addresses: what never leaves a machine or its network, and where nobody's copies are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

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
/// service is. Nobody's backups are there. Whatever a program may read as such an address counts: numbers in any base, digits
/// and dots of other alphabets, a dot at the end, an IPv4 address within IPv6. And a private address counts that is not
/// written as one: who means a private network writes it plainly. Names are not looked up: see [`is_inner_address`].
#[must_use]
pub fn is_own_host(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let plain = host.parse::<IpAddr>();
    let text = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    match Host::parse(&text) {
        Ok(Host::Ipv4(address)) => {
            is_own_address(address.into()) || plain.is_err() && is_inner_address(address.into())
        }
        Ok(Host::Ipv6(address)) => {
            let within = embedded(address).is_some_and(|inner| is_inner_address(inner.into()));
            is_own_address(address.into()) || within
        }
        Ok(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let last = name.rsplit('.').next().unwrap_or_default();
            name.is_empty() || last == "localhost" || METADATA.contains(&name)
        }
        // What one program refuses another may take for a number.
        Err(_) => true,
    }
}

/// Names of clouds' metadata services.
const METADATA: [&str; 2] = ["metadata.google.internal", "instance-data.ec2.internal"];

/// Whether an address is the machine's own, or only its link knows it.
#[must_use]
pub fn is_own_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.octets()[0] == 0
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unicast_link_local()
                || embedded(address).is_some_and(|inner| is_own_address(inner.into()))
        }
    }
}

/// Whether an address is the machine's own, its link's, or one of a private network. A name of the Internet that leads there
/// was made to.
#[must_use]
pub fn is_inner_address(address: IpAddr) -> bool {
    let inner = match address {
        IpAddr::V4(address) => {
            let shared = address.octets()[0] == 100 && (64..128).contains(&address.octets()[1]);
            address.is_private() || shared
        }
        IpAddr::V6(address) => {
            address.is_unique_local() || embedded(address).is_some_and(|inner| is_inner_address(inner.into()))
        }
    };
    inner || is_own_address(address)
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, translated (NAT64) or tunnelled (6to4).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => of(g, h),
        (0x2002, ..) => of(b, c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_inner_address, is_own_host};

    #[test]
    fn the_machine_itself_and_its_link_are_told_from_networks() {
        for own in [
            "localhost",
            "a.localhost",
            "LOCALHOST.",
            "ｌｏｃａｌｈｏｓｔ",
            "127.0.0.1",
            "127.0.0.1.",
            "127.9.9.9",
            "0.0.0.0",
            "0",
            "169.254.169.254",
            "169.254.169.254.",
            "[::1]",
            "::",
            "[fe80::1]",
            "::ffff:127.0.0.1",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::169.254.169.254]",
            "[2002:a9fe:a9fe::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:10.0.0.1]",
            "2130706433",
            "2852039166",
            "0x7f000001",
            "0X7F.1",
            "0xa9fea9fe",
            "0xa9.254.0251.254",
            "127.1",
            "127.0.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.nothing.localhost",
            "１２７.０.０.１",
            "127。0。0。1",
            "127．0．0．1",
            "①②⑦.⓪.⓪.①",
            "%31%32%37.0.0.1",
            "127.0.0.\u{ad}1",
            "0x0a000001",
            "012.0.0.1",
            "192.168.257",
            "metadata.google.internal",
            "METADATA.google.internal.",
            "256.256.256.256",
            "1.2.3.4.5",
            "fe80::1%eth0",
            "",
            ".",
        ] {
            assert!(is_own_host(own), "{own}");
        }
        for other in [
            "example.com",
            "example.com.",
            "10.0.0.1",
            "192.168.1.1",
            "8.8.8.8",
            "[fd00::1]",
            "[2001:db8::1]",
            "[2a00:1450:4001::1]",
            "s3.eu-1.example",
            "bücher.example",
            "127.example.com",
        ] {
            assert!(!is_own_host(other), "{other}");
        }
    }

    #[test]
    fn an_address_that_a_name_leads_to_is_inside_or_not() {
        for inside in ["127.0.0.1", "10.1.2.3", "172.20.0.1", "100.64.0.1", "169.254.169.254", "fd00::1"] {
            assert!(is_inner_address(inside.parse().expect("an address")), "{inside}");
        }
        for inside in ["::1", "fe80::1", "::ffff:192.168.1.1", "64:ff9b::a00:1", "2002:7f00:1::"] {
            assert!(is_inner_address(inside.parse().expect("an address")), "{inside}");
        }
        for outside in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2001:db8::1", "2002:808:808::"] {
            assert!(!is_inner_address(outside.parse().expect("an address")), "{outside}");
        }
    }
}
