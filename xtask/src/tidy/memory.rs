//! docs/operating.md says how much memory each unit and container of ours may hold; what is written there is what is set.

use std::collections::BTreeSet;

use crate::{Finding, Repository};

const PAGE: &str = "docs/operating.md";
const HEADING: &str = "## Memory";
/// How a unit, and a container, is bounded.
const SETTINGS: [&str; 2] = ["MemoryMax=", "mem_limit: "];

/// Bounds as they are set: path, line, figure. Tools have their own entries; this is about what runs on every machine.
fn set(repository: &Repository) -> Vec<(&str, usize, &str)> {
    let ours = |path: &str| {
        let is_code =
            path.starts_with("crates/") && path.contains("/src/") && !path.starts_with("crates/lab/");
        is_code || path.starts_with("deploy/") || path.starts_with("catalog/platform/")
    };
    let files = repository.files.iter().filter(|file| ours(&file.path));
    let lines = files.flat_map(|file| file.lines().map(|(line, text)| (file.path.as_str(), line, text)));
    lines
        .filter_map(|(path, line, text)| {
            let text = text.trim().trim_start_matches('"');
            let figure = SETTINGS.iter().find_map(|setting| text.strip_prefix(setting))?;
            // What begins with something else is the name of a setting in code.
            figure.starts_with(|c: char| c.is_ascii_digit()).then_some((
                path,
                line,
                figure.trim_end_matches(['"', ',']),
            ))
        })
        .collect()
}

/// Rows of the page: line, figure, path. Both stand in backticks in the last two cells.
fn written(text: &str) -> Vec<(usize, &str, &str)> {
    let section = text.lines().enumerate().skip_while(|(_, line)| *line != HEADING).skip(1);
    section
        .take_while(|(_, line)| !line.starts_with("## "))
        .filter_map(|(line, text)| {
            let cells: Vec<&str> = text.trim().trim_matches('|').split('|').map(str::trim).collect();
            let [_, figure, path] = cells[..] else { return None };
            let word = |cell: &str| cell.starts_with('`') && cell.ends_with('`');
            (word(figure) && word(path)).then(|| (line + 1, figure.trim_matches('`'), path.trim_matches('`')))
        })
        .collect()
}

/// Bounds that the page does not have, and rows that are not so.
#[must_use]
pub fn unsaid(repository: &Repository) -> Vec<Finding> {
    let Some(page) = repository.file(PAGE) else {
        return vec![Finding::gone(PAGE)];
    };
    let (set, written) = (set(repository), written(&page.text));
    let said: BTreeSet<(&str, &str)> = written.iter().map(|(_, figure, path)| (*path, *figure)).collect();
    let so: BTreeSet<(&str, &str)> = set.iter().map(|(path, _, figure)| (*path, *figure)).collect();
    let missing = set.iter().filter(|(path, _, figure)| !said.contains(&(*path, *figure)));
    let mut findings: Vec<Finding> = missing
        .map(|(path, line, figure)| Finding {
            path: (*path).to_owned(),
            line: *line,
            message: format!(
                "{figure} of memory is not in {PAGE}, \"{}\"",
                HEADING.trim_start_matches("## ")
            ),
        })
        .collect();
    let untrue = written.iter().filter(|(_, figure, path)| !so.contains(&(*path, *figure)));
    findings.extend(
        untrue.map(|(line, figure, path)| page.finding(*line, format!("{path} does not set {figure}"))),
    );
    findings
}

#[cfg(test)]
mod tests {
    use super::{PAGE, unsaid};
    use crate::{Repository, tidy};

    #[test]
    fn the_memory_of_each_unit_and_container_is_what_the_document_says() {
        let repository = Repository::read();
        tidy::assert_none(&unsaid(&repository));
        assert!(super::set(&repository).len() >= 6);
    }

    #[test]
    fn a_bound_that_is_not_written_down_and_one_that_is_not_so_are_found() {
        let page = "## Memory\n\n| who | may hold | set in |\n|---|---|---|\n| a | `1G` | `deploy/a.service` |\n\
                    | b | `2G` | `crates/b/src/b.rs` |\n\n## Next\n\n| c | `3G` | `deploy/c.service` |\n";
        let files = [
            (PAGE, page),
            ("deploy/a.service", "MemoryMax=1G\n"),
            ("crates/b/src/b.rs", "    \"MemoryMax=3G\",\n"),
            ("catalog/platform/d/compose.yml", "    mem_limit: 4m\n"),
        ];
        let found = tidy::messages(&unsaid(&Repository::example(&files)));
        assert_eq!(found.lines().count(), 3, "{found}");
        for wanted in ["crates/b/src/b.rs:1: 3G of", "d/compose.yml:1: 4m of", "operating.md:6: crates/b"] {
            assert!(found.contains(wanted), "{wanted}: {found}");
        }
    }
}
