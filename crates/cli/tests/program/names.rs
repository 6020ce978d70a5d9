//! How people name what they mean.

use serde_json::json;

use crate::{
    ONE, Operator, TWO,
    hub::{FakeHub, order, tenant},
};

/// Two orders that were made in the same minute, and their tenants.
fn hub() -> FakeHub {
    FakeHub::new(|line, _| {
        let path = line.split(' ').nth(1).unwrap_or_default();
        let (place, query) = path.split_once('?').unwrap_or((path, ""));
        let wanted = |id: &str, domain: &str| {
            let of = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            of("domain").is_none_or(|word| word == domain) && of("q").is_none_or(|word| id.starts_with(word))
        };
        let both = [(ONE, "acme.example"), (TWO, "bakery.example")];
        let there = both.into_iter().filter(|(id, domain)| wanted(id, domain));
        match place.strip_prefix("/api/v1/admin/").unwrap_or_default() {
            "orders" => (200, there.map(|(id, domain)| order(id, domain)).collect()),
            "tenants" => (200, there.map(|(id, domain)| tenant(id, domain)).collect()),
            place if place.starts_with("orders/") => {
                let mut one = order(ONE, "acme.example");
                one["timeline"] = json!([]);
                (200, one)
            }
            _ => (404, json!({"code": "API404", "message": "nothing"})),
        }
    })
}

#[test]
fn an_order_or_tenant_is_named_by_its_id_the_beginning_of_it_or_its_domain() {
    let operator = Operator::at(hub());
    for name in [ONE, "018f7b1e-00", "018F7B1E-0000-7000", "acme.example"] {
        let shown = operator.types(&["orders", "show", name]);
        assert!(shown.code == Some(0) && shown.out.contains("acme.example"), "{name}: {shown:?}");
        operator.types(&["tenants", "gate-heads", name]);
        let asked = operator.hub.asked();
        let last = asked.last().unwrap();
        assert!(last.contains(&format!("/tenants/{ONE}/gate-heads")), "{name}: {last}");
    }
}

#[test]
fn what_fits_more_than_one_names_them_and_what_fits_none_says_where_to_look() {
    let operator = Operator::at(hub());
    for words in [
        ["orders", "show", "018f7b1e"],
        ["tenants", "show", "018f7b1e"],
        ["backups", "destination", "018f7b1e"],
    ] {
        let said = operator.types(&words);
        assert_eq!(said.code, Some(1), "{said:?}");
        for part in [ONE, TWO, "acme.example", "bakery.example", "HUB049"] {
            assert!(said.err.contains(part), "{words:?} {part}: {}", said.err);
        }
        let said = operator.types(&[words[0], words[1], words[2], "--json"]);
        assert_eq!(said.json()["error"]["code"], "HUB049");
    }
    for name in ["ffffff", "nobody.example"] {
        let said = operator.types(&["tenants", "show", name]);
        assert!(said.code == Some(1) && said.err.contains("letsbe tenants list"), "{said:?}");
    }
}
