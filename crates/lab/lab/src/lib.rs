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
pub mod scan;
pub mod services;
pub mod unpacked;
pub mod uploads;
pub mod vault;
pub mod wait;
