//! Whether a destination leads back into this server or its link: by how it is written, and by what its name leads to just
//! now. A private network is no way back: storage of the customer's own may be there.

use std::net::{IpAddr, SocketAddr};

use letsbe_types::{Code, Problem, backup::Destination, is_own_address, is_own_host};

/// Looks at how a destination is written.
///
/// # Errors
/// `HOST025` when it is this server or its link, in any spelling, or a private network in another than the plain one.
pub(crate) fn written(destination: &Destination) -> Result<(), Problem> {
    let hosts = destination.hosts();
    if hosts.iter().any(|(host, _)| is_own_host(host)) {
        return Err(inside("it is this server itself, or its own link, however that is written"));
    }
    Ok(())
}

/// Looks where a destination's name leads just now. What has no answer is left to the far side's own word.
///
/// # Errors
/// `HOST025` when it leads to this server or its link.
pub(crate) async fn resolve(destination: &Destination) -> Result<(), Problem> {
    for (host, port) in destination.hosts() {
        // A private network that is written as an address is meant.
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            continue;
        }
        let Ok(addresses) = tokio::net::lookup_host((host.as_str(), port)).await else { continue };
        if leads_inside(addresses) {
            return Err(inside("its name leads to this server or its own link"));
        }
    }
    Ok(())
}

fn leads_inside(mut addresses: impl Iterator<Item = SocketAddr>) -> bool {
    addresses.any(|address| is_own_address(address.ip()))
}

fn inside(why: &str) -> Problem {
    Problem::permanent(
        Code::HOST025,
        format!("The backup destination is not used: {why}"),
        "Set a destination elsewhere.",
    )
}

#[cfg(test)]
mod tests {
    use letsbe_types::backup::Destination;
    use serde_json::json;

    use super::{leads_inside, resolve, written};

    fn s3(endpoint: &str) -> Destination {
        let text = json!({
            "kind": "s3", "endpoint": endpoint, "region": "eu", "bucket": "b", "prefix": "t",
            "access_key_id": "k", "secret_access_key": "s", "protection": { "is": "unprotected" },
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn a_destination_inside_is_refused_however_it_is_written() {
        for own in [
            "https://127.0.0.1",
            "https://2130706433:9000",
            "https://0x7f.1",
            "https://0177.0.0.1/",
            "https://127.0.0.1.",
            "https://１２７.0.0.1",
            "https://127。0。0。1",
            "https://[::ffff:7f00:1]",
            "https://[64:ff9b::7f00:1]",
            "https://localhost.",
            "https://169.254.169.254",
            "https://[fe80::1]",
            "https://[::ffff:10.0.0.1]",
            "no address",
        ] {
            let problem = written(&s3(own)).expect_err(own);
            assert_eq!(problem.code, "HOST025", "{own}");
        }
        // A private network is meant by whoever writes its address plainly.
        for good in
            ["https://s3.example.com", "http://10.1.2.3:9000", "https://[2001:db8::1]", "http://172.20.0.5"]
        {
            written(&s3(good)).unwrap_or_else(|problem| panic!("{good}: {problem}"));
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_where_it_is_looked_up() {
        // A name that every machine knows.
        let problem = resolve(&s3("https://localhost:9000")).await.unwrap_err();
        assert_eq!(problem.code, "HOST025");
        resolve(&s3("http://10.1.2.3:9000")).await.unwrap();
        let leads = |addresses: &[&str]| leads_inside(addresses.iter().map(|one| one.parse().unwrap()));
        assert!(leads(&["192.0.2.1:443", "127.0.0.2:443"]), "one of several is enough");
        assert!(!leads(&["10.0.0.1:443"]), "storage of the customer's own");
        assert!(!leads(&["192.0.2.1:443", "[2001:db8::1]:443"]));
    }
}
