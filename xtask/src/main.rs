//! What is made from other files of the repository: `cargo run -p xtask -- sizes` prints how large the crates are, the
//! largest first; `cargo run -p xtask -- error-index` writes the table of error codes anew.
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
    tidy::{crates, error_index},
};

fn main() -> ExitCode {
    match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [command] if command == "sizes" => {
            // A reader that goes away is no failure.
            let _ = stdout().write_all(crates::table(&crates::sizes(&Repository::read())).as_bytes());
            ExitCode::SUCCESS
        }
        [command] if command == "error-index" => {
            let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(error_index::PATH);
            ended(fs::write(place, error_index::index(&Repository::read())))
        }
        _ => {
            let _ = stderr().write_all(b"usage: cargo run -p xtask -- sizes|error-index\n");
            ExitCode::from(2)
        }
    }
}

fn ended(result: std::io::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let _ = writeln!(stderr(), "{}: {error}", error_index::PATH);
    ExitCode::FAILURE
}
