//! `cargo run -p xtask -- sizes` prints how large the crates are, the largest first. The rules themselves are tests:
//! `cargo test -p xtask`.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use xtask::{Repository, tidy::crates};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // A reader that goes away is no failure.
    if arguments == ["sizes"] {
        let _ = stdout().write_all(crates::table(&crates::sizes(&Repository::read())).as_bytes());
        return ExitCode::SUCCESS;
    }
    let _ = stderr().write_all(b"usage: cargo run -p xtask -- sizes\n");
    ExitCode::from(2)
}
