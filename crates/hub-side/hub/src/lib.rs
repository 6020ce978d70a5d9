#![doc = include_str!("../README.md")]

pub mod background;
pub mod backups;
pub mod config;
mod controllers;
pub mod convergence;
pub mod providers;
pub mod recovery;
pub mod relay;
pub mod router;
pub mod security;
pub mod state;
pub mod tenants;
mod web;
mod work;
pub mod worker;

pub use router::router;
pub use state::{AppState, Shared};
