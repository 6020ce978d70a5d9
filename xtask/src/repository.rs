//! The files that belong to the repository, read once.

use std::{fmt, path::Path, process::Command};

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

    /// Numbered lines of the program itself: no tests, no comments.
    pub fn program_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "examples"));
        let before_tests = |(_, line): &(usize, &str)| line.trim() != "#[cfg(test)]";
        let lines = self.lines().take_while(move |line| !is_test && before_tests(line));
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
