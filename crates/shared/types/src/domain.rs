//! Domain names and e-mail addresses, checked when they are made.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a domain name or e-mail address was refused.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{given}\" is not {expected}: {why}")]
pub struct InvalidName {
    given: String,
    expected: &'static str,
    why: &'static str,
}

impl InvalidName {
    fn new(given: &str, expected: &'static str, why: &'static str) -> Self {
        Self { given: given.chars().take(80).collect(), expected, why }
    }
}

/// A host name of at least two labels in lower-case ASCII (RFC 1123). An international name is kept in its `xn--` form,
/// whichever form it was given in.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

impl DomainName {
    /// The name as text, without a final dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `label.<this name>`; `@` means the name itself.
    ///
    /// # Errors
    /// When the result is no valid name.
    pub fn child(&self, label: &str) -> Result<Self, InvalidName> {
        if label == "@" { Ok(self.clone()) } else { format!("{label}.{}", self.0).parse() }
    }

    /// Whether nobody can own this name, or have it in the Internet's DNS: kept for tests, documents, other networks and
    /// the DNS itself (RFC 2606, 6761, 6762, 7686, 8375, 9476; ICANN's `internal`, `home`, `corp` and `mail`).
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let mut labels = self.0.rsplit('.');
        let (last, second) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
        RESERVED.contains(&last) || second == "example" && matches!(last, "com" | "net" | "org")
    }

    /// This name, or one above it.
    #[must_use]
    pub fn is_within(&self, zone: &str) -> bool {
        self.0.strip_suffix(zone).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }
}

/// Top-level domains that nobody can have a name in.
const RESERVED: [&str; 17] = [
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
    "test",
    "xn--zckzah",
];

fn label_problem(label: &str) -> Option<&'static str> {
    match label.as_bytes() {
        [] => Some("it has an empty label"),
        [b'-', ..] | [.., b'-'] => Some("a label starts or ends with a hyphen"),
        // Kept for what may come (RFC 5890): no authority certifies such a name.
        [_, _, b'-', b'-', ..] if !label.starts_with("xn--") => {
            Some("a label has hyphens as its third and fourth character")
        }
        bytes if bytes.len() > 63 => Some("a label is longer than 63 characters"),
        bytes if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') => {
            Some("only letters, digits and hyphens may stand in a label")
        }
        _ => None,
    }
}

impl FromStr for DomainName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let refuse = |why| Err(InvalidName::new(text, "a domain name", why));
        let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
        let international = !name.is_ascii() || name.split('.').any(|label| label.starts_with("xn--"));
        let name = match international {
            // Also refuses a label that only looks as if it stood for an international one.
            true => match idna::domain_to_ascii(&name) {
                Ok(name) => name.trim_end_matches('.').to_owned(),
                Err(_) => return refuse("it is no valid international name"),
            },
            false => name,
        };
        if name.len() > 253 {
            return refuse("it is longer than 253 characters");
        }
        let labels: Vec<&str> = name.split('.').collect();
        if labels.len() < 2 {
            return refuse("it needs at least two labels, as in example.com");
        }
        if let Some(why) = labels.iter().find_map(|label| label_problem(label)) {
            return refuse(why);
        }
        if labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
            return refuse("it looks like an IP address");
        }
        Ok(Self(name))
    }
}

/// An e-mail address of the plain `local@domain` form (a subset of RFC 5321 that every mail system takes).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// What stands after the `@`.
    #[must_use]
    pub fn domain(&self) -> DomainName {
        let (_, domain) = self.0.rsplit_once('@').unwrap_or_default();
        DomainName(domain.to_owned())
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let refuse = |why| Err(InvalidName::new(text, "an e-mail address", why));
        let Some((local, domain)) = text.trim().rsplit_once('@') else {
            return refuse("it has no @");
        };
        if local.is_empty() || local.len() > 64 {
            return refuse("the part before the @ must have 1 to 64 characters");
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        if !local.bytes().all(allowed)
            || local.starts_with('.')
            || local.ends_with('.')
            || local.contains("..")
        {
            return refuse("the part before the @ has a character that mail systems do not take");
        }
        let domain: DomainName = domain.parse().map_err(|_| {
            InvalidName::new(text, "an e-mail address", "the part after the @ is no domain name")
        })?;
        if local.len() + 1 + domain.as_str().len() > 254 {
            return refuse("it is longer than 254 characters");
        }
        Ok(Self(format!("{local}@{domain}")))
    }
}

macro_rules! as_text {
    ($($name:ident),+) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    )+};
}
as_text!(DomainName, EmailAddress);

#[cfg(test)]
mod tests {
    use super::{DomainName, EmailAddress};

    #[test]
    fn domain_names_are_normalised_or_refused() {
        for (given, kept) in [
            ("Example.COM.", "example.com"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÄCKEREI-Müller.de", "xn--bckerei-mller-bfb28a.de"),
            ("ba\u{308}ckerei.de", "xn--bckerei-5wa.de"),
            ("例え。jp", "xn--r8jz45g.jp"),
            ("straße.de", "xn--strae-oqa.de"),
            ("ａｃｍｅ．ｄｅ", "acme.de"),
            ("💩.la", "xn--ls8h.la"),
            ("مثال.example", "xn--mgbh0fb.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            (" a--b.example ", "a--b.example"),
            ("abc--d.example", "abc--d.example"),
            ("1.2.3.4.example", "1.2.3.4.example"),
        ] {
            assert_eq!(given.parse::<DomainName>().expect(given).as_str(), kept);
        }
        for bad in [
            "",
            "localhost",
            "a..b",
            "-a.com",
            "a-.com",
            "10.0.0.1",
            "a b.com",
            "xn--99999999.de",
            "xn--.de",
            "bü cher.example",
            "bü_cher.example",
            "a.com;rm",
            "a.com\nx",
            "ab--cd.de",
            "shop.XY--z.de",
            "xn--a.de",
            ".a.de",
            "https://a.de",
            "a.de/shop",
            "a.de:443",
            "*.a.de",
            "user@a.de",
            "[::1]",
            "a\u{200b}\u{202e}.de\u{0}",
            "$(id).de",
            "%41.de",
            "a_b.de",
            "'a'.de",
        ] {
            assert!(bad.parse::<DomainName>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn names_that_nobody_can_own_are_known_in_every_spelling() {
        for reserved in [
            "acme.test",
            "ACME.Example.",
            "shop.acme.invalid",
            "a.localhost",
            "drucker.local",
            "abc.onion",
            "crm.internal",
            "a.alt",
            "nas.home.arpa",
            "1.168.192.in-addr.arpa",
            "example.com",
            "www.Example.NET",
            "ｅｘａｍｐｌｅ．ｏｒｇ",
            "nas.lan",
            "例え.テスト",
        ] {
            assert!(reserved.parse::<DomainName>().expect(reserved).is_reserved(), "{reserved}");
        }
        for free in [
            "test.de",
            "example.de",
            "my-example.com",
            "example.com.br",
            "local.ch",
            "mail.com",
            "onion.net",
            "acme.test.de",
            "latest.dev",
        ] {
            assert!(!free.parse::<DomainName>().expect(free).is_reserved(), "{free}");
        }
    }

    #[test]
    fn a_name_is_within_its_own_zone_and_not_in_one_that_only_ends_alike() {
        for (name, zone, within) in [
            ("letsbe.de", "letsbe.de", true),
            ("a.b.letsbe.de", "letsbe.de", true),
            ("notletsbe.de", "letsbe.de", false),
            ("letsbe.de.com", "letsbe.de", false),
        ] {
            assert_eq!(name.parse::<DomainName>().expect(name).is_within(zone), within, "{name}");
        }
    }

    #[test]
    fn a_name_may_have_253_characters_and_a_label_63() {
        let name = |last: usize| {
            let (a, b, c) = ("a".repeat(63), "b".repeat(63), "c".repeat(63));
            format!("{a}.{b}.{c}.{}.de", "d".repeat(last))
        };
        let longest = name(58);
        assert_eq!(longest.len(), 253);
        assert_eq!(format!("{longest}.").parse::<DomainName>().expect("a final dot").as_str(), longest);
        assert!(name(59).parse::<DomainName>().is_err());
        assert!(format!("{}.de", "a".repeat(63)).parse::<DomainName>().is_ok());
        // Counted as it stands in the DNS, not as it was typed.
        for (label, fits) in [("a".repeat(64), false), ("ü".repeat(55), true), ("ü".repeat(60), false)] {
            assert_eq!(format!("{label}.de").parse::<DomainName>().is_ok(), fits, "{label}");
        }
    }

    #[test]
    fn email_addresses_are_normalised_or_refused() {
        assert_eq!(
            "Ann.B+x@Example.COM".parse::<EmailAddress>().expect("plain").as_str(),
            "Ann.B+x@example.com"
        );
        let ours = "o'brien@bücher.example".parse::<EmailAddress>().expect("plain");
        assert_eq!(ours.as_str(), "o'brien@xn--bcher-kva.example");
        let long = format!("{}@{}.{}.{}.com", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(57));
        assert_eq!(long.len(), 254);
        assert!(
            long.parse::<EmailAddress>().is_ok()
                && long.replace("ddd", "dddd").parse::<EmailAddress>().is_err()
        );
        for bad in [
            "\"a b\"@c.de",
            "a@[192.0.2.1]",
            "a@b@c.de",
            "Anna <a@b.de>",
            "a@b.de, c@d.de",
            "ä@b.de",
            "a\u{202e}@b.de",
            "a\\b@c.de",
            "a@b.de?x",
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?} was taken");
        }
        for bad in ["", "a", "@b.com", "a@b", "a b@c.com", "a\"b@c.com", "a@b.com\r\nBcc: x@y.z", "..a@b.com"]
        {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?} was taken");
        }
    }
}
