//! The Hub: takes paid orders and brings each to a live, proven server.
//!
//! An event enters at `controllers`, is decided in `letsbe-lifecycle`, stored with its effects by `letsbe-store`,
//! carried out by `worker`, and comes back as the next event. The Hub must never hold a secret that was made on a
//! tenant's server, and never answer a request without having checked who asks.

pub mod background;
pub mod backups;
pub mod config;
mod controllers;
pub mod convergence;
mod dns_entries;
pub mod providers;
pub mod recovery;
pub mod relay;
pub mod router;
pub mod security;
pub mod state;
pub mod tenants;
mod web;
pub mod worker;

pub use router::router;
pub use state::{AppState, Shared};
