//! Each path of a tenant's server is spelled in one place.

use crate::{File, Finding, Repository};

/// The one place.
const PLACE: &str = "crates/shared/types/src/paths.rs";

/// Places that spell a path of the server again. Tests and the lab may: they say what must be there, and a constant of
/// the program would hide that it changed. Documents and comments are for people; `catalog/` and shell scripts cannot
/// use a constant.
#[must_use]
pub fn spelled_again(repository: &Repository) -> Vec<Finding> {
    // In two pieces, so that this line is not found.
    let home = concat!("opt/", "letsbe");
    let is_program = |file: &&File| {
        let parts: Vec<&str> = file.path.split('/').collect();
        let is_test = parts.iter().any(|part| matches!(*part, "tests" | "tests.rs" | "examples"));
        file.path != PLACE
            && file.path.starts_with("crates/")
            && !file.path.starts_with("crates/lab/")
            && !is_test
    };
    let in_file = |file: &File| -> Vec<Finding> {
        let mut lines = file.lines().peekable();
        let mut findings = Vec::new();
        while let Some((number, line)) = lines.next() {
            let text = line.trim();
            let tests_begin = |(_, next): &(usize, &str)| next.trim().ends_with("mod tests {");
            if text == "#[cfg(test)]" && lines.peek().is_some_and(tests_begin) {
                break;
            }
            if !text.starts_with("//") && text.contains(home) {
                findings.push(file.finding(number, format!("a path of the server is a constant of {PLACE}")));
            }
        }
        findings
    };
    repository.rust().filter(is_program).flat_map(in_file).collect()
}

#[cfg(test)]
mod tests {
    use super::{PLACE, spelled_again};
    use crate::{Repository, tidy};

    #[test]
    fn a_path_of_the_server_is_spelled_in_one_place() {
        tidy::assert_none(&spelled_again(&Repository::read()));
    }

    #[test]
    fn a_second_place_is_found_and_tests_and_comments_are_none() {
        let path = concat!("\"/opt/", "letsbe/state/x\"");
        let program = format!(
            "#[cfg(test)]\nfn one() {{}}\n/// {path}\nconst X: &str = {path};\n#[cfg(test)]\npub(crate) mod tests {{\n{path}\n}}\n"
        );
        let line = format!("const X: &str = {path};\n");
        let files = [
            (PLACE, line.as_str()),
            ("crates/a/src/lib.rs", &program),
            ("crates/a/tests/a.rs", &line),
            ("crates/lab/src/a.rs", &line),
        ];
        let found = tidy::messages(&spelled_again(&Repository::example(&files)));
        assert!(found.starts_with("crates/a/src/lib.rs:4: "), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}
