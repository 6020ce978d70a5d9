//! Documents that must stay short, complete or dated: ARCHITECTURE.md, docs/glossary.md, docs/decisions.

use std::collections::BTreeMap;

use crate::{File, Finding, Repository};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// So many bytes at most.
const MOST_BYTES: usize = 14_000;
/// So many lines of a walk at most.
const MOST_LINES: usize = 12;
const GLOSSARY: &str = "docs/glossary.md";
/// So many words at most.
const MOST_WORDS: usize = 40;
const DECISIONS: &str = "docs/decisions/";

/// The page's parts by their headings of a level, each with its line and its text.
fn parts<'a>(page: &'a File, level: &str) -> Vec<(usize, &'a str, Vec<&'a str>)> {
    let mut parts: Vec<(usize, &str, Vec<&str>)> = Vec::new();
    for (line, text) in page.lines() {
        if let Some(title) = text.strip_prefix(level) {
            parts.push((line, title, Vec::new()));
        } else if let Some((_, _, lines)) = parts.last_mut() {
            lines.push(text);
        }
    }
    parts
}

/// ARCHITECTURE.md is short, and its map has every crate.
#[must_use]
pub fn architecture(repository: &Repository) -> Vec<Finding> {
    let Some(page) = repository.file(ARCHITECTURE) else { return vec![Finding::gone(ARCHITECTURE)] };
    let mut findings = Vec::new();
    if page.text.len() > MOST_BYTES {
        let message = format!("{} bytes, at most {MOST_BYTES}: move what belongs elsewhere", page.text.len());
        findings.push(page.finding(1, message));
    }
    for (line, title, text) in parts(page, "### ") {
        let lines = text.iter().filter(|line| !line.trim().is_empty()).count();
        if lines > MOST_LINES {
            findings.push(page.finding(line, format!("`{title}` has {lines} lines, at most {MOST_LINES}")));
        }
    }
    let crates = repository.files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    let unknown =
        crates.filter(|path| path.starts_with("crates/") && !page.text.contains(&format!("`{path}`")));
    findings.extend(unknown.map(|path| page.finding(1, format!("section Code map: `{path}` is missing"))));
    findings
}

/// The glossary is short, sorted, and explains each word once.
#[must_use]
pub fn glossary(repository: &Repository) -> Vec<Finding> {
    let Some(page) = repository.file(GLOSSARY) else { return vec![Finding::gone(GLOSSARY)] };
    let rows =
        page.lines().filter_map(|(line, text)| Some((line, text.strip_prefix("| ")?.split(" | ").next()?)));
    let words: Vec<(usize, String)> = rows.skip(1).map(|(line, word)| (line, word.to_lowercase())).collect();
    let mut findings = Vec::new();
    if words.len() > MOST_WORDS {
        findings.push(page.finding(1, format!("{} words, at most {MOST_WORDS}", words.len())));
    }
    let unsorted = words.windows(2).filter(|pair| pair[0].1 >= pair[1].1);
    findings.extend(unsorted.map(|pair| page.finding(pair[1].0, format!("`{}` is not in order", pair[1].1))));
    findings
}

/// `2026-11-21: …`.
fn is_dated(title: &str) -> bool {
    let form = "0000-00-00: ";
    title.len() > form.len()
        && form
            .bytes()
            .zip(title.bytes())
            .all(|(form, c)| if form == b'0' { c.is_ascii_digit() } else { c == form })
}

/// Decisions are dated, one paragraph each, and their files are listed.
#[must_use]
pub fn decisions(repository: &Repository) -> Vec<Finding> {
    let pages = repository.files.iter().filter(|file| file.path.starts_with(DECISIONS));
    let (index, pages): (Vec<&File>, Vec<&File>) = pages.partition(|page| page.path.ends_with("/README.md"));
    let index = index.first().map_or("", |index| index.text.as_str());
    let mut findings = Vec::new();
    if pages.is_empty() {
        findings.push(Finding::gone(DECISIONS));
    }
    for page in pages {
        let name = page.path.trim_start_matches(DECISIONS);
        if !index.contains(&format!("({name})")) {
            findings.push(page.finding(1, format!("{DECISIONS}README.md does not list {name}")));
        }
        let mut titles: BTreeMap<&str, usize> = BTreeMap::new();
        for (line, title, text) in parts(page, "## ") {
            if !is_dated(title) || titles.insert(title, line).is_some() {
                findings.push(page.finding(line, "write `## year-month-day: the decision`, once"));
            }
            let text = text.join("\n");
            if text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()).count() != 1 {
                findings.push(
                    page.finding(line, "write one paragraph: what we do, because of what, at what cost"),
                );
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{architecture, decisions, glossary};
    use crate::{Repository, tidy};

    #[test]
    fn the_map_is_short_and_has_every_crate() {
        tidy::assert_none(&architecture(&Repository::read()));
        let walk = format!("## Walks\n\n### One\n\n{}### Two\n\n1. x\n", "1. x\n".repeat(13));
        let text = format!("`crates/a`\n{walk}{}\n", "x".repeat(14_000));
        let files =
            [("ARCHITECTURE.md", text.as_str()), ("crates/a/Cargo.toml", ""), ("crates/b/c/Cargo.toml", "")];
        let found = tidy::messages(&architecture(&Repository::example(&files)));
        for part in ["bytes, at most 14000", "`One` has 13 lines", "`crates/b/c` is missing"] {
            assert!(found.contains(part), "{part}: {found}");
        }
        assert_eq!(found.lines().count(), 3, "{found}");
    }

    #[test]
    fn the_glossary_has_each_word_once_and_in_order() {
        tidy::assert_none(&glossary(&Repository::read()));
        let rows = ["| word | meaning |", "|---|---|", "| b | x |", "| a | x |", "| a | x |"].join("\n");
        let found = tidy::messages(&glossary(&Repository::example(&[("docs/glossary.md", &rows)])));
        assert!(found.contains("glossary.md:4: `a`") && found.contains(":5: `a`"), "{found}");
        assert_eq!(found.lines().count(), 2, "{found}");
    }

    #[test]
    fn decisions_are_dated_and_have_one_paragraph() {
        tidy::assert_none(&decisions(&Repository::read()));
        let page = "# D\n\n## 2026-11-21: Good\n\nOne\nparagraph.\n\n## 21.11.2026: Bad\n\nOne.\n\n\
                    ## 2026-11-22: Long\n\nOne.\n\nTwo.\n";
        let files = [("docs/decisions/README.md", "(b.md)"), ("docs/decisions/a.md", page)];
        let found = tidy::messages(&decisions(&Repository::example(&files)));
        for part in ["README.md does not list a.md", "a.md:8: write `## year", "a.md:12: write one paragraph"]
        {
            assert!(found.contains(part), "{part}: {found}");
        }
        assert_eq!(found.lines().count(), 3, "{found}");
    }
}
