//! A catalog of the former release is still read: a server has it for a moment beside a new program. It is rendered to
//! the same bytes, so that no container is made anew.

use std::{collections::BTreeMap, fs, path::Path};

use letsbe_catalog::{Catalog, CredentialMethod, RenderContext, Severity, check_folder, render_stack};
use letsbe_types::Secret;

const FORMER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/former");
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/recorded");

fn context() -> RenderContext {
    RenderContext {
        domain: "bakery.example".parse().expect("domain"),
        owner_email: "owner@bakery.example".parse().expect("address"),
        acme_email: "ssl@bakery.example".parse().expect("address"),
        timezone: "Europe/Berlin".to_owned(),
        tenant: "tenant-1".to_owned(),
        ipv6: false,
        values: BTreeMap::new(),
    }
}

#[test]
fn a_catalog_of_the_former_release_says_the_same_as_todays() {
    let former = Catalog::load(Path::new(FORMER)).unwrap_or_else(|errors| panic!("{errors}"));
    let today = crate::support::shipped();
    let mut compared = 0;
    for tool in former.platform().chain(former.tools()) {
        let sample = |method| match method {
            CredentialMethod::Hex => "ab".repeat(32),
            CredentialMethod::Base64 | CredentialMethod::Ed25519 => "Se+cret/".repeat(5),
        };
        let credentials = tool.credentials.iter();
        let credentials = credentials.map(|one| (one.key.clone(), Secret::new(sample(one.method)))).collect();
        let rendered = render_stack(tool, &context(), &credentials).expect("renders");
        let recorded = fs::read_to_string(format!("{RECORDED}/{}.yml", tool.name)).expect("recorded");
        assert_eq!(rendered.compose, recorded, "{}", tool.name);

        let now =
            today.platform().chain(today.tools()).find(|one| one.name == tool.name).expect("still there");
        assert_eq!((tool.kind, tool.order, &tool.needs), (now.kind, now.order, &now.needs), "{}", tool.name);
        assert_eq!((&tool.images, &tool.services, &tool.ports), (&now.images, &now.services, &now.ports));
        assert_eq!((&tool.vhosts, &tool.health, &tool.setup), (&now.vhosts, &now.health, &now.setup));
        assert_eq!(tool.update.image, now.update.image);
        compared += 1;
    }
    assert_eq!(compared, 5);
}

#[test]
fn what_a_former_entry_says_twice_is_told_with_its_line() {
    let report = check_folder(&Path::new(FORMER).join("tools/ghost"), None).expect("a tool");
    let notes: Vec<(&str, Option<usize>)> = report
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Note)
        .map(|finding| (finding.field.as_str(), finding.line))
        .collect();
    for wanted in [
        ("name", Some(1)),
        ("images", Some(8)),
        ("needs.ram_mb", Some(11)),
        ("vhosts[0].port", Some(31)),
        ("services.app.restart", Some(6)),
        ("services.db.logging", Some(51)),
    ] {
        assert!(notes.contains(&wanted), "{wanted:?} not in {notes:#?}");
    }
    assert_eq!(report.count(Severity::Error) + report.count(Severity::Warning), 0, "{:#?}", report.findings);
}
