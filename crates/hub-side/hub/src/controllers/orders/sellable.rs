//! Whether a customer can have a name at all: said before he pays, because nothing could be delivered under it. Pure.

use letsbe_types::DomainName;
use unicode_security::{MixedScript as _, RestrictionLevel, RestrictionLevelDetection as _};

/// Who sells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seller<'a> {
    /// The host of the Hub's own address.
    pub(super) host: &'a str,
    /// Whether it is for real money: only then does nobody order under a lab's or a document's name.
    pub(super) live: bool,
}

/// Why nobody can order for this domain, which was typed so.
pub(super) fn why_not(domain: &DomainName, typed: &str, seller: Seller<'_>) -> Option<String> {
    let name = domain.as_str();
    if seller.live && domain.is_reserved() {
        return Some(format!(
            "\"{name}\" is reserved (for tests, documents or networks of one's own): nobody can own it"
        ));
    }
    if is_public_suffix(name) {
        return Some(format!("\"{name}\" is not one customer's: give the name below it that is yours"));
    }
    if zone_of(seller.host).is_some_and(|zone| domain.is_within(zone)) {
        return Some(format!("\"{name}\" is ours: give a domain of your own"));
    }
    typed.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).any(is_mixed).then(|| {
        format!(
            "it has letters of several alphabets that look alike; if it is meant so, type it as \"{name}\""
        )
    })
}

/// Whether names of many owners are registered directly below this one, as below `co.uk`.
pub(super) fn is_public_suffix(name: &str) -> bool {
    let suffix = psl::suffix_str(name);
    suffix == Some(name)
        && psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.typ() == Some(psl::Type::Icann))
}

/// The zone of a host's owner; `None` for an address.
fn zone_of(host: &str) -> Option<&str> {
    let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    (!is_address && host.contains('.')).then(|| psl::domain_str(host).unwrap_or(host))
}

/// Alphabets that no language writes together: a letter of one was taken for another's.
fn is_mixed(label: &str) -> bool {
    !label.is_single_script() && label.detect_restriction_level() > RestrictionLevel::HighlyRestrictive
}

#[cfg(test)]
mod tests {
    use super::{Seller, why_not};

    const LIVE: Seller<'_> = Seller { host: "hub.letsbe.co.uk", live: true };

    fn answer(typed: &str, seller: Seller<'_>) -> Option<String> {
        why_not(&typed.parse().expect(typed), typed, seller)
    }

    #[test]
    fn names_under_which_nothing_can_be_delivered_are_refused() {
        for (typed, why) in [
            ("acme.test", "reserved"),
            ("ACME.Example.", "reserved"),
            ("www.example.com", "reserved"),
            ("nas.home.arpa", "reserved"),
            ("co.uk", "not one customer"),
            ("COM.BR.", "not one customer"),
            ("acme.ck", "not one customer"),
            ("公司.cn", "not one customer"),
            ("xn--55qx5d.cn", "not one customer"),
            ("letsbe.co.uk", "is ours"),
            ("hub.letsbe.co.uk", "is ours"),
            ("Demo.LetsBe.co.uk.", "is ours"),
            ("p\u{430}ypal.com", "several alphabets"),
            ("shop.\u{3bf}range.de", "several alphabets"),
        ] {
            assert!(answer(typed, LIVE).is_some_and(|said| said.contains(why)), "{typed}");
        }
    }

    #[test]
    fn names_that_people_have_are_taken() {
        for typed in [
            "acme.de",
            "acme.co.uk",
            "shop.acme.com.br",
            "notletsbe.co.uk",
            "letsbe.co.uk.com",
            "example.de",
            "bäckerei-müller.de",
            "BÜCHER.example.de",
            "xn--pypal-4ve.com",
            "東京tower.jp",
            "カフェ東京.jp",
            "пример.рф",
            "παράδειγμα.gr",
            "مثال.com",
            "i❤.ws",
            "acme.newgtld",
        ] {
            assert_eq!(answer(typed, LIVE), None, "{typed}");
        }
    }

    #[test]
    fn a_lab_has_a_zone_of_its_own_and_an_address_is_nobodys_zone() {
        let lab = Seller { host: "10.70.1.1", live: false };
        for typed in ["acme.test", "acme.a.lab.test", "acme.example"] {
            assert_eq!(answer(typed, lab), None, "{typed}");
        }
        assert!(answer("co.uk", lab).is_some());
        let bare = Seller { host: "localhost", live: true };
        assert!(answer("acme.de", bare).is_none() && answer("a.localhost", bare).is_some());
    }
}
