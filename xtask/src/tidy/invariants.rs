//! Every invariant in docs/invariants.md names the files that enforce it, and a test that exists, or says openly that
//! there is none yet.
//!
//! Form: `12. **What must hold.** … Enforced in: \`file\`. Test: \`name\`, \`other\`.` or `… No test yet: why.`, ended
//! by a blank line. That the files exist is checked by `paths`.

use std::collections::BTreeSet;

use crate::{File, Finding, Repository, tidy::end_to_end::checks_of};

const PAGE: &str = "docs/invariants.md";

struct Invariant {
    line: usize,
    number: usize,
    text: String,
}

fn invariants(page: &File) -> Vec<Invariant> {
    let mut found: Vec<Invariant> = Vec::new();
    let mut open = false;
    for (line, text) in page.lines() {
        let numbered = text.split_once(". **").and_then(|(number, _)| number.parse().ok());
        if let Some(number) = numbered {
            found.push(Invariant { line, number, text: text.to_owned() });
            open = true;
        } else if text.trim().is_empty() {
            open = false;
        } else if let Some(last) = found.last_mut().filter(|_| open) {
            last.text.push(' ');
            last.text.push_str(text.trim());
        }
    }
    found
}

/// Names in backticks after `Test:`.
fn tests_named(text: &str) -> Vec<&str> {
    let named = text.split_once("Test: ").map_or("", |(_, named)| named);
    let named = named.split("No test yet").next().unwrap_or_default();
    named.split('`').skip(1).step_by(2).collect()
}

/// Paths in backticks between `Enforced in:` and `Test:`.
fn files_named(text: &str) -> usize {
    let named = text.split_once("Enforced in: ").map_or("", |(_, named)| named);
    let named = named.split("Test: ").next().unwrap_or_default();
    named.split('`').skip(1).step_by(2).filter(|name| name.contains('/')).count()
}

/// The names of all tests.
pub(super) fn tests_of(repository: &Repository) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for file in repository.rust() {
        names.extend(checks_of(file));
        let mut attribute = false;
        for (_, line) in file.lines() {
            let line = line.trim();
            if line.starts_with("#[") {
                attribute |= line == "#[test]" || line.contains("::test]") || line.contains("::test(");
            } else if let Some((before, name)) = line.split_once("fn ") {
                if attribute && (before.is_empty() || before == "async ") {
                    names.extend(name.split('(').next());
                }
                attribute = false;
            }
        }
    }
    names
}

/// The invariants that name one of these tests.
pub(super) fn held_by(repository: &Repository, tests: &BTreeSet<&str>) -> BTreeSet<usize> {
    let all = repository.file(PAGE).map(invariants).unwrap_or_default();
    let by_them = |one: &&Invariant| tests_named(&one.text).iter().any(|name| tests.contains(name));
    all.iter().filter(by_them).map(|one| one.number).collect()
}

/// Invariants that are held by nothing.
#[must_use]
pub fn unheld(repository: &Repository) -> Vec<Finding> {
    let Some(page) = repository.file(PAGE) else {
        return vec![Finding::gone(PAGE)];
    };
    let (invariants, tests) = (invariants(page), tests_of(repository));
    let mut findings = Vec::new();
    if invariants.is_empty() {
        findings.push(page.finding(1, "there are no invariants"));
    }
    for (index, Invariant { line, number, text }) in invariants.iter().enumerate() {
        if *number != index + 1 {
            findings.push(page.finding(*line, format!("number {number} should be {}", index + 1)));
        }
        if files_named(text) == 0 {
            findings
                .push(page.finding(*line, format!("invariant {number}: write `Enforced in:` and the file")));
        }
        let named = tests_named(text);
        if named.is_empty() && !text.contains("No test yet") {
            let message = format!("invariant {number} names no test: write `Test: …` or `No test yet: why`");
            findings.push(page.finding(*line, message));
        }
        let missing = named.iter().filter(|name| !tests.contains(**name));
        findings.extend(
            missing.map(|name| page.finding(*line, format!("invariant {number}: there is no test {name}"))),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{PAGE, unheld};
    use crate::{Repository, tidy};

    #[test]
    fn every_invariant_names_its_files_and_a_test_that_exists() {
        tidy::assert_none(&unheld(&Repository::read()));
    }

    #[test]
    fn an_invariant_that_nothing_holds_is_found() {
        let page = "# Invariants\n\n1. **A.** Words\n   go on. Enforced in: `a/b`. Test: `holds_a`.\n\n\
                    2. **B.** Enforced in: `a/b`. Test: `gone`.\n\n## More\n\n\
                    3. **C.** Enforced in: `a/b`. No test yet: no time.\n\n5. **D.** Nothing. Test: `holds_a`.\n\n\
                    5. **E.** Enforced in: `a/b`.\n";
        let code = "#[test]\nfn holds_a() {}\n\nfn gone() {}\n";
        let files = [(PAGE, page), ("crates/a/src/lib.rs", code)];
        let found = tidy::messages(&unheld(&Repository::example(&files)));
        assert!(found.contains("docs/invariants.md:6: invariant 2: there is no test gone"), "{found}");
        assert!(found.contains(":12: number 5 should be 4"), "{found}");
        assert!(found.contains(":12: invariant 5: write `Enforced in:`"), "{found}");
        assert!(found.contains(":14: invariant 5 names no test"), "{found}");
        assert_eq!(found.lines().count(), 4, "{found}");
    }
}
