//! The repository's own rules, as ordinary tests: `cargo test -p xtask`. `cargo run -p xtask -- sizes` prints how large
//! the crates are.
//!
//! Each rule is a function from the repository's files to findings, and has two tests: one runs it on this
//! repository, one shows it a small bad example that it must find. A rule must never change a file, build anything
//! or need the network.

mod repository;
pub mod tidy;

pub use repository::{File, Finding, Repository};
