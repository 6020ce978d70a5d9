#![doc = include_str!("../README.md")]

pub mod backups;
pub mod bundle;
mod hardening;
pub mod hub_address;
pub mod outside;
pub mod protocol;
pub mod provisioner;
mod quote;
pub mod report;
pub mod ssh;
pub mod stacks;
pub mod verify;
pub mod wishes;

pub use quote::shell_line;
