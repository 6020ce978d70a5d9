//! The DNS entries that a customer's domain needs, and what is there now. Pure.

use std::net::IpAddr;

use letsbe_catalog::Catalog;
use letsbe_lifecycle::order::{Phase, State};
use letsbe_store::Order;
use letsbe_types::DomainName;

/// One entry to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of the record.
    pub name: String,
    /// `A` or `AAAA`.
    pub kind: &'static str,
    /// The address that it must give.
    pub wanted: String,
    /// What it gives.
    pub now: Now,
}

/// What the zone gives for a name at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Now {
    /// What is wanted.
    Right,
    /// No record.
    Nothing,
    /// Nobody could be asked.
    Unknown,
    /// Something else, in the checker's words.
    Wrong(String),
}

/// All entries of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// One by one.
    pub all: Vec<Entry>,
    /// The zone itself cannot be read.
    pub unread: bool,
}

/// The entries of an order that waits for them; `None` for any other.
#[must_use]
pub fn of_order(catalog: &Catalog, order: &Order) -> Option<Entries> {
    let address = order.state.address.filter(|_| order.state.phase == Phase::DnsPending)?;
    let selection = catalog.select(order.new.tier, &order.new.tools).ok()?;
    Some(of(&order.state, &selection.hostnames(catalog, &order.new.domain), address))
}

fn of(state: &State, names: &[DomainName], address: IpAddr) -> Entries {
    let message = state.problem.as_ref().map(|problem| problem.message.as_str()).unwrap_or_default();
    let listed = message.split_once(": ").map(|(_, list)| list).unwrap_or_default();
    let lines: Vec<&str> = listed.split("; ").collect();
    let line_of = |name: &DomainName| lines.iter().find_map(|line| line.strip_prefix(&format!("{name}. ")));
    let unread = !names.iter().any(|name| line_of(name).is_some());
    let now = |name: &DomainName| match line_of(name) {
        _ if unread => Now::Unknown,
        None => Now::Right,
        Some(line) => found(line),
    };
    let all = names.iter().map(|name| Entry {
        name: name.to_string(),
        kind: if address.is_ipv4() { "A" } else { "AAAA" },
        wanted: address.to_string(),
        now: now(name),
    });
    Entries { all: all.collect(), unread }
}

/// `A 192.0.2.7 (ns1 gives nothing)`: what stands in the brackets.
fn found(line: &str) -> Now {
    let said = line.split_once(" (").map(|(_, said)| said.strip_suffix(')').unwrap_or(said));
    match said {
        None => Now::Nothing,
        Some(said) if said.ends_with(" gives nothing") => Now::Nothing,
        Some(said) if said.starts_with("not known yet") => Now::Unknown,
        Some(said) => Now::Wrong(said.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use letsbe_dns::{Answer, Way, missing_lines};
    use letsbe_lifecycle::order::{Event, Pace, Phase, State, transition};
    use letsbe_types::DomainName;

    use super::{Now, of};

    fn names() -> Vec<DomainName> {
        let all = ["a.example", "blog.a.example", "crm.a.example", "xblog.a.example"];
        all.map(|name| name.parse().unwrap()).to_vec()
    }

    fn seen(event: &Event) -> State {
        let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let state = State { phase: Phase::DnsPending, ..State::new() };
        transition(&state, event, now, &Pace::default()).unwrap().state
    }

    #[test]
    fn every_name_has_its_entry_and_what_is_there_now() {
        let wanted = "192.0.2.7".parse().unwrap();
        let given: [&[&str]; 4] = [&[], &["192.0.2.9"], &["192.0.2.7"], &["192.0.2.7", "2001:db8::1"]];
        let answers: Vec<Answer> = names()
            .into_iter()
            .zip(given)
            .map(|(name, given)| Answer {
                name,
                server: "ns1".into(),
                addresses: given.iter().map(|address| address.parse().unwrap()).collect(),
                way: Way::Zone,
            })
            .collect();
        let mut missing = missing_lines(&answers, wanted);
        missing.push("elsewhere.example. A 192.0.2.7 (not known yet: a; b.a.example. c)".into());
        let entries = of(&seen(&Event::DnsIncomplete { missing }), &names(), wanted);
        assert!(!entries.unread);
        let shown: Vec<_> = entries.all.iter().map(|entry| (entry.name.as_str(), &entry.now)).collect();
        assert_eq!(
            shown,
            [
                ("a.example", &Now::Nothing),
                ("blog.a.example", &Now::Wrong("ns1 gives A 192.0.2.9 instead".into())),
                ("crm.a.example", &Now::Right),
                ("xblog.a.example", &Now::Wrong("ns1 also gives AAAA 2001:db8::1: remove it".into())),
            ]
        );
        assert!(entries.all.iter().all(|entry| entry.kind == "A" && entry.wanted == "192.0.2.7"));
    }

    #[test]
    fn a_zone_that_nobody_answers_for_hides_no_entry() {
        let why = "nobody is authoritative for a.example: is the domain registered?".to_owned();
        let entries = of(&seen(&Event::DnsUnreadable { why }), &names(), "2001:db8::7".parse().unwrap());
        assert!(entries.unread);
        assert_eq!(entries.all.len(), 4);
        assert!(entries.all.iter().all(|entry| entry.now == Now::Unknown && entry.kind == "AAAA"));
    }
}
