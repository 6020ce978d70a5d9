//! The decision: what is missing, and what to type.

use std::net::IpAddr;

use letsbe_types::DomainName;

/// What one authoritative server gives for one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name asked for.
    pub name: DomainName,
    /// The server asked.
    pub server: String,
    /// All A and AAAA records that visitors come to.
    pub addresses: Vec<IpAddr>,
    /// How they come to them.
    pub way: Way,
}

/// How a name leads to its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By records of the zone itself.
    Zone,
    /// By an alias for a name outside of the zone.
    Alias(String),
    /// By another zone, at this name server.
    Delegation(String),
}

/// One line per name that is not right at every server: the record to type, and what is there now.
///
/// A name is right when each server gives the wanted address and no other of the same family, and no address of the
/// other family (which visitors would prefer, and which leads elsewhere). Two records for one name would send half
/// of the visitors elsewhere, so they count as wrong.
#[must_use]
pub fn missing_lines(answers: &[Answer], wanted: IpAddr) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut names: Vec<&DomainName> = answers.iter().map(|answer| &answer.name).collect();
    names.sort();
    names.dedup();
    for name in names {
        let wrong = answers.iter().find(|answer| &answer.name == name && answer.addresses != [wanted]);
        if let Some(answer) = wrong {
            lines.push(format!("{name}. {} {wanted} ({})", record_type(wanted), found(answer, wanted)));
        }
    }
    lines
}

pub(crate) const fn record_type(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "A" } else { "AAAA" }
}

fn found(answer: &Answer, wanted: IpAddr) -> String {
    let leads = || match answer.addresses.as_slice() {
        [] => "leads nowhere".to_owned(),
        all => format!("leads to {}", all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    match &answer.way {
        Way::Zone => {}
        Way::Alias(target) => {
            return format!("{} gives the alias CNAME {target}, which {}: remove it", answer.server, leads());
        }
        Way::Delegation(host) => {
            return format!(
                "the name is given to the name server {host} and {}: remove its NS records",
                leads()
            );
        }
    }
    let extra: Vec<String> = answer
        .addresses
        .iter()
        .filter(|address| **address != wanted)
        .map(|address| format!("{} {address}", record_type(*address)))
        .collect();
    match (extra.is_empty(), answer.addresses.contains(&wanted)) {
        (true, _) => format!("{} gives nothing", answer.server),
        (false, true) => format!("{} also gives {}: remove it", answer.server, extra.join(", ")),
        (false, false) => format!("{} gives {} instead", answer.server, extra.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Way, missing_lines};

    fn answer(name: &str, server: &str, addresses: &[&str]) -> Answer {
        Answer {
            name: name.parse().expect("a name"),
            server: server.to_owned(),
            addresses: addresses.iter().map(|address| address.parse().expect("an address")).collect(),
            way: Way::Zone,
        }
    }

    #[test]
    fn each_wrong_name_is_named_once_with_the_line_to_type() {
        let wanted = "192.0.2.7".parse().expect("an address");
        let answers = [
            answer("example.com", "ns1", &["192.0.2.7"]),
            answer("blog.example.com", "ns1", &["192.0.2.7"]),
            answer("blog.example.com", "ns2", &[]),
            answer("crm.example.com", "ns1", &["192.0.2.9"]),
            answer("files.example.com", "ns1", &["192.0.2.7", "2001:db8::1"]),
        ];
        assert_eq!(
            missing_lines(&answers, wanted),
            [
                "blog.example.com. A 192.0.2.7 (ns2 gives nothing)",
                "crm.example.com. A 192.0.2.7 (ns1 gives A 192.0.2.9 instead)",
                "files.example.com. A 192.0.2.7 (ns1 also gives AAAA 2001:db8::1: remove it)",
            ]
        );
    }

    #[test]
    fn nothing_is_missing_when_every_server_gives_the_address() {
        let wanted = "192.0.2.7".parse().expect("an address");
        let answers =
            [answer("a.example", "ns1", &["192.0.2.7"]), answer("a.example", "ns2", &["192.0.2.7"])];
        assert_eq!(missing_lines(&answers, wanted), Vec::<String>::new());
    }
}
