//! Writes what is made from other files of the repository: `cargo run -p xtask -- error-index`.
//!
//! It must never check a rule; rules are tests of the library.

use std::{env, error::Error, fs, path::Path};

use xtask::{Repository, tidy::error_index};

fn main() -> Result<(), Box<dyn Error>> {
    if !env::args().skip(1).eq(["error-index"]) {
        return Err("usage: cargo run -p xtask -- error-index".into());
    }
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(error_index::PATH);
    fs::write(place, error_index::index(&Repository::read()))?;
    Ok(())
}
