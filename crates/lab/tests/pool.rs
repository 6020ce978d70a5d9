//! The Hub's worker from a paid order to a ready server, against the simulated Netcup, with machines in memory.
//!
//! Every test says what became of the order and how often each server was installed: an installation wipes a disk,
//! so one too many is worse than one too few.

#[path = "pool/bench.rs"]
mod bench;
#[path = "pool/claims.rs"]
mod claims;
#[path = "pool/interruptions.rs"]
mod interruptions;
#[path = "pool/login.rs"]
mod login;
#[path = "pool/operator.rs"]
mod operator;
#[path = "pool/order.rs"]
mod order;
#[path = "pool/provider.rs"]
mod provider;
#[path = "pool/trouble.rs"]
mod trouble;
#[path = "../../hub-side/hub/tests/worker/mod.rs"]
mod worker;
