//! What is made from other files of the repository: `cargo run -p xtask -- sizes` prints how large the crates are, the
//! largest first; `layers` the rows of ARCHITECTURE.md; `error-index` writes the table of error codes anew.
//!
//! It must never check a rule; rules are tests of the library: `cargo test -p xtask`.

use std::{
    env, fs,
    io::{Write, stderr, stdout},
    path::Path,
    process::ExitCode,
};

use xtask::{
    Repository,
    tidy::{crates, error_index, layers},
};

fn main() -> ExitCode {
    match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [command] if command == "sizes" => printed(&crates::table(&crates::sizes(&Repository::read()))),
        [command] if command == "layers" => printed(&layers::table()),
        [command] if command == "error-index" => {
            let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(error_index::PATH);
            ended(fs::write(place, error_index::index(&Repository::read())))
        }
        _ => {
            let _ = stderr().write_all(b"usage: cargo run -p xtask -- sizes|layers|error-index\n");
            ExitCode::from(2)
        }
    }
}

/// A reader that goes away is no failure.
fn printed(text: &str) -> ExitCode {
    let _ = stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn ended(result: std::io::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let _ = writeln!(stderr(), "{}: {error}", error_index::PATH);
    ExitCode::FAILURE
}
