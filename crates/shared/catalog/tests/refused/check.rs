//! `letsbe catalog check`: what people get wrong is found, worst first, with file, line and what to write.

use std::{fs, path::Path};

use letsbe_catalog::{CheckReport, Finding, NotChecked, Severity, check_folder};

use crate::{
    TIERS,
    sample::{COMPOSE, TOOL},
    write,
};

/// The sample without what is noted of it.
fn pinned() -> String {
    COMPOSE.replace("alpha:1.2", &format!("alpha:1.2@sha256:{}", "ab".repeat(32)))
}

fn catalog(tool: &str, compose: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("folder");
    fs::write(root.path().join("tiers.toml"), TIERS).expect("tiers.toml");
    write(root.path(), "tools/alpha", tool, compose);
    root
}

fn check(folder: &Path) -> CheckReport {
    check_folder(folder, None).expect("a catalog or a tool")
}

#[test]
fn what_people_get_wrong_in_tool_toml_is_found_with_its_line() {
    let clean = check(catalog(TOOL, &pinned()).path());
    assert_eq!(clean.findings, [], "nothing is to be said of the sample");
    assert_eq!(clean.tools.len(), 1);

    let env = "PASSWORD = \"{{ admin_password }}\"";
    let tool_faults = [
        (
            env,
            "PASSWORD = \"{{ admin_password }}\"\nDB_PASSWORD = \"hunter2\"",
            Severity::Error,
            "env.\".env\".DB_PASSWORD",
        ),
        (
            env,
            "PASSWORD = \"{{ admin_password }}\"\nDB = \"pg://a:hunter2@db/a\"",
            Severity::Error,
            "env.\".env\".DB",
        ),
        ("licence = \"MIT\"", "licence = \"SSPL-1.0\"", Severity::Error, "licence"),
        (
            "path = \"/login\"",
            "path = \"/login\"\nheaders = { X-Token = \"hunter2hunter2\" }",
            Severity::Error,
            "setup.done_when[0]",
        ),
        ("body_mb = 1", "body_mb = 1\nport = 3999", Severity::Note, "vhosts[0].port"),
        ("licence = \"MIT\"", "licence = \"MIT\"\nmonitors = []", Severity::Note, "monitors"),
    ];
    for (from, to, severity, field) in tool_faults {
        let root = catalog(&TOOL.replacen(from, to, 1), &pinned());
        found(&check(root.path()), severity, "tool.toml", field);
    }
}

#[test]
fn what_people_get_wrong_in_compose_yml_is_found_with_its_line() {
    let compose_faults = [
        (
            "    env_file",
            "    environment: { APP_SECRET: hunter2 }\n    env_file",
            Severity::Error,
            "services.app.environment.APP_SECRET",
        ),
        (
            "    env_file",
            "    environment: [\"APP_SECRET=hunter2\"]\n    env_file",
            Severity::Error,
            "services.app.environment.APP_SECRET",
        ),
        (
            "    env_file",
            "    command: [\"run\", \"--admin-password=hunter2\"]\n    env_file",
            Severity::Error,
            "services.app.command",
        ),
        ("[\"3999:80\"]", "[\"0.0.0.0:3999:80\"]", Severity::Error, "services.app.ports"),
        ("test: [\"CMD\", \"true\"]", "interval: 5s", Severity::Error, "services.app.healthcheck"),
        ("image: alpha:", "image: alpha #:", Severity::Error, "services.app.image"),
        (
            "    mem_limit",
            "    restart: unless-stopped\n    mem_limit",
            Severity::Note,
            "services.app.restart",
        ),
        ("[\"3999:80\"]", "[\"127.0.0.1:3999:80\"]", Severity::Note, "services.app.ports"),
    ];
    for (from, to, severity, field) in compose_faults {
        let root = catalog(TOOL, &pinned().replacen(from, to, 1));
        found(&check(root.path()), severity, "compose.yml", field);
    }
    let floats =
        |tag: &str| check(catalog(TOOL, &COMPOSE.replace("alpha:1.2", &format!("alpha:{tag}"))).path());
    found(&floats("stable"), Severity::Warning, "compose.yml", "services.app.image");
    found(&floats("1.2"), Severity::Note, "compose.yml", "services.app.image");
    let stepwise = TOOL.replace("one_major_at_a_time = false", "one_major_at_a_time = true");
    let report = check(catalog(&stepwise, &COMPOSE.replace("alpha:1.2", "alpha:stable")).path());
    found(&report, Severity::Warning, "tool.toml", "update.one_major_at_a_time");
}

/// The finding is there with a line, comes before lesser ones, and quotes no secret.
fn found(report: &CheckReport, severity: Severity, file: &str, field: &str) {
    let is_it = |finding: &&Finding| {
        finding.severity == severity && finding.file.ends_with(file) && finding.field == field
    };
    let finding = report.findings.iter().find(is_it);
    let finding = finding.unwrap_or_else(|| panic!("no {field} in {:#?}", report.findings));
    assert!(finding.line.is_some(), "{finding:?} has no line");
    assert!(report.findings.is_sorted_by_key(|finding| finding.severity));
    assert!(!format!("{:?}", report.findings).contains("hunter2"), "{:#?}", report.findings);
}

#[test]
fn a_key_in_a_file_is_found_by_its_form() {
    let root = catalog(TOOL, &pinned().replace("- data:/data", "- ./a.pem:/a.pem:ro\n      - data:/data"));
    let files = root.path().join("tools/alpha/files");
    fs::create_dir(&files).expect("folder");
    fs::write(files.join("a.pem"), "# ours\n-----BEGIN PRIVATE KEY-----\n").expect("written");
    found(&check(root.path()), Severity::Error, "files/a.pem", "line 2");
}

#[test]
fn one_tool_is_compared_with_the_catalog_that_it_is_for() {
    let root = catalog(TOOL, &pinned());
    write(root.path(), "tools/beta", TOOL, &pinned().replace("letsbe-alpha", "letsbe-beta"));
    let report = check(&root.path().join("tools/beta"));
    let fields: Vec<&str> = report.findings.iter().map(|finding| finding.field.as_str()).collect();
    assert_eq!(fields, ["services.app.ports", "vhosts[0].label"], "{:#?}", report.findings);
    assert!(report.findings.iter().all(|finding| finding.file.starts_with(root.path().join("tools/beta"))));

    let elsewhere = tempfile::tempdir().expect("folder");
    write(elsewhere.path(), "gamma", TOOL, &pinned().replace("letsbe-alpha", "letsbe-gamma"));
    let gamma = elsewhere.path().join("gamma");
    assert_eq!(check_folder(&gamma, None), Err(NotChecked::Outside(gamma.clone())));
    let report = check_folder(&gamma, Some(root.path())).expect("a tool");
    assert!(report.findings.iter().any(|finding| finding.file == gamma.join("compose.yml")));

    write(elsewhere.path(), "alpha", TOOL, &pinned());
    let report = check_folder(&elsewhere.path().join("alpha"), Some(root.path())).expect("a tool");
    let taken = "\"alpha\" is the name of tools/alpha already: rename the folder";
    assert!(report.findings.iter().any(|finding| finding.message == taken), "{:#?}", report.findings);

    let nothing = elsewhere.path().to_owned();
    assert_eq!(check_folder(&nothing, None), Err(NotChecked::NoCatalog(nothing)));
}

#[test]
fn the_shipped_catalog_has_no_errors_and_warnings() {
    let report = check(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog")));
    let worse: Vec<&Finding> =
        report.findings.iter().filter(|finding| finding.severity < Severity::Note).collect();
    assert!(worse.is_empty(), "{worse:#?}");
    assert_eq!(report.tools.len(), 11);
}

#[test]
fn what_is_no_file_or_too_large_is_not_read() {
    let root = catalog(TOOL, &pinned());
    let alpha = root.path().join("tools/alpha");
    fs::create_dir(alpha.join("files")).expect("folder");
    std::os::unix::fs::symlink("/dev/zero", alpha.join("files/endless")).expect("link");
    fs::write(alpha.join("nginx.conf"), "# ".repeat(600_000)).expect("nginx.conf");
    let findings = check(root.path()).findings;
    for name in ["files/endless", "nginx.conf"] {
        let found = findings.iter().find(|finding| finding.file.ends_with(name)).expect(name);
        assert_eq!(found.severity, Severity::Error);
        assert_eq!(found.message, "cannot be read: it is no file, or larger than 1 MiB");
    }
}
