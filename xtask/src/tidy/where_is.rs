//! docs/where-is-what.md answers at least twenty questions, each with a file. That the files are there is checked by
//! `paths`.
//!
//! Form: a table of two columns, the question and the answer.

use crate::{Finding, Repository};

const PAGE: &str = "docs/where-is-what.md";
/// So many questions at least.
const FEWEST: usize = 20;

/// Questions without an answer, and a page with too few of them.
#[must_use]
pub fn unanswered(repository: &Repository) -> Vec<Finding> {
    let Some(page) = repository.file(PAGE) else {
        return vec![Finding::gone(PAGE)];
    };
    let rows: Vec<(usize, &str)> = page.lines().filter(|(_, text)| text.contains("? |")).collect();
    let without = rows.iter().filter(|(_, text)| !text.contains("| `crates/"));
    let mut findings: Vec<Finding> = without
        .map(|(line, _)| page.finding(*line, "the answer begins with no file under `crates/`"))
        .collect();
    if rows.len() < FEWEST {
        findings.push(page.finding(1, format!("{} questions, at least {FEWEST}", rows.len())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{PAGE, unanswered};
    use crate::{Repository, tidy};

    #[test]
    fn twenty_questions_are_answered_with_files() {
        tidy::assert_none(&unanswered(&Repository::read()));
    }

    #[test]
    fn a_question_without_a_file_and_too_few_questions_are_found() {
        let page = "| where is | file |\n|---|---|\n| a? | `crates/a/src/b.rs` |\n| b? | somewhere |\n";
        let found = tidy::messages(&unanswered(&Repository::example(&[(PAGE, page)])));
        assert!(found.contains("where-is-what.md:4: the answer begins"), "{found}");
        assert!(found.contains("2 questions, at least 20"), "{found}");
        assert_eq!(found.lines().count(), 2, "{found}");
    }
}
