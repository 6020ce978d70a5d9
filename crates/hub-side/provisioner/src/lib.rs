#![doc = include_str!("../README.md")]

pub mod external_checks;
pub mod flow;
pub mod job;
pub mod report;
pub mod ssh;
