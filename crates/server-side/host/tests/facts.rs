//! Every parser over raw output as real programs wrote it.
//!
//! `fixtures/facts/<parser>/<case>.toml` holds the raw text; the fact stands beside it as JSON in `<case>.expected`.
//! `BLESS=1` writes those anew. What apt makes of its sources it is asked itself: a missing program is a failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use letsbe_host::{
    facts::{apt, firewall, packages, services, sockets, ssh, sshd_config, system},
    operations::ssh_settings,
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
        ("sshd-includes", |f| json!(sshd_config::includes_file(&f.raw, ssh_settings::DROP_IN))),
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

/// Archives and suites that apt would ask.
fn asked(name: &str, text: &str) -> BTreeSet<(String, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["parts", "lists"] {
        fs::create_dir(at(name)).expect("made");
    }
    fs::write(at(&format!("parts/{name}")), text).expect("written");
    let options = [
        "Dir::Etc::sourcelist=/dev/null".to_owned(),
        format!("Dir::Etc::sourceparts={}", at("parts")),
        format!("Dir::State::lists={}", at("lists")),
    ];
    let mut program = Command::new("apt-get");
    options.iter().for_each(|option| {
        program.args(["-o", option]);
    });
    let output = program.args(["update", "--print-uris"]).output().expect("apt-get is installed");
    let shown = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text:?}: {}", String::from_utf8_lossy(&output.stderr));
    let release = |line: &str| {
        let (archive, rest) = line.strip_prefix('\'')?.split_once("/dists/")?;
        Some((archive.to_owned(), rest.split_once("/InRelease'")?.0.to_owned()))
    };
    shown.lines().filter_map(release).collect()
}

#[test]
fn sources_are_read_as_apt_reads_them() {
    let rest = "Types: deb\nURIs: http://a/d\nSuites: x\nComponents: main\n";
    let other = "Types: deb\nURIs: http://b/d\nSuites: y\nComponents: main\n";
    let mut files: Vec<(&str, String)> = [
        format!("{rest}\n\n\n{other}"),
        format!("{rest} \n{other}"),
        format!("{rest}\n{other}").replace('\n', "\r\n"),
        format!("\n\n{rest}# a comment\nEnabled: yes\n"),
        rest.replace("URIs:", "uris:").replace("http", "\n http"),
        rest.replace("deb", "deb-src deb").replace(": x", ": x y").replace("/d\n", "/d\n#\n http://c/d\n"),
    ]
    .map(|text| ("a.sources", text))
    .into();
    for enabled in ["no # a comment", "0x0", "00", "No", "", "no no", "never", "on"] {
        files.push(("a.sources", format!("{rest}Enabled: {enabled}\n")));
    }
    for line in [
        "deb http://a/d x main",
        "  deb\thttp://a/d  x main # a comment",
        "deb \"http://a/d\" x main",
        "deb [ arch=amd64 trusted=yes ] http://a/d x main\r",
        "#deb http://a/d x main",
    ] {
        files.push(("a.list", format!("{line}\ndeb http://b/d y main contrib\n")));
    }
    for (name, text) in files {
        let read: Vec<apt::Source> =
            if name.ends_with("list") { apt::parse_list(&text) } else { apt::parse_sources(&text) };
        let read: BTreeSet<_> = read.into_iter().map(|source| (source.uri, source.suite)).collect();
        assert_eq!(read, asked(name, &text), "{text:?}");
    }
}
