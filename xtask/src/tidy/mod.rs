//! The rules, by what they are about.

pub mod codes;
pub mod crates;
pub mod documents;
pub mod end_to_end;
pub mod error_index;
pub mod error_pages;
pub mod invariants;
pub mod layers;
pub mod links;
pub mod makefile;
pub mod memory;
pub mod node_commands;
pub mod openings;
pub mod paths;
pub mod promises;
pub mod proofs;
pub mod purity;
pub mod security;
pub mod server_paths;
pub mod sizes;
pub mod where_is;
pub mod words;

#[cfg(test)]
fn assert_none(findings: &[crate::Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} findings:\n{}\n", lines.len(), lines.join("\n"));
}

#[cfg(test)]
fn messages(findings: &[crate::Finding]) -> String {
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}
