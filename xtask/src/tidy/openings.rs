//! Each file but tests opens with what it is for; each program and library with more, by itself or in the README that it
//! includes; each crate says once what it must never do.

use crate::{File, Finding, Repository, tidy::crates::INCLUDED};

/// The documentation at the head of a file, and of the README that it includes.
fn opening<'a>(repository: &'a Repository, file: &'a File) -> Vec<&'a str> {
    let mut lines: Vec<&str> = file.text.lines().take_while(|line| line.starts_with("//!")).collect();
    if file.lines().any(|(_, line)| line == INCLUDED) {
        let folder = file.path.split("/src/").next().unwrap_or_default();
        let readme = repository.file(&format!("{folder}/README.md"));
        lines.extend(readme.into_iter().flat_map(|readme| readme.text.lines()));
    }
    lines
}

/// Files that do not open as they should.
#[must_use]
pub fn violations(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in repository.rust().filter(|file| !file.is_test()) {
        let opening = opening(repository, file);
        if opening.is_empty() {
            findings.push(file.finding(1, "open with a line of `//!`: what this module is for"));
        }
        let Some((_, inside)) = file.in_crate() else { continue };
        let is_library = inside == "src/lib.rs";
        let is_program =
            inside == "src/main.rs" || (inside.starts_with("src/bin/") && inside.ends_with(".rs"));
        if (is_library || is_program) && opening.len() == 1 {
            findings.push(file.finding(1, "open with at least two lines of `//!`: what this is for"));
        }
        let words = opening.join(" ").replace("//!", " ");
        let words: Vec<&str> = words.split_whitespace().collect();
        if is_library && !words.windows(2).any(|pair| pair == ["must", "never"]) {
            findings.push(file.finding(1, "say in the `//!` what this crate must never do"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::violations;
    use crate::{Repository, tidy, tidy::crates::INCLUDED};

    #[test]
    fn files_say_what_they_are_for_and_crates_what_they_must_never_do() {
        tidy::assert_none(&violations(&Repository::read()));
    }

    #[test]
    fn a_bare_file_and_a_bare_crate_are_found() {
        let included = format!("{INCLUDED}\n\nmod one;\n");
        let files = [
            ("crates/a/src/lib.rs", "//! Does this.\n//! It must\n//! never do that.\n"),
            ("crates/b/src/lib.rs", "//! Does this.\n//! And that.\n"),
            ("crates/b/src/main.rs", "//! A program.\n"),
            ("crates/b/src/other.rs", "use std::fs;\n"),
            ("crates/b/src/tests.rs", ""),
            ("crates/b/tests/more.rs", ""),
            ("crates/c/src/lib.rs", included.as_str()),
            ("crates/c/README.md", "# c\n\nIt must never do that.\n"),
            ("crates/d/src/main.rs", included.as_str()),
        ];
        let found = tidy::messages(&violations(&Repository::example(&files)));
        assert!(found.contains("crates/b/src/lib.rs:1: say in"), "{found}");
        assert!(found.contains("crates/b/src/main.rs:1: open with at least two"), "{found}");
        assert!(found.contains("crates/b/src/other.rs:1: open with a line"), "{found}");
        assert!(found.contains("crates/d/src/main.rs:1: open with a line"), "{found}");
        assert_eq!(found.lines().count(), 4, "{found}");
    }
}
