//! DNS as the customer's zone really answers: every record is asked of the zone's authoritative servers, never of a
//! cache, and what is missing is named with the line to type.
//!
//! It must never report a record as right that one of the authoritative servers does not give.

mod ask;
mod compare;

pub use ask::{DnsChecker, DnsError};
pub use compare::{Answer, Way, missing_lines};
