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

#[test]
fn of_more_than_a_page_of_matches_none_is_taken_for_the_one_that_is_meant() {
    let operator = Operator::at(FakeHub::new(|line, _| {
        let other = |number: usize| format!("ffffffff-0000-7000-8000-{number:012}");
        let of: fn(&str, &str) -> serde_json::Value = if line.contains("/orders") { order } else { tenant };
        // It is found by its id; the others have it in their domains.
        let rest = (1..200).map(|number| of(&other(number), "018f7b1e.example"));
        (200, std::iter::once(of(ONE, "acme.example")).chain(rest).collect())
    }));
    for words in [["orders", "show", "018f7b1e"], ["tenants", "show", "018f7b1e"]] {
        let said = operator.types(&words);
        assert!(
            said.code == Some(1) && said.err.contains("HUB049") && said.err.contains("whole id"),
            "{said:?}"
        );
    }
}

#[test]
fn a_timeline_that_comes_in_parts_is_shown_to_its_end() {
    let operator = Operator::at(FakeHub::new(|line, _| {
        let after: i64 = line.rsplit_once("after=").unwrap().1.parse().unwrap();
        let line = |number: i64| {
            json!({"sequence": number, "at": chrono::Utc::now(), "kind": "step", "level": "ok",
            "message": format!("line {number}.")})
        };
        let mut one = order(ONE, "acme.example");
        one["timeline"] = (after + 1..=1_003).take(1_000).map(line).collect();
        (200, one)
    }));
    for follow in [&[][..], &["--follow"]] {
        let said = operator.types(&[&["orders", "show", ONE], follow].concat());
        assert!(said.code == Some(0) && said.out.matches("line 1003.").count() == 1, "{said:?}");
    }
}
