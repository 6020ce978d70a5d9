//! Rows as they stand in the database. Private to this crate: other crates see values.
#![expect(unreachable_pub, reason = "the macros want columns public")]

pub mod agent;
pub mod claim;
pub mod effect;
pub mod job;
pub mod order;
pub mod session;
pub mod staff;
pub mod stripe_event;
pub mod task;
pub mod timeline;
