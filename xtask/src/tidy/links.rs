//! Programs do not link what they must not be able to do.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Finding, Repository};

/// A package of ours, and one of others that it must not have, directly or through another.
const NEVER: [(&str, &str); 4] = [
    // What runs on a server is logged in to; it logs in nowhere.
    ("letsbe-node", "russh"),
    ("letsbe-proxy", "russh"),
    // The Hub starts the provisioner as a program of its own.
    ("letsbe-hub", "russh"),
    // The Hub's database is the Hub's.
    ("letsbe-node", "sea-orm"),
];

/// Packages that a program links although it must not, by `Cargo.lock`; what tests need counts too.
#[must_use]
pub fn violations(repository: &Repository) -> Vec<Finding> {
    let Some(lock) = repository.file("Cargo.lock") else { return Vec::new() };
    let packages = match packages(&lock.text) {
        Ok(packages) => packages,
        Err(error) => return vec![lock.finding(1, format!("cannot be read: {error}"))],
    };
    let way = |(from, to): &(&str, &str)| {
        let way = way(&packages, from, to)?;
        Some(lock.finding(1, format!("{from} must not link {to}: {}", way.join(" > "))))
    };
    NEVER.iter().filter_map(way).collect()
}

/// Names of packages with the names of those that they use.
fn packages(lock: &str) -> Result<BTreeMap<String, Vec<String>>, toml::de::Error> {
    let lock: toml::Table = lock.parse()?;
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in lock.get("package").and_then(toml::Value::as_array).into_iter().flatten() {
        let Some(name) = package.get("name").and_then(toml::Value::as_str) else { continue };
        let used = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
        // A name that has several versions is followed by its version.
        let used = used.filter_map(|used| used.as_str()?.split(' ').next().map(str::to_owned));
        packages.entry(name.to_owned()).or_default().extend(used);
    }
    Ok(packages)
}

/// Through which packages one uses another.
fn way<'a>(packages: &'a BTreeMap<String, Vec<String>>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::from([from]);
    let mut ways = vec![vec![from]];
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        if last == to {
            return Some(way);
        }
        for used in packages.get(last).into_iter().flatten() {
            if seen.insert(used) {
                ways.push(way.iter().copied().chain([used.as_str()]).collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{NEVER, packages, violations};
    use crate::{Repository, tidy};

    #[test]
    fn the_node_program_links_no_ssh_client() {
        let repository = Repository::read();
        tidy::assert_none(&violations(&repository));
        let known = packages(&repository.file("Cargo.lock").unwrap().text).unwrap();
        for (from, to) in NEVER {
            assert!(known.contains_key(from) && known.contains_key(to), "{from} or {to} is in no lock file");
        }
    }

    #[test]
    fn what_is_linked_through_another_package_is_found_with_the_way() {
        let lock = "[[package]]\nname = \"letsbe-node\"\ndependencies = [\"a 1.0.0\"]\n\
                    [[package]]\nname = \"a\"\ndependencies = [\"russh\"]\n[[package]]\nname = \"russh\"\n";
        let found = tidy::messages(&violations(&Repository::example(&[("Cargo.lock", lock)])));
        assert!(found.contains("letsbe-node must not link russh: letsbe-node > a > russh"), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}
