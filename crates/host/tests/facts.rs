//! Every parser over raw output as real programs wrote it.
//!
//! `fixtures/facts/<parser>/<case>.toml` holds the raw text; the fact stands beside it as JSON in `<case>.expected`.
//! `BLESS=1` writes those anew.

use std::{collections::BTreeMap, fs, path::Path};

use letsbe_host::{
    facts::{apt, firewall, packages, services, sockets, ssh, system},
    readiness,
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    raw: String,
    /// A second text or a name, where a parser takes one.
    #[serde(default)]
    with: String,
}

type Parser = fn(&Fixture) -> Value;

fn parsers() -> BTreeMap<&'static str, Parser> {
    BTreeMap::from([
        ("account", (|f| json!(system::parse_account(&f.raw, &f.with))) as Parser),
        ("apt-list", |f| json!(apt::parse_list(&f.raw))),
        ("apt-sources", |f| json!(apt::parse_sources(&f.raw))),
        ("cloud-init", |f| json!(readiness::parse_cloud_init(true, Some(&f.raw), some(&f.with)))),
        ("filter", |f| json!(firewall::parse_filter(&f.raw, &f.with))),
        ("free-disk", |f| json!(readiness::parse_free(&f.raw))),
        ("group-members", |f| json!(system::parse_group_members(&f.raw, &f.with))),
        ("listeners", |f| json!(sockets::parse_listeners(&f.raw))),
        ("locks", |f| json!(readiness::parse_locks(&f.with, &f.raw, ""))),
        ("os-release", |f| json!(system::parse_os_release(&f.raw))),
        ("owner", |f| json!(sockets::parse_owner(&f.raw, &f.with))),
        ("packages", |f| json!(packages::parse_packages(&f.raw))),
        ("password-locked", |f| json!(system::parse_password_locked(&f.raw, &f.with))),
        ("section", |f| json!(firewall::with_section(&f.raw, "new\n", "# BEGIN", "# END"))),
        ("sshd-without-ports", |f| json!(ssh::without_ports(&f.raw))),
        ("sshd-includes", |f| json!(ssh::includes_drop_ins(&f.raw))),
        ("sshd-settings", |f| json!(ssh::parse_sshd_settings(&f.raw))),
        ("ufw-rules", |f| json!(firewall::parse_rules(&f.raw))),
        ("units", |f| json!(services::parse_units(&f.raw))),
    ])
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[test]
fn every_parser_reads_what_its_fixtures_say() {
    let mut wrong = Vec::new();
    for (name, parser) in parsers() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/facts").join(name);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut cases = 0;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            cases += 1;
            let text = fs::read_to_string(&path).expect("a readable fixture");
            let fixture = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let found = format!("{:#}\n", parser(&fixture));
            let expected = path.with_extension("expected");
            if std::env::var_os("BLESS").is_some() {
                fs::write(&expected, &found).expect("the expectation can be written");
            }
            if fs::read_to_string(&expected).unwrap_or_default() != found {
                wrong.push(format!("{}: found {found}", path.display()));
            }
        }
        assert!(cases > 0, "{name} has no fixture");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_section_put_twice_is_there_once() {
    let once = firewall::with_section("*filter\nCOMMIT\n", "rules\n", "# BEGIN", "# END");
    assert_eq!(firewall::with_section(&once, "rules\n", "# BEGIN", "# END"), once);
    assert!(once.starts_with("*filter\nCOMMIT\n"));
}
