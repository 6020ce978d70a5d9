//! Files stay small enough to be read at one sitting. The length of functions is clippy's (`too_many_lines`).

use crate::{Finding, Repository};

/// More lines than this are shown, not refused.
pub const SOFT: usize = 400;
/// More lines than this are refused.
pub const HARD: usize = 800;

/// Hand-written Rust files with more than `most` lines.
#[must_use]
pub fn longer_than(repository: &Repository, most: usize) -> Vec<Finding> {
    let long = |file: &crate::File| {
        let lines = file.lines().count();
        let message = || format!("{lines} lines, at most {most}: split it by what it does");
        (lines > most).then(|| file.finding(lines, message()))
    };
    repository.rust().filter_map(long).collect()
}

#[cfg(test)]
mod tests {
    use super::{HARD, SOFT, longer_than};
    use crate::{Repository, tidy};

    #[test]
    fn no_file_is_too_long() {
        let repository = Repository::read();
        println!("longer than {SOFT} lines:\n{}", tidy::messages(&longer_than(&repository, SOFT)));
        tidy::assert_none(&longer_than(&repository, HARD));
    }

    #[test]
    fn a_long_file_is_found_and_a_generated_one_is_not() {
        let text = "\n".repeat(HARD + 1);
        let files = [("crates/a/src/long.rs", text.as_str()), ("crates/a/src/generated.rs", text.as_str())];
        let found = longer_than(&Repository::example(&files), HARD);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "crates/a/src/long.rs");
    }
}
