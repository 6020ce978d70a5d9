//! The lab: everything outside the product's power, made real on one machine (DESIGN section 9). It must never be part
//! of what runs at a customer, reach outside this machine but for packages, or claim that a stand-in is the real tool.
#![doc = include_str!("../README.md")]

pub mod bench;
pub mod content;
pub mod crash;
pub mod disaster;
pub mod docker;
mod file_lock;
pub mod fleet;
pub mod folders;
pub mod hosts;
pub mod images;
pub mod lab;
pub mod memory;
pub mod network;
pub mod nights;
mod owner;
pub mod scan;
pub mod services;
pub mod unpacked;
pub mod uploads;
pub mod vault;
pub mod wait;
