//! The lab.

pub mod netcup;
pub mod docker;
pub mod hosts;
pub mod images;
pub mod lab;
pub mod network;
pub mod services;
