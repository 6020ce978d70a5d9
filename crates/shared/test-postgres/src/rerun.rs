//! A whole test program once more, on PostgreSQL.

use std::process::Command;

/// Says on which database a test program's fixtures work.
const VARIABLE: &str = "LETSBE_TEST_DATABASE";
const POSTGRESQL: &str = "postgresql";

/// Whether this run of the test program is to work on PostgreSQL.
#[must_use]
pub fn is_wanted() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|wanted| wanted == POSTGRESQL)
}

/// How many cases a property is tried with: on PostgreSQL an eighth of them. They are about what is above the database, and
/// each asks it across a process.
#[must_use]
pub fn cases(all: u32) -> u32 {
    if is_wanted() { all.div_ceil(8) } else { all }
}

/// Runs this test program once more, on PostgreSQL, without the tests whose names contain one of `skipped` (the caller
/// is one of them).
///
/// # Panics
/// When a test fails there.
pub fn rerun(skipped: &[&str]) {
    let mut program = Command::new(std::env::current_exe().expect("this program"));
    for name in skipped {
        program.args(["--skip", name]);
    }
    let output = program.env(VARIABLE, POSTGRESQL).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("On PostgreSQL: {}", said.trim_end().lines().last().unwrap_or_default());
    assert!(
        output.status.success(),
        "on PostgreSQL ({VARIABLE}={POSTGRESQL}):\n{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
