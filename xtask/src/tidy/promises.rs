//! What a document promises in general is shown: a section that says "every", "never" or "always" names the tests
//! that hold it, or an invariant by its number.
//!
//! Rows of tables are left out: they say where a thing is, and those of docs/security.md have a rule of their own.

use crate::{Finding, Repository};

/// Words that promise.
const WORDS: [&str; 3] = ["every", "never", "always"];
/// Pages that say what to do, or whose lines have rules of their own.
const LEFT_OUT: [&str; 2] = ["CONTRIBUTING.md", "docs/invariants.md"];

fn is_document(path: &str) -> bool {
    let name = path.strip_prefix("docs/").unwrap_or(path);
    name.ends_with(".md") && !name.contains('/') && !LEFT_OUT.contains(&path)
}

fn promises(line: &str) -> bool {
    let words = line.split(|c: char| !c.is_ascii_alphabetic());
    !line.starts_with('|')
        && words.into_iter().any(|word| WORDS.contains(&word.to_ascii_lowercase().as_str()))
}

fn shows(line: &str) -> bool {
    let names = ["Test: `", "Tests: `", "(invariant "].iter().any(|mark| line.contains(mark));
    names || line.contains("(invariants ") || line.ends_with("Test:") || line.ends_with("Tests:")
}

/// Promises in sections that name nothing which holds them.
#[must_use]
pub fn unshown(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in repository.files.iter().filter(|file| is_document(&file.path)) {
        let (mut open, mut shown): (Vec<Finding>, bool) = (Vec::new(), false);
        let mut close = |open: &mut Vec<Finding>, shown: bool| {
            if !shown {
                findings.append(open);
            }
            open.clear();
        };
        for (line, text) in page.lines() {
            if text.starts_with("## ") {
                close(&mut open, shown);
                shown = false;
            }
            shown |= shows(text);
            // What is indented is typed or printed.
            if promises(text) && !text.starts_with("    ") {
                open.push(page.finding(line, "name the test that shows this (`Tests: …`), or say less"));
            }
        }
        close(&mut open, shown);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::unshown;
    use crate::{Repository, tidy};

    #[test]
    fn what_documents_promise_in_general_names_its_tests() {
        tidy::assert_none(&unshown(&Repository::read()));
    }

    #[test]
    fn a_promise_without_a_test_in_its_section_is_found() {
        let page = "It never ends.\n\n## One\n\nAlways so.\n\nTests: `a_b`.\n\n## Two\n\n| every | row |\n\n    every line\n\
                    Everything else.\n\n## Three\n\nEvery one (invariant 3).\n\n## Four\n\nFor every one.\n";
        let files = [("docs/a.md", page), ("docs/errors/A.md", page), ("CONTRIBUTING.md", page)];
        let found = unshown(&Repository::example(&files));
        let lines: Vec<usize> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 22], "{}", tidy::messages(&found));
    }
}
