//! What the end-to-end tests share: checks that can be run alone, scenarios on a whole fleet, and servers that are
//! provisioned without a Hub.
//!
//! It must never be used by a program, nor by a test of another crate.
#![doc = include_str!("../README.md")]

pub mod checks;
pub mod scenario;
pub mod site;
