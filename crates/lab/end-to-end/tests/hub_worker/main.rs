//! The Hub's worker from a paid order to a ready server, against the simulated Netcup, with machines in memory.
//!
//! Every test says what became of the order and how often each server was installed: an installation wipes a disk,
//! so one too many is worse than one too few.

mod bench;
mod claims;
mod interruptions;
mod login;
mod operator;
mod order;
mod provider;
mod trouble;
#[path = "../../../../hub-side/hub/tests/worker/mod.rs"]
mod worker;
