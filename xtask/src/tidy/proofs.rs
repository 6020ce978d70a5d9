//! Where a document says which tests show what it says (`Test: \`name\`.` or `Tests: \`name\`, \`other\`.`), they exist.
//!
//! Invariants and docs/security.md have rules of their own besides: there each line must name one.

use crate::{File, Finding, Repository, tidy::invariants::tests_of};

/// The documents, those of crates too; the pages of error codes name no tests.
fn is_document(path: &str) -> bool {
    path.ends_with(".md") && !path.starts_with("docs/errors/")
}

/// Names in backticks from `Test: ` or `Tests: ` to the end of the paragraph, with their lines.
fn named(page: &File) -> Vec<(usize, &str)> {
    let (mut open, mut found) = (false, Vec::new());
    for (line, text) in page.lines() {
        let rest = if open {
            text
        } else {
            let begins = |mark: &str| text.find(mark).map(|at| &text[at + mark.len()..]);
            match begins("Tests: `")
                .or_else(|| begins("Test: `"))
                .or_else(|| (text.ends_with("Tests:") || text.ends_with("Test:")).then_some(""))
            {
                // The mark took the first backtick.
                Some("") => "",
                Some(rest) => &text[text.len() - rest.len() - 1..],
                None => continue,
            }
        };
        open = !text.trim().is_empty();
        // Programs, files and operations may be named besides.
        let is_name = |word: &&str| {
            word.contains('_')
                && word.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        found.extend(rest.split('`').skip(1).step_by(2).filter(is_name).map(|name| (line, name)));
    }
    found
}

/// Tests that a document names and that are not there.
#[must_use]
pub fn missing(repository: &Repository) -> Vec<Finding> {
    let tests = tests_of(repository);
    let pages = repository.files.iter().filter(|file| is_document(&file.path));
    pages
        .flat_map(|page| {
            let gone = named(page).into_iter().filter(|(_, name)| !tests.contains(name));
            gone.map(|(line, name)| page.finding(line, format!("there is no test {name}")))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::missing;
    use crate::{Repository, tidy};

    #[test]
    fn tests_that_documents_name_exist() {
        tidy::assert_none(&missing(&Repository::read()));
    }

    #[test]
    fn a_test_that_is_gone_is_found_wherever_it_stands_in_the_list() {
        let text = "All of it holds. Tests: `it_is_there`,\n`it_is_gone` (`letsbe-node ps`), `it_is_there`.\n\n`not_named` here.\n\n\
                    So does this. Tests:\n`this_is_gone`.\n\nTest: `that_is_gone`.\n";
        let files = [
            ("docs/a.md", text),
            ("docs/errors/A.md", text),
            ("crates/a/src/lib.rs", "#[test]\nfn it_is_there() {}\n"),
        ];
        let found = tidy::messages(&missing(&Repository::example(&files)));
        assert_eq!(found.lines().count(), 3, "{found}");
        for part in [
            "docs/a.md:2: there is no test it_is_gone",
            ":7: there is no test this_is_gone",
            ":9: there is no test that_is_gone",
        ] {
            assert!(found.contains(part), "{part}: {found}");
        }
    }
}
