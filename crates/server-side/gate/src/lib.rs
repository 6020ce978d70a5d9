//! The command gate's judgement: what a call is, what may be done unasked, what waits for a person. Pure.
//!
//! It must never run anything, read a clock, or take a command apart as a shell would: commands are argument vectors.

mod approvals;
mod call;
mod chain;
mod class;
mod excerpt;
mod pattern;
mod plan;
mod table;

pub use approvals::{ApprovalError, Approvals, Decided, Held, Kept, PENDING_MOST};
pub use call::{Action, Call, Invalid, Run, Verb, fingerprint};
pub use chain::{Broken, Chain, Entry, Outcome, Phase, verify};
pub use class::{Class, Decision, Judgement, decide};
pub use excerpt::{Excerpt, Parts};
pub use plan::{plan, shows_everything};
pub use table::{Place, Table, TableError};
