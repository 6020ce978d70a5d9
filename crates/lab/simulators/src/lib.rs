//! What stands in for the services of others that cannot be had on one machine: Netcup's API, model providers,
//! Stripe. Servers and clients of their wire only; the machines behind the simulated Netcup are the caller's.
//!
//! It must never need Docker, be part of what runs at a customer, or reach outside this machine.
#![doc = include_str!("../README.md")]

pub mod models;
pub mod netcup;
pub mod stripe;
