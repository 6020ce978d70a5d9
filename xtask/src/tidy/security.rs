//! docs/security.md says of each kind of attacker what he can and cannot do; each line names a test that exists.

use crate::{Finding, Repository, tidy::invariants::tests_of};

const PAGE: &str = "docs/security.md";
/// Where nothing plays the attack yet, the line says so with this word.
const NONE: &str = "none";

/// Lines that name no test, or one that does not exist.
#[must_use]
pub fn unproven(repository: &Repository) -> Vec<Finding> {
    let Some(page) = repository.file(PAGE) else {
        return vec![Finding::gone(PAGE)];
    };
    let tests = tests_of(repository);
    let mut findings = Vec::new();
    for (line, text) in page.lines() {
        let cells: Vec<&str> = text.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [_, _, proof] = cells[..] else { continue };
        if proof == "test" || proof.starts_with("---") {
            continue;
        }
        // Operations of a run stand there too; their names have a dot.
        let named: Vec<&str> =
            proof.split('`').skip(1).step_by(2).filter(|name| !name.contains('.')).collect();
        if named.is_empty() && !proof.contains(NONE) {
            findings.push(page.finding(line, "names no test; write one, or say that there is none yet"));
        }
        let missing = named.iter().filter(|name| !tests.contains(**name));
        findings.extend(missing.map(|name| page.finding(line, format!("there is no test {name}"))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{PAGE, unproven};
    use crate::{Repository, tidy};

    #[test]
    fn what_is_said_of_attackers_is_shown_by_tests() {
        tidy::assert_none(&unproven(&Repository::read()));
    }

    #[test]
    fn a_line_without_a_test_or_with_a_missing_one_is_found() {
        let text = "| can | cannot | test |\n|---|---|---|\n| a | b | `there` |\n| a | b | |\n\
                    | a | b | `gone`; `run.operation` |\n| a | b | none yet |\n";
        let files = [(PAGE, text), ("crates/a/src/lib.rs", "#[test]\nfn there() {}\n")];
        let found = tidy::messages(&unproven(&Repository::example(&files)));
        assert_eq!(found.lines().count(), 2, "{found}");
        assert!(
            found.contains("security.md:4: names no test") && found.contains(":5: there is no test gone")
        );
    }
}
