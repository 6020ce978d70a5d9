//! The one way out for the AI runtime: model requests leave without secrets, tool calls go to the command gate.
//!
//! It must never keep a secret anywhere but in memory, never let out what it has not understood and redacted under
//! the secrets in force, and never let anything out while the agent is away. It needs no privileges.

mod closing;
mod door;
mod limits;
mod link;
mod models;
mod refusal;

pub use door::Proxy;
pub use limits::Patience;
pub use link::Link;
