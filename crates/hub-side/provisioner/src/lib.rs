#![doc = include_str!("../README.md")]

pub mod job;
pub mod outside;
pub mod provisioner;
pub mod report;
pub mod ssh;
