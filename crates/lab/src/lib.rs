//! The lab.

pub mod netcup;
