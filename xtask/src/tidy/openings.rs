//! Each program and library opens with what it is for; each crate says once what it must never do.

use crate::{File, Finding, Repository};

fn opening(file: &File) -> Vec<&str> {
    file.text.lines().take_while(|line| line.starts_with("//!")).collect()
}

/// Crate roots that do not open as they should.
#[must_use]
pub fn violations(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in repository.rust() {
        let Some((_, inside)) = file.in_crate() else { continue };
        let is_library = inside == "src/lib.rs";
        let is_program =
            inside == "src/main.rs" || (inside.starts_with("src/bin/") && inside.ends_with(".rs"));
        if !is_library && !is_program {
            continue;
        }
        let opening = opening(file);
        if opening.len() < 2 {
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
    use crate::{Repository, tidy};

    #[test]
    fn every_crate_says_what_it_is_for_and_what_it_must_never_do() {
        tidy::assert_none(&violations(&Repository::read()));
    }

    #[test]
    fn a_bare_crate_is_found() {
        let files = [
            ("crates/a/src/lib.rs", "//! Does this.\n//! It must\n//! never do that.\n"),
            ("crates/b/src/lib.rs", "//! Does this.\n//! And that.\n"),
            ("crates/b/src/main.rs", "//! A program.\n"),
            ("crates/b/src/other.rs", ""),
        ];
        let found = tidy::messages(&violations(&Repository::example(&files)));
        assert!(found.contains("crates/b/src/lib.rs:1: say in"), "{found}");
        assert!(found.contains("crates/b/src/main.rs:1: open with"), "{found}");
        assert_eq!(found.lines().count(), 2, "{found}");
    }
}
