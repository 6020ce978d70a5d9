//! A selection fits its tier, and every way of not fitting is a field error.

mod support;

use std::sync::LazyLock;

use letsbe_catalog::Catalog;
use letsbe_types::{Tier, api::FieldError};
use proptest::prelude::*;
use support::shipped;

static CATALOG: LazyLock<Catalog> = LazyLock::new(shipped);

fn select(tier: Tier, tools: &[&str]) -> Result<Vec<String>, Vec<String>> {
    let tools: Vec<String> = tools.iter().map(|tool| (*tool).to_owned()).collect();
    let text =
        |errors: Vec<FieldError>| errors.into_iter().map(|e| format!("{}: {}", e.field, e.message)).collect();
    CATALOG.select(tier, &tools).map(|s| s.tools.iter().map(ToString::to_string).collect()).map_err(text)
}

#[test]
fn choices_are_answered_field_by_field() {
    let five = ["ghost", "wordpress", "nocodb", "uptime-kuma", "portainer"];
    assert_eq!(select(Tier::Build, &five), Ok(five.map(str::to_owned).to_vec()));
    let table: [(&[&str], &[&str]); 5] = [
        (&[], &["tools: choose between 1 and 200 tools, not 0"]),
        (&["ghost", "n8n"], &["tools[1]: there is no tool \"n8n\""]),
        (&["../ghost"], &["tools[0]: there is no tool \"../ghost\""]),
        (&["ghost", "ghost"], &["tools[1]: \"ghost\" is chosen twice"]),
        (
            &["nginx", "x"],
            &[
                "tools[0]: \"nginx\" is part of every server and cannot be chosen",
                "tools[1]: there is no tool \"x\"",
            ],
        ),
    ];
    for (tools, wanted) in table {
        assert_eq!(
            select(Tier::Lite, tools),
            Err(wanted.iter().map(|text| (*text).to_owned()).collect()),
            "{tools:?}"
        );
    }
    let all: Vec<&str> = CATALOG.tools().map(|tool| tool.name.as_str()).collect();
    let too_much = "tools: these tools need 8064 MB of memory and 100 GB of disk; the lite tier has 5632 MB and 120 GB \
                    for tools; choose fewer, or the build tier";
    assert_eq!(select(Tier::Lite, &all), Err(vec![too_much.to_owned()]));
    assert!(select(Tier::Build, &all).is_ok());
}

#[test]
fn host_names_are_the_domain_and_every_vhost() {
    let tools = ["wordpress".to_owned(), "static-website".to_owned()];
    let selection = CATALOG.select(Tier::Lite, &tools).expect("fits");
    let names = selection.hostnames(&CATALOG, &"bakery.example".parse().expect("domain"));
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["bakery.example", "www.bakery.example"]);
    let ports: Vec<u16> = selection.ports(&CATALOG).into_keys().collect();
    assert_eq!(ports, [3030, 3040, 8099, 8100, 18789]);
}

proptest! {
    #[test]
    fn a_selection_is_refused_or_fits(
        tier in prop::sample::select(Tier::ALL),
        tools in prop::collection::vec(
            prop_oneof![
                8 => prop::sample::select(
                    CATALOG.tools().map(|tool| tool.name.to_string()).collect::<Vec<_>>()
                ),
                1 => ".{0,60}",
            ],
            0..12,
        ),
    ) {
        match CATALOG.select(tier, &tools) {
            Ok(selection) => {
                let spec = CATALOG.tier(tier);
                let ram: u64 = selection.entries(&CATALOG).map(|tool| tool.needs.ram_mb).sum();
                let disk: u64 = selection.entries(&CATALOG).map(|tool| tool.needs.disk_gb).sum();
                prop_assert!(ram <= spec.tools_ram_mb() && disk <= spec.tools_disk_gb());
                let mut chosen: Vec<String> = selection.tools.iter().map(ToString::to_string).collect();
                let mut asked = tools.clone();
                chosen.sort();
                asked.sort();
                prop_assert_eq!(chosen, asked);
            }
            Err(errors) => prop_assert!(!errors.is_empty() && errors.iter().all(|e| e.field.starts_with("tools"))),
        }
    }
}
