//! `cargo run -p xtask -- sizes` prints how large the crates are, the largest first; `layers` the rows of
//! ARCHITECTURE.md. The rules themselves are tests: `cargo test -p xtask`.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use xtask::{
    Repository,
    tidy::{crates, layers},
};

fn main() -> ExitCode {
    let text = match std::env::args().nth(1).as_deref() {
        Some("sizes") => crates::table(&crates::sizes(&Repository::read())),
        Some("layers") => layers::table(),
        _ => {
            let _ = stderr().write_all(b"usage: cargo run -p xtask -- (sizes | layers)\n");
            return ExitCode::from(2);
        }
    };
    // A reader that goes away is no failure.
    let _ = stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
