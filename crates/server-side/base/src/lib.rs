//! What the programs and parts of a tenant's server share: where files lie and how they are written, who may change the
//! server now, and what the server is.
//!
//! It must never know the Hub, backups or a single tool: what only one of the crates above needs stands in that crate.

#[macro_use(println)]
extern crate letsbe_types;

pub mod audit;
pub mod beneath;
pub mod bundle;
pub mod control;
pub mod files;
pub mod guard;
pub mod jsonl;
pub mod layout;
pub mod lock;
pub mod output;
pub mod planned;
pub mod readings;
pub mod saga;
pub mod server;
pub mod vault;

/// Set in the environment of `letsbe-node` by a program of ours that reads its refusal: the agent, for work in a unit of
/// its own.
pub const FOR_PROGRAMS: &str = "LETSBE_FOR_PROGRAMS";
