//! Against name servers of our own on the loopback interface.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use letsbe_types::DomainName;
use tokio::net::UdpSocket;

use super::DnsChecker;

const RIGHT: [u8; 4] = [192, 0, 2, 7];
const WRONG: [u8; 4] = [192, 0, 2, 9];
const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// Records by name and type, as they stand on the wire.
type Records = BTreeMap<(&'static str, u16), Vec<u8>>;

fn wire(name: &str) -> Vec<u8> {
    let labels = name
        .split('.')
        .flat_map(|label| [&[u8::try_from(label.len()).expect("short")], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// Answers for its zones; for any other name it refuses, as real servers do.
async fn serve(socket: UdpSocket, zones: Arc<Vec<&'static str>>, records: Arc<Records>) {
    let mut query = [0; 1500];
    while let Ok((length, peer)) = socket.recv_from(&mut query).await {
        let (mut name, mut at) = (Vec::new(), 12);
        while query[at] != 0 {
            let end = at + 1 + usize::from(query[at]);
            name.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
            at = end;
        }
        let (name, end) = (name.join("."), at + 5);
        assert!(end <= length);
        let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
        let ours = zones.iter().any(|zone| name == *zone || name.ends_with(&format!(".{zone}")));
        let find = |kind: u16| records.iter().find(|((n, k), _)| *n == name && *k == kind);
        let found = find(kind).or_else(|| find(CNAME)).filter(|_| ours);
        let code = if ours { 0 } else { 5 };
        let mut reply =
            [&query[..2], &[0x84, 0x80 | code, 0, 1, 0, u8::from(found.is_some()), 0, 0, 0, 0]].concat();
        reply.extend(&query[12..end]);
        if let Some(((_, kind), data)) = found {
            reply.extend([0xc0, 12]);
            reply.extend(kind.to_be_bytes());
            reply.extend([0, 1, 0, 0, 0, 60]);
            reply.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
            reply.extend(data);
        }
        socket.send_to(&reply, peer).await.expect("sent");
    }
}

/// A resolver that knows everything, and a name server at another address of the same port.
async fn network(everything: Records, server: &str, zone: &'static str, own: Records) -> (DnsChecker, u16) {
    let resolver = UdpSocket::bind(("127.0.0.1", 0)).await.expect("a port");
    let at: SocketAddr = resolver.local_addr().expect("an address");
    let server = UdpSocket::bind((server, at.port())).await.expect("the same port");
    tokio::spawn(serve(resolver, Arc::new(vec!["test"]), Arc::new(everything)));
    tokio::spawn(serve(server, Arc::new(vec![zone]), Arc::new(own)));
    (DnsChecker { resolver: Some(at) }, at.port())
}

async fn missing(
    checker: &DnsChecker,
    port: u16,
    domain: &str,
    names: &[&str],
) -> Result<Vec<String>, String> {
    let name = |name: &str| name.parse::<DomainName>().expect("a name");
    let names: Vec<DomainName> = names.iter().map(|n| name(n)).collect();
    let found = checker.missing_at(&name(domain), &names, RIGHT.into(), port).await;
    found.map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_leaves_the_zone_is_followed_and_what_is_wrong_is_named_with_the_line_to_change() {
    let everything = Records::from([
        (("shop.test", NS), wire("ns1.shop.test")),
        (("ns1.shop.test", A), vec![127, 0, 0, 2]),
        (("host.target.test", A), RIGHT.into()),
        (("other.target.test", A), WRONG.into()),
        (("given.shop.test", NS), wire("ns.target.test")),
        (("given.shop.test", A), RIGHT.into()),
        (("lost.shop.test", NS), wire("ns.target.test")),
        (("lost.shop.test", A), WRONG.into()),
    ]);
    let own = Records::from([
        (("shop.test", A), RIGHT.into()),
        (("blog.shop.test", CNAME), wire("host.target.test")),
        (("crm.shop.test", CNAME), wire("other.target.test")),
        (("files.shop.test", CNAME), wire("nowhere.target.test")),
        (("chat.shop.test", CNAME), wire("host.elsewhere.example")),
        (("wiki.shop.test", A), WRONG.into()),
    ]);
    let (checker, port) = network(everything, "127.0.0.2", "shop.test", own).await;
    let right = ["shop.test", "blog.shop.test", "given.shop.test"];
    assert_eq!(missing(&checker, port, "shop.test", &right).await, Ok(vec![]));
    let wrong = [
        "blog.shop.test",
        "crm.shop.test",
        "files.shop.test",
        "lost.shop.test",
        "wiki.shop.test",
        "none.shop.test",
    ];
    assert_eq!(
        missing(&checker, port, "shop.test", &wrong).await.expect("lines"),
        [
            "crm.shop.test. A 192.0.2.7 (ns1.shop.test gives the alias CNAME other.target.test, which leads to 192.0.2.9: remove it)",
            "files.shop.test. A 192.0.2.7 (ns1.shop.test gives the alias CNAME nowhere.target.test, which leads nowhere: remove it)",
            "lost.shop.test. A 192.0.2.7 (the name is given to the name server ns.target.test and leads to 192.0.2.9: remove its NS records)",
            "none.shop.test. A 192.0.2.7 (ns1.shop.test gives nothing)",
            "wiki.shop.test. A 192.0.2.7 (ns1.shop.test gives A 192.0.2.9 instead)",
        ]
    );
    // A name that nobody can answer for hides nothing.
    let lines =
        missing(&checker, port, "shop.test", &["chat.shop.test", "wiki.shop.test"]).await.expect("lines");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("wiki.shop.test. A") && lines[1].starts_with("chat.shop.test. A"),
        "{lines:?}"
    );
    assert!(lines[1].contains("not known yet"), "{lines:?}");
    let alone = missing(&checker, port, "shop.test", &["chat.shop.test", "shop.test"]).await;
    assert!(alone.expect_err("not known").contains("did not answer"));
}

#[tokio::test]
async fn aliases_of_every_kind_end_as_right_or_are_named() {
    let everything = Records::from([
        (("shop.test", NS), wire("ns1.shop.test")),
        (("ns1.shop.test", A), vec![127, 0, 0, 2]),
        (("host.target.test", A), RIGHT.into()),
        (("six.target.test", AAAA), std::net::Ipv6Addr::LOCALHOST.octets().into()),
        (("hop.target.test", CNAME), wire("host.target.test")),
        (("one.target.test", CNAME), wire("two.target.test")),
        (("two.target.test", CNAME), wire("one.target.test")),
        (("next.shop.test", CNAME), wire("hop.target.test")),
        (("self.shop.test", CNAME), wire("self.shop.test")),
        (("round.shop.test", CNAME), wire("again.shop.test")),
        (("again.shop.test", CNAME), wire("round.shop.test")),
    ]);
    let own = Records::from([
        // An alias at the top of a zone is against the rules, and some servers give one.
        (("shop.test", CNAME), wire("host.target.test")),
        (("within.shop.test", CNAME), wire("address.shop.test")),
        (("address.shop.test", A), RIGHT.into()),
        (("chain.shop.test", CNAME), wire("next.shop.test")),
        (("next.shop.test", CNAME), wire("hop.target.test")),
        (("capital.shop.test", CNAME), wire("HOST.Target.TEST")),
        (("six.shop.test", CNAME), wire("six.target.test")),
        (("self.shop.test", CNAME), wire("self.shop.test")),
        (("round.shop.test", CNAME), wire("again.shop.test")),
        (("again.shop.test", CNAME), wire("round.shop.test")),
        (("away.shop.test", CNAME), wire("one.target.test")),
    ]);
    let (checker, port) = network(everything, "127.0.0.2", "shop.test", own).await;
    let right = ["shop.test", "within.shop.test", "chain.shop.test", "capital.shop.test"];
    for name in right {
        assert_eq!(missing(&checker, port, "shop.test", &[name]).await, Ok(vec![]), "{name}");
    }
    for (name, target, leads) in [
        ("six.shop.test", "six.target.test", "leads to ::1"),
        ("self.shop.test", "self.shop.test", "leads nowhere"),
        ("round.shop.test", "again.shop.test", "leads nowhere"),
        ("away.shop.test", "one.target.test", "leads nowhere"),
    ] {
        let line = format!(
            "{name}. A 192.0.2.7 (ns1.shop.test gives the alias CNAME {target}, which {leads}: remove it)"
        );
        assert_eq!(missing(&checker, port, "shop.test", &[name]).await, Ok(vec![line]), "{name}");
    }
}

#[tokio::test]
async fn name_servers_without_ipv4_are_asked_over_ipv6() {
    let everything = Records::from([
        (("six.test", NS), wire("ns1.six.test")),
        (("ns1.six.test", AAAA), std::net::Ipv6Addr::LOCALHOST.octets().into()),
    ]);
    let own = Records::from([(("six.test", A), RIGHT.into())]);
    let (checker, port) = network(everything, "::1", "six.test", own).await;
    assert_eq!(missing(&checker, port, "six.test", &["six.test"]).await, Ok(vec![]));
    let lines = missing(&checker, port, "six.test", &["blog.six.test"]).await.expect("lines");
    assert_eq!(lines, ["blog.six.test. A 192.0.2.7 (ns1.six.test gives nothing)"]);
}
