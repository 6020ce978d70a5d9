//! Paths that documents name in backticks are there, and links between documents lead somewhere. With a function
//! (`crates/a/src/b.rs:name`), the file has that name.
//!
//! Paths are those from the repository's root, such as `docs/gate.md`; what stands for others (`docs/errors/<CODE>.md`)
//! is no path. In a crate's README the crate's own files and folders count too: `retention.rs`, `relay/`.

use crate::{File, Finding, Repository};

/// Folders of the root that documents speak of.
const FOLDERS: &[&str] = &["crates/", "catalog/", "deploy/", "docs/", "fuzz/", "tools/", "xtask/"];

/// A path with the name that its file must have, if one is said.
fn path_of(word: &str) -> Option<(&str, Option<&str>)> {
    let (path, name) = word.split_once(':').map_or((word, None), |(path, name)| (path, Some(name)));
    let plain = |text: &str, also: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
    let is_path = FOLDERS.iter().any(|folder| path.starts_with(folder)) && plain(path, "/._-");
    (is_path && name.is_none_or(|name| plain(name, "_:"))).then_some((path, name))
}

/// `retention.rs`, `relay/`.
fn is_source(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    plain && !word.starts_with(['/', '.']) && (word.ends_with(".rs") || word.ends_with('/'))
}

/// The crate's folder, if the page is a crate's README.
fn crate_of<'a>(repository: &Repository, page: &'a File) -> Option<&'a str> {
    let folder = page.path.strip_suffix("/README.md")?;
    repository.file(&format!("{folder}/Cargo.toml")).map(|_| folder)
}

/// Whether a crate has a source file or folder of this name, wherever in it.
fn has_own(repository: &Repository, folder: &str, name: &str) -> bool {
    let inside = |file: &File| file.path.strip_prefix(folder).is_some_and(|rest| is_at(rest, name));
    repository.files.iter().any(inside)
}

/// `/src/a/b.rs` is at `b.rs`, `a/b.rs` and `a/`.
fn is_at(path: &str, name: &str) -> bool {
    let from = |(at, _): (usize, &str)| path[at + 1..].starts_with(name);
    match name.strip_suffix('/') {
        Some(_) => path.match_indices('/').any(from),
        None => path.strip_suffix(name).is_some_and(|before| before.ends_with('/')),
    }
}

/// Words in backticks, each on one line.
fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Targets of Markdown links that are files of ours, and the heading behind `#`.
fn links(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let ours = targets.filter(|target| !target.contains("://") && !target.starts_with('/'));
    ours.map(|target| target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading))))
}

/// Whether a page has a heading that is linked to by this name.
fn has_heading(page: &File, name: &str) -> bool {
    let titles = page.text.lines().filter(|line| line.starts_with('#'));
    let mut names = titles.map(|title| -> String {
        let letters = title.trim_start_matches('#').trim().to_lowercase();
        let letters = letters.replace(' ', "-");
        letters.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    });
    names.any(|heading| heading == name)
}

/// The target of a link, from the repository's root.
fn resolved(page: &File, target: &str) -> String {
    let mut parts: Vec<&str> = page.path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether a word stands in a text as a whole word.
fn has_word(text: &str, word: &str) -> bool {
    let is_letter = |c: char| c == '_' || c.is_ascii_alphanumeric();
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_letter) && !text[at + word.len()..].starts_with(is_letter))
}

fn gone(repository: &Repository, page: &File, line: usize, path: &str) -> Finding {
    let hint = repository.moved_to(path).map_or_else(String::new, |now| format!("; is it {now} now?"));
    page.finding(line, format!("there is no {path}{hint}"))
}

/// Paths, names and links that lead nowhere.
#[must_use]
pub fn missing(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in repository.files.iter().filter(|file| file.path.ends_with(".md")) {
        let own = crate_of(repository, page);
        for (line, text) in page.lines() {
            if let Some(folder) = own {
                let names = in_backticks(text).filter(|word| path_of(word).is_none() && is_source(word));
                let gone = names.filter(|name| !has_own(repository, folder, name));
                findings.extend(gone.map(|name| page.finding(line, format!("{folder} has no {name}"))));
            }
            for (path, name) in in_backticks(text).filter_map(path_of) {
                if !repository.exists(path) {
                    findings.push(gone(repository, page, line, path));
                    continue;
                }
                // `Type::name`: both.
                let parts = name.into_iter().flat_map(|name| name.split("::"));
                let text = repository.file(path).map_or("", |file| file.text.as_str());
                let unknown = parts.filter(|part| !has_word(text, part));
                findings.extend(unknown.map(|part| page.finding(line, format!("{path} has no {part}"))));
            }
            for (target, heading) in links(text) {
                let target = if target.is_empty() { page.path.clone() } else { resolved(page, target) };
                if !repository.exists(&target) {
                    findings.push(gone(repository, page, line, &target));
                } else if let (Some(heading), Some(other)) = (heading, repository.file(&target))
                    && !has_heading(other, heading)
                {
                    findings.push(page.finding(line, format!("{target} has no heading `{heading}`")));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::missing;
    use crate::{Repository, tidy};

    #[test]
    fn paths_and_links_of_documents_lead_somewhere() {
        tidy::assert_none(&missing(&Repository::read()));
    }

    #[test]
    fn a_path_a_name_and_a_link_that_lead_nowhere_are_found() {
        let page = "`crates/a/src/lib.rs`, `crates/a`, `docs/<name>.md`, `other/thing`, `crates/a/src/lib.rs:one`\n\
                    `crates/b/src/lib.rs`\n`crates/a/src/lib.rs:on`\n`crates/a/src/lib.rs:Two::one`\n\
                    [a](../crates/a) [b](b.md#a-part-1) [c](https://example.org) [d](#part)\n[e](../docs/c.md)\n";
        let own = "`lib.rs`, `a/`, `a/b.rs`, `web/`, `gone.rs`\n";
        let files = [
            ("crates/a/README.md", own),
            ("crates/a/Cargo.toml", ""),
            ("crates/a/src/a/b.rs", ""),
            ("docs/a.md", page),
            ("docs/b.md", "# B\n\n## A part, 1\n"),
            ("crates/a/src/lib.rs", "struct Two;\nfn one() {}\n"),
        ];
        let found = tidy::messages(&missing(&Repository::example(&files)));
        for part in [
            "docs/a.md:2: there is no crates/b/src/lib.rs; is it crates/a/src/lib.rs now?",
            "docs/a.md:3: crates/a/src/lib.rs has no on",
            "docs/a.md:5: docs/a.md has no heading `part`",
            "docs/a.md:6: there is no docs/c.md",
            "crates/a/README.md:1: crates/a has no web/",
            "crates/a/README.md:1: crates/a has no gone.rs",
        ] {
            assert!(found.contains(part), "{part}: {found}");
        }
        assert_eq!(found.lines().count(), 6, "{found}");
    }
}
