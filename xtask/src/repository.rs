//! The files that belong to the repository, read once.

use std::{collections::BTreeSet, fmt, path::Path, process::Command};

/// A text file, with its path from the repository's root.
#[derive(Debug, Clone)]
pub struct File {
    /// For example `crates/hub-side/hub/src/lib.rs`.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which file.
    pub path: String,
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Finding {
    /// A file that must be there is not.
    #[must_use]
    pub fn gone(path: &str) -> Self {
        Self { path: path.to_owned(), line: 1, message: "is not there".to_owned() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// All text files that are tracked, or new and not ignored.
#[derive(Debug, Default)]
pub struct Repository {
    /// Sorted by path.
    pub files: Vec<File>,
}

impl Repository {
    /// Reads this repository.
    ///
    /// # Panics
    /// When git cannot list its files: without the list no rule can be checked.
    #[must_use]
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let output = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z"])
            .current_dir(&root)
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
        let listed = String::from_utf8_lossy(&output.stdout);
        // What was removed but not yet committed is still listed; what is not text has no lines to check.
        let read = |path: &str| {
            let text = std::fs::read_to_string(root.join(path)).ok()?;
            Some(File { path: path.to_owned(), text })
        };
        let files: Vec<File> = listed.split('\0').filter_map(read).collect();
        assert!(files.len() > 10, "git lists only {} files; is this a checkout?", files.len());
        Self { files }
    }

    /// An example for a rule's own test.
    #[must_use]
    pub fn example(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { files: files.iter().map(file).collect() }
    }

    /// The file at this path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is a file or a folder at this path.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below = |file: &File| file.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        self.files.iter().any(|file| file.path == path || below(file))
    }

    /// Where a file that is not at this path may have gone: the one file that has most of its last names.
    #[must_use]
    pub fn moved_to(&self, path: &str) -> Option<&str> {
        let common = |other: &str| {
            path.rsplit('/').zip(other.rsplit('/')).take_while(|(one, other)| one == other).count()
        };
        let longest = self.files.iter().map(|file| common(&file.path)).max().filter(|most| *most > 0)?;
        let mut found = self.files.iter().filter(|file| common(&file.path) == longest);
        let first = found.next()?;
        found.next().is_none().then_some(first.path.as_str())
    }

    /// Modules that are compiled for tests only (`#[cfg(test)] mod name;`), as the beginnings of their paths without
    /// `.rs`.
    #[must_use]
    pub fn test_modules(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for file in self.rust() {
            let Some((folder, name)) = file.path.rsplit_once('/') else { continue };
            let folder = match name {
                "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
                name => format!("{folder}/{}", name.trim_end_matches(".rs")),
            };
            let mut lines = file.text.lines().map(str::trim);
            while lines.by_ref().any(|line| line == "#[cfg(test)]") {
                let item = lines.by_ref().find(|line| !line.starts_with("#[")).unwrap_or_default();
                let module = item.strip_suffix(';').and_then(|item| item.rsplit_once("mod "));
                found.extend(module.map(|(_, module)| format!("{folder}/{module}")));
            }
        }
        found
    }

    /// Rust files that people wrote.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs") && !file.path.ends_with("/generated.rs"))
    }
}

impl File {
    /// A finding in this file.
    #[must_use]
    pub fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }

    /// Numbered lines.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Whether the file as a whole is a test, an example or a bench.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "examples"))
    }

    /// Numbered lines without the items that are compiled for tests only. The file is formatted: an item ends with
    /// its line, or with a brace that is indented like its beginning.
    #[must_use]
    pub fn lines_without_tests(&self) -> Vec<(usize, &str)> {
        if self.is_test() {
            return Vec::new();
        }
        let (mut kept, mut lines) = (Vec::new(), self.lines());
        while let Some((number, line)) = lines.next() {
            if line.trim() != "#[cfg(test)]" {
                kept.push((number, line));
                continue;
            }
            let indented = &line[..line.len() - line.trim_start().len()];
            let end = format!("{indented}}}");
            let first = lines.by_ref().map(|(_, line)| line).find(|line| !line.trim().starts_with("#["));
            if first.is_some_and(|line| !line.ends_with([';', '}', ','])) {
                let _last = lines.by_ref().find(|(_, line)| line.starts_with(&end));
            }
        }
        kept
    }

    /// Numbered lines of the program itself: no tests, no comments.
    pub fn program_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.lines_without_tests().into_iter();
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The crate whose folder this file is in, for example `hub` for `crates/hub-side/hub/src/lib.rs`; none for what
    /// is neither a manifest nor below `src`, `tests` or `examples`.
    #[must_use]
    pub fn crate_name(&self) -> Option<&str> {
        self.in_crate().map(|(name, _)| name)
    }

    /// The same, with the path inside of the crate's folder.
    #[must_use]
    pub fn in_crate(&self) -> Option<(&str, &str)> {
        let path = self.path.strip_prefix("crates/")?;
        let starts = ["/Cargo.toml", "/src/", "/tests/", "/examples/"];
        let (folder, inside) = path.split_at(starts.iter().filter_map(|start| path.find(start)).min()?);
        Some((folder.rsplit('/').next().unwrap_or(folder), inside.trim_start_matches('/')))
    }
}

#[cfg(test)]
mod tests {
    use super::Repository;

    #[test]
    fn items_for_tests_are_left_out_and_what_follows_them_is_not() {
        let text = "mod a;\n#[cfg(test)]\n#[path = \"b.rs\"]\nmod b;\n#[cfg(test)]\npub(crate) use a::{\n    A,\n};\n\
                    struct C {\n    #[cfg(test)]\n    fn d() {\n        e();\n    }\n}\n\
                    #[cfg(test)]\nmod tests {\n    fn f() {\n    }\n}\nfn last() {}\n";
        let repository = Repository::example(&[
            ("crates/a/src/x.rs", text),
            ("crates/a/src/lib.rs", "#[cfg(test)]\nmod c;\n"),
            ("crates/a/src/x/tests.rs", "fn g() {}\n"),
        ]);
        let kept = |path: &str| -> Vec<&str> {
            let lines = repository.file(path).expect("an example").lines_without_tests();
            lines.into_iter().map(|(_, line)| line.trim()).collect()
        };
        assert_eq!(kept("crates/a/src/x.rs"), ["mod a;", "struct C {", "}", "fn last() {}"]);
        assert!(kept("crates/a/src/x/tests.rs").is_empty());
        let modules = repository.test_modules();
        assert_eq!(Vec::from_iter(modules), ["crates/a/src/c", "crates/a/src/x/b"]);
    }

    #[test]
    fn a_path_is_a_file_or_a_folder_and_one_that_moved_is_found_by_its_last_names() {
        let files = ["crates/new/src/backup/mod.rs", "crates/new/src/mod.rs", "crates/new/src/run.rs"];
        let repository = Repository::example(&files.map(|path| (path, "")));
        for (path, exists) in
            [("crates/new", true), ("crates/new/", true), (files[2], true), ("crates/ne", false)]
        {
            assert_eq!(repository.exists(path), exists, "{path}");
        }
        assert_eq!(repository.moved_to("crates/old/src/backup/mod.rs"), Some(files[0]));
        assert_eq!(repository.moved_to("crates/old/run.rs"), Some(files[2]));
        assert_eq!(repository.moved_to("crates/old/lib.rs"), None);
    }
}
