//! Crates stay small enough to be known by one person, and the larger ones have a README.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{Finding, Repository};

/// A crate with more lines is refused.
const MOST: usize = 13_000;
/// A crate with more lines opens with its README.
const SMALL: usize = 3_000;
/// Crates that are larger today. One that no longer is must not stand here.
pub const LARGER: &[&str] = &["hub", "node"];
/// Larger crates without a README today: they are being taken apart. One that has one must not stand here.
pub const BARE: &[&str] = &[];
/// What a README has besides its opening.
const SECTIONS: [&str; 3] = ["## What it must never do", "## Modules", "## How to test it"];
/// How a crate's root includes its README.
pub(super) const INCLUDED: &str = "#![doc = include_str!(\"../README.md\")]";

/// A crate and its size.
#[derive(Debug, PartialEq, Eq)]
pub struct Size {
    /// Its folder, for example `crates/hub-side/hub`.
    pub folder: String,
    /// Files of its source, without tests and generated code.
    pub files: usize,
    /// Their lines, without tests.
    pub lines: usize,
}

impl Size {
    fn name(&self) -> &str {
        self.folder.rsplit('/').next().unwrap_or_default()
    }
}

/// All crates, the largest first.
#[must_use]
pub fn sizes(repository: &Repository) -> Vec<Size> {
    let test_modules = repository.test_modules();
    let for_tests = |path: &str| {
        test_modules.iter().any(|module| {
            path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    };
    let mut by_folder: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for file in repository.rust().filter(|file| file.path.starts_with("crates/")) {
        let Some((folder, _)) = file.path.split_once("/src/") else { continue };
        let lines = file.lines_without_tests().len();
        if lines > 0 && !for_tests(&file.path) {
            let size = by_folder.entry(folder).or_default();
            *size = (size.0 + 1, size.1 + lines);
        }
    }
    let size =
        |(folder, (files, lines)): (&str, (usize, usize))| Size { folder: folder.to_owned(), files, lines };
    let mut sizes: Vec<Size> = by_folder.into_iter().map(size).collect();
    sizes.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.folder.cmp(&b.folder)));
    sizes
}

/// The table that `make tidy` prints.
#[must_use]
pub fn table(sizes: &[Size]) -> String {
    let mut text = String::from(" lines  files  crate (src without tests and generated code)\n");
    for size in sizes {
        let note = if size.lines > MOST { "  larger than 13,000" } else { "" };
        let _ = writeln!(text, "{:>6} {:>6}  {}{note}", size.lines, size.files, size.folder);
    }
    let lines: usize = sizes.iter().map(|size| size.lines).sum();
    let files: usize = sizes.iter().map(|size| size.files).sum();
    let _ = writeln!(text, "{lines:>6} {files:>6}  all");
    text
}

fn about(size: &Size, message: String) -> Finding {
    Finding { path: format!("{}/Cargo.toml", size.folder), line: 1, message }
}

/// Crates that are too large, and exceptions that are not needed.
#[must_use]
pub fn too_large(sizes: &[Size], larger: &[&str]) -> Vec<Finding> {
    let is_large = |size: &&Size| size.lines > MOST;
    let refused = sizes.iter().filter(is_large).filter(|size| !larger.contains(&size.name()));
    let mut findings: Vec<Finding> = refused
        .map(|size| about(size, format!("{} lines, at most {MOST}: split it by who runs it", size.lines)))
        .collect();
    let idle =
        larger.iter().filter(|name| !sizes.iter().any(|size| is_large(&size) && size.name() == **name));
    findings.extend(
        idle.map(|name| own(format!("{name} is not larger than {MOST} lines: take it out of LARGER"))),
    );
    findings
}

/// About a list of exceptions in this file.
fn own(message: String) -> Finding {
    Finding { path: "xtask/src/tidy/crates.rs".into(), line: 1, message }
}

/// Larger crates whose documentation is not their README, and READMEs that do not follow the form.
#[must_use]
pub fn without_readme(repository: &Repository, sizes: &[Size], bare: &[&str]) -> Vec<Finding> {
    let (mut findings, mut needed) = (Vec::new(), Vec::new());
    for size in sizes {
        let root = ["lib.rs", "main.rs"].map(|root| format!("{}/src/{root}", size.folder));
        let included = root.iter().filter_map(|root| repository.file(root));
        let included = included.into_iter().any(|root| root.lines().any(|(_, line)| line == INCLUDED));
        if size.lines > SMALL && !included && bare.contains(&size.name()) {
            needed.push(size.name());
        } else if size.lines > SMALL && !included {
            let message = format!("{} lines: write a README.md and `{INCLUDED}`", size.lines);
            findings.push(about(size, message));
        }
        if let Some(page) = repository.file(&format!("{}/README.md", size.folder)) {
            let missing = SECTIONS.iter().filter(|section| !page.lines().any(|(_, line)| line == **section));
            findings.extend(missing.map(|section| page.finding(1, format!("`{section}` is missing"))));
            if !included {
                findings.push(page.finding(1, format!("include it in the crate's root: `{INCLUDED}`")));
            }
        }
    }
    let idle = bare.iter().filter(|name| !needed.contains(name));
    findings.extend(idle.map(|name| own(format!("{name} needs no exception: take it out of BARE"))));
    findings
}

#[cfg(test)]
mod tests {
    use super::{BARE, INCLUDED, LARGER, MOST, SECTIONS, SMALL, sizes, table, too_large, without_readme};
    use crate::{Repository, tidy};

    #[test]
    fn no_crate_is_too_large_but_those_that_are_named() {
        let sizes = sizes(&Repository::read());
        println!("{}", table(&sizes));
        tidy::assert_none(&too_large(&sizes, LARGER));
    }

    #[test]
    fn larger_crates_open_with_their_readme() {
        let repository = Repository::read();
        tidy::assert_none(&without_readme(&repository, &sizes(&repository), BARE));
    }

    #[test]
    fn a_crate_is_counted_without_tests_and_one_that_is_too_large_is_found() {
        let (large, full) = ("\n".repeat(MOST + 1), "\n".repeat(MOST));
        let files = [
            ("crates/side/large/src/lib.rs", large.as_str()),
            ("crates/full/src/lib.rs", full.as_str()),
            ("crates/full/src/tests.rs", "\n"),
            ("crates/full/src/a/mod.rs", "#[cfg(test)]\nmod b;\n#[cfg(test)]\nmod tests {\n}\n"),
            ("crates/full/src/a/b.rs", "\n"),
            ("crates/full/src/generated.rs", "\n"),
            ("crates/full/tests/c.rs", "\n"),
        ];
        let sizes = sizes(&Repository::example(&files));
        let counted: Vec<_> = sizes.iter().map(|size| (size.name(), size.files, size.lines)).collect();
        assert_eq!(counted, [("large", 1, MOST + 1), ("full", 1, MOST)]);
        let found = tidy::messages(&too_large(&sizes, &["full"]));
        assert!(found.contains("crates/side/large/Cargo.toml:1: 13001 lines"), "{found}");
        assert!(found.contains("full is not larger than 13000 lines"), "{found}");
        assert_eq!(found.lines().count(), 2, "{found}");
        assert!(too_large(&sizes, &["large"]).is_empty());
        assert!(table(&sizes).contains(" 13001      1  crates/side/large  larger"), "{}", table(&sizes));
    }

    #[test]
    fn a_larger_crate_without_a_readme_and_a_readme_without_its_parts_are_found() {
        let text = "\n".repeat(SMALL + 1);
        let good = format!("# a\n\n{}\n", SECTIONS.join("\n"));
        let files = [
            ("crates/a/src/lib.rs", format!("{INCLUDED}\n{text}")),
            ("crates/a/README.md", good),
            ("crates/b/src/main.rs", text.clone()),
            ("crates/d/src/lib.rs", text),
            ("crates/c/src/lib.rs", "\n".into()),
            ("crates/c/README.md", "# c\n\n## Modules\n## How to test it\n".into()),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let repository = Repository::example(&files);
        let found = tidy::messages(&without_readme(&repository, &sizes(&repository), &["a", "d"]));
        for part in [
            "crates/b/Cargo.toml:1: 3001 lines: write a README.md",
            "crates/c/README.md:1: `## What it must never do` is missing",
            "crates/c/README.md:1: include it",
            "crates.rs:1: a needs no exception",
        ] {
            assert!(found.contains(part), "{part}: {found}");
        }
        assert_eq!(found.lines().count(), 4, "{found}");
    }
}
