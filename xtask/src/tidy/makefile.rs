//! `make -n` prints and does nothing. GNU make runs a recipe's line even then if it names `$(MAKE)`.

use crate::{Finding, Repository};

/// Recipe lines that `make -n` would run.
#[must_use]
pub fn run_by_a_dry_run(repository: &Repository) -> Vec<Finding> {
    let Some(makefile) = repository.file("Makefile") else { return Vec::new() };
    let recipe = makefile.text.lines().enumerate().filter(|(_, line)| line.starts_with('\t'));
    recipe
        .filter(|(_, line)| {
            let command = line.trim_start().trim_start_matches(['@', '-']);
            line.contains("$(MAKE)") || line.contains("${MAKE}") || command.starts_with('+')
        })
        .map(|(index, _)| makefile.finding(index + 1, "`make -n` would run this; write $(AGAIN)"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::run_by_a_dry_run;
    use crate::{Repository, tidy};

    #[test]
    fn a_dry_run_of_make_runs_nothing() {
        tidy::assert_none(&run_by_a_dry_run(&Repository::read()));
    }

    #[test]
    fn a_line_that_a_dry_run_would_run_is_found() {
        let text = "AGAIN = $(MAKE)\na:\n\t$(AGAIN) b\n\t@$(MAKE) b\n\t@+echo\n";
        let found = run_by_a_dry_run(&Repository::example(&[("Makefile", text)]));
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn a_dry_run_of_the_whole_test_answers_inside_another_make_too() {
        let mut make = Command::new("timeout");
        make.args(["60", "make", "-n", "test", "fast", "deny", "check"])
            .env("MAKELEVEL", "2")
            .env("MAKEFLAGS", "n -j3");
        make.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stdin(Stdio::null());
        let output = make.output().expect("make is installed");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
        for command in ["cargo fmt", "cargo clippy", "cargo deny", "fast-tests.sh", "end-to-end"] {
            assert!(printed.contains(command), "{command} is not in:\n{printed}");
        }
    }
}
