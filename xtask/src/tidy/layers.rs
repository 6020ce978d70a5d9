//! Crates depend on each other in one direction only. The table here is the one in ARCHITECTURE.md.

use crate::{File, Finding, Repository};

/// Each crate with the crates of ours that it may use. Dependencies of tests count too: a test that needs an upper
/// layer belongs there, or into the lab.
const LAYERS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("explain", &[]),
    ("manual", &[]),
    ("lifecycle", &["types"]),
    ("catalog", &["types"]),
    ("netcup", &["types"]),
    ("dns", &["types"]),
    ("budget", &[]),
    ("test-postgres", &[]),
    ("redact", &["types", "budget"]),
    ("serve", &[]),
    ("proxy", &["types", "redact", "serve", "budget"]),
    ("gate", &["types", "redact"]),
    ("servers", &["types", "netcup"]),
    ("store", &["types", "lifecycle", "test-postgres"]),
    // `dns` for its tests.
    ("pages", &["types", "catalog", "lifecycle", "dns", "store", "explain"]),
    ("protocol", &["types"]),
    ("host", &["types", "catalog", "protocol"]),
    ("vault", &["types", "catalog"]),
    ("backup", &["types", "catalog", "host"]),
    ("buckets", &["types"]),
    ("stacks", &["types", "catalog", "host", "vault", "protocol"]),
    // `host` for its tests: they log in to an SSH server with the settings that it writes.
    ("provisioner", &["types", "catalog", "host", "vault", "protocol"]),
    ("base", &["types", "catalog", "vault"]),
    ("data", &["types", "catalog", "host", "vault", "backup", "protocol", "stacks", "base"]),
    ("rotation", &["types", "catalog", "host", "vault", "stacks", "base"]),
    (
        "agent",
        &[
            "types", "catalog", "host", "vault", "protocol", "stacks", "redact", "gate", "serve", "base",
            "data",
        ],
    ),
    (
        "node",
        &[
            "types", "catalog", "host", "vault", "backup", "protocol", "stacks", "manual", "base", "data",
            "rotation", "agent",
        ],
    ),
    ("cli", &["types", "catalog", "vault", "protocol", "provisioner", "explain", "manual"]),
    (
        "hub",
        &[
            "types",
            "catalog",
            "lifecycle",
            "netcup",
            "dns",
            "servers",
            "store",
            "buckets",
            "pages",
            "serve",
            "explain",
            "manual",
            "budget",
            "test-postgres",
            // Netcup, for the test of several Hubs as processes.
            "simulators",
        ],
    ),
    ("simulators", &["types", "netcup", "servers"]),
    ("lab", &["types", "vault", "budget", "simulators"]),
    // The end-to-end tests may use everything; nobody may use them.
    (
        "end-to-end",
        &[
            "types",
            "lifecycle",
            "catalog",
            "netcup",
            "dns",
            "redact",
            "serve",
            "proxy",
            "gate",
            "servers",
            "store",
            "host",
            "vault",
            "backup",
            "buckets",
            "pages",
            "protocol",
            "stacks",
            "provisioner",
            "base",
            "data",
            "rotation",
            "agent",
            "node",
            "explain",
            "manual",
            "budget",
            "cli",
            "hub",
            "simulators",
            "lab",
        ],
    ),
];

/// Crates that may use everything, and that nobody uses.
const EVERYTHING: &[&str] = &["end-to-end"];

/// Crates of ours that are used against the table.
#[must_use]
pub fn violations(repository: &Repository) -> Vec<Finding> {
    let is_manifest = |file: &&File| file.in_crate().is_some_and(|(_, inside)| inside == "Cargo.toml");
    let manifests = repository.files.iter().filter(is_manifest);
    manifests.flat_map(in_manifest).collect()
}

fn in_manifest(file: &File) -> Vec<Finding> {
    let name = file.crate_name().unwrap_or_default();
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        let message = format!("the crate {name} has no place in the table of xtask/src/tidy/layers.rs");
        return vec![file.finding(1, message)];
    };
    let manifest: toml::Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![file.finding(1, format!("cannot be read: {error}"))],
    };
    let used = ["dependencies", "dev-dependencies", "build-dependencies"]
        .into_iter()
        .filter_map(|section| manifest.get(section)?.as_table())
        .flat_map(toml::Table::keys);
    let refused =
        used.filter(|used| used.strip_prefix("letsbe-").is_some_and(|used| !allowed.contains(&used)));
    refused
        .map(|used| {
            let line =
                file.lines().find(|(_, line)| line.starts_with(used.as_str())).map_or(1, |(line, _)| line);
            file.finding(line, format!("{name} must not use {used}; it may use: {}", allowed.join(", ")))
        })
        .collect()
}

/// The rows for ARCHITECTURE.md; crates that may use the same stand in one.
#[must_use]
pub fn table() -> String {
    let mut rows: Vec<(Vec<&str>, &[&str])> = Vec::new();
    for (name, allowed) in LAYERS.iter().filter(|(name, _)| !EVERYTHING.contains(name)) {
        match rows.iter_mut().find(|(_, same)| same == allowed) {
            Some((names, _)) => names.push(name),
            None => rows.push((vec![name], allowed)),
        }
    }
    let code = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let used = |names: &[&str]| if names.is_empty() { "nothing of ours".to_owned() } else { code(names) };
    rows.iter().map(|(names, allowed)| format!("| {} | {} |\n", code(names), used(allowed))).collect()
}

/// Rows of the table in ARCHITECTURE.md that say something else than the one above.
#[must_use]
pub fn undocumented(repository: &Repository) -> Vec<Finding> {
    let Some(page) = repository.file("ARCHITECTURE.md") else { return Vec::new() };
    let named = |cell: &str| -> Vec<String> {
        let mut names: Vec<String> = cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        names.sort();
        names
    };
    let section = page.lines().skip_while(|(_, line)| *line != "## Layers").skip(1);
    let section = section.take_while(|(_, line)| !line.starts_with("## "));
    let rows: Vec<(Vec<String>, Vec<String>)> = section
        .filter_map(|(_, line)| line.strip_prefix("| ")?.split_once(" | "))
        .map(|(crates, used)| (named(crates), named(used)))
        .collect();
    let mut findings = Vec::new();
    for (name, allowed) in LAYERS.iter().filter(|(name, _)| !EVERYTHING.contains(name)) {
        let mut allowed: Vec<String> = allowed.iter().map(|&used| used.to_owned()).collect();
        allowed.sort();
        let row = rows.iter().find(|(crates, _)| crates.iter().any(|written| written == name));
        if row.is_none_or(|(_, used)| *used != allowed) {
            findings.push(page.finding(1, format!("section Layers: {name} may use {}", allowed.join(", "))));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{table, undocumented, violations};
    use crate::{Repository, tidy};

    #[test]
    fn crates_use_lower_layers_only() {
        tidy::assert_none(&violations(&Repository::read()));
    }

    #[test]
    fn the_table_for_people_is_the_same() {
        tidy::assert_none(&undocumented(&Repository::read()));
        let wrong = Repository::example(&[("ARCHITECTURE.md", "## Layers\n| `servers` | `types` |\n")]);
        assert!(tidy::messages(&undocumented(&wrong)).contains("servers may use netcup, types"));
        let printed = format!("## Layers\n{}", table());
        tidy::assert_none(&undocumented(&Repository::example(&[("ARCHITECTURE.md", &printed)])));
    }

    #[test]
    fn an_upward_use_and_a_crate_without_a_place_are_found() {
        let upward = "[package]\n[dependencies]\nserde.workspace = true\nletsbe-hub.workspace = true\n";
        let test_of_lab = "[dev-dependencies]\nletsbe-lab.workspace = true\n";
        let files = [
            ("crates/hub-side/store/Cargo.toml", upward),
            ("crates/hub-side/hub/Cargo.toml", test_of_lab),
            ("crates/unknown/Cargo.toml", ""),
        ];
        let found = tidy::messages(&violations(&Repository::example(&files)));
        assert!(
            found.contains("crates/hub-side/store/Cargo.toml:4: store must not use letsbe-hub"),
            "{found}"
        );
        assert!(found.contains("hub must not use letsbe-lab"), "{found}");
        assert!(found.contains("the crate unknown has no place"), "{found}");
        assert_eq!(found.lines().count(), 3, "{found}");
    }
}
