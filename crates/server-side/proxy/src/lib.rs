#![doc = include_str!("../README.md")]

mod closing;
mod door;
mod limits;
mod link;
mod models;
mod refusal;

pub use door::Proxy;
pub use limits::Patience;
pub use link::Link;
