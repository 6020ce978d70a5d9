//! Which addresses of a Hub are acceptable: encrypted ones, or such that never leave the machine or its network.

use letsbe_types::{Code, Problem, is_private_host};
use url::Url;

/// The address without a slash at its end.
///
/// # Errors
/// When it is no address, or an unencrypted one of the open internet.
pub fn checked(text: &str) -> Result<String, Problem> {
    let refused = |why: &str| {
        Problem::permanent(
            Code::HUB005,
            format!("The Hub's address `{text}` cannot be used: {why}"),
            "Give an https:// address. http:// is for loopback and private addresses only.",
        )
    };
    let url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
    let host = url.host_str().ok_or_else(|| refused("it names no host"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it carries a password"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_private_host(host) => {}
        "http" => return Err(refused("it is not encrypted")),
        _ => return Err(refused("it is neither https nor http")),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn unencrypted_addresses_are_private_ones() {
        let good = [
            "https://hub.example.com",
            "http://127.0.0.1:8080/",
            "http://172.17.0.1:80",
            "http://[fd00::1]:1",
            "http://localhost:3000",
        ];
        for address in good {
            assert!(checked(address).is_ok(), "{address}");
        }
        let bad = [
            "http://hub.example.com",
            "http://8.8.8.8",
            "ftp://10.0.0.1",
            "hub",
            "https://u:p@hub.example",
            "http://localhost.evil.example",
            "http://172.32.0.1",
        ];
        for address in bad {
            assert_eq!(checked(address).unwrap_err().code, "HUB005", "{address}");
        }
    }

    #[test]
    fn a_slash_at_the_end_is_dropped() {
        assert_eq!(checked("http://127.0.0.1:1/").unwrap(), "http://127.0.0.1:1");
    }
}
