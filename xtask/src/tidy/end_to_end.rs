//! crates/lab/end-to-end/README.md has a row for each of its test programs, and no other; the row says which invariants
//! the program holds: those that name one of its tests.

use std::collections::BTreeSet;

use crate::{
    File, Finding, Repository,
    tidy::invariants::{held_by, tests_of},
};

const FOLDER: &str = "crates/lab/end-to-end/tests/";
const PAGE: &str = "crates/lab/end-to-end/README.md";
/// How a check gets its name there.
const MARKS: [&str; 3] = ["Checks::on(", ".check(", ".check_without_scenario("];

/// The names of checks, which are tests of their own there (`letsbe_end_to_end::checks`).
pub(super) fn checks_of(file: &File) -> Vec<&str> {
    if !file.path.starts_with(FOLDER) {
        return Vec::new();
    }
    let after = MARKS.iter().flat_map(|mark| file.text.split(mark).skip(1));
    after.filter_map(|text| text.trim_start().strip_prefix('"')?.split('"').next()).collect()
}

/// The test program that a file belongs to: `attack` for `tests/attack/root.rs`, `tools` for `tests/tools.rs`.
fn program_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix(FOLDER)?;
    name.split_once('/').map_or_else(|| name.strip_suffix(".rs"), |(folder, _)| Some(folder))
}

/// The invariants that a program's tests hold.
fn invariants_of(repository: &Repository, program: &str) -> BTreeSet<usize> {
    let of_it = |file: &&File| program_of(&file.path) == Some(program);
    let files = repository.files.iter().filter(of_it).cloned().collect();
    held_by(repository, &tests_of(&Repository { files }))
}

/// Rows of the page: line, program, invariants.
fn rows(page: &File) -> impl Iterator<Item = (usize, &str, BTreeSet<usize>)> {
    page.lines().filter_map(|(line, text)| {
        let cells: Vec<&str> = text.trim().trim_matches('|').split('|').map(str::trim).collect();
        let name = cells.first()?.strip_prefix('`')?.strip_suffix('`')?;
        let numbers = cells.last()?.split(|letter: char| !letter.is_ascii_digit());
        (cells.len() == 5).then(|| (line, name, numbers.filter_map(|number| number.parse().ok()).collect()))
    })
}

/// Programs without a row, rows without a program, and invariants that are not so.
#[must_use]
pub fn violations(repository: &Repository) -> Vec<Finding> {
    let Some(page) = repository.file(PAGE) else {
        return vec![Finding::gone(PAGE)];
    };
    let programs: BTreeSet<&str> =
        repository.files.iter().filter_map(|file| program_of(&file.path)).collect();
    let mut findings = Vec::new();
    for (line, name, written) in rows(page) {
        let held = invariants_of(repository, name);
        if !programs.contains(name) {
            findings.push(page.finding(line, format!("there is no test {name} in {FOLDER}")));
        } else if written != held {
            findings.push(page.finding(line, format!("{name} holds the invariants {held:?}")));
        }
    }
    let missing = programs.iter().filter(|name| !rows(page).any(|(_, row, _)| row == **name));
    findings.extend(missing.map(|name| page.finding(1, format!("has no row for the test {name}"))));
    findings
}

#[cfg(test)]
mod tests {
    use super::{PAGE, violations};
    use crate::{Repository, tidy};

    #[test]
    fn each_end_to_end_test_has_its_row_and_the_other_way_round() {
        tidy::assert_none(&violations(&Repository::read()));
    }

    #[test]
    fn a_missing_row_a_row_too_many_and_a_wrong_invariant_are_found() {
        let page = "| test | shows | needs | minutes | invariants |\n|---|---|---|---|---|\n\
                    | `a` | b | c | 1 | 1, 2 |\n| `gone` | b | c | 1 | |\n| `right` | b | c | 1 | 2 |\n";
        let invariants =
            "## Invariants\n\n1. **A.** Test: `of_a`.\n\n2. **B.** Test: `of_right`, `of_new`.\n";
        let checks = "fn main() {\n    Checks::on(\"all\", LIMIT, set_up)\n        .check(\n            \"of_right\", one);\n}\n";
        let files = [
            (PAGE, page),
            ("docs/invariants.md", invariants),
            ("crates/lab/end-to-end/tests/a/main.rs", "#[test]\nfn of_a() {}\n"),
            ("crates/lab/end-to-end/tests/right/main.rs", checks),
            ("crates/lab/end-to-end/tests/new.rs", "#[test]\nfn of_new() {}\n"),
        ];
        let found = tidy::messages(&violations(&Repository::example(&files)));
        assert!(found.contains("README.md:3: a holds the invariants {1}"), "{found}");
        assert!(found.contains(":4: there is no test gone"), "{found}");
        assert!(found.contains("has no row for the test new"), "{found}");
        assert_eq!(found.lines().count(), 3, "{found}");
    }
}
