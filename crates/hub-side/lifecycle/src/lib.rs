//! The Hub's workflows as pure functions: state and event in, state and effects out.
//!
//! It must never touch a network, a database, a clock or a random number: time arrives with the event, and what
//! has to be done leaves as an effect that somebody else carries out. Each workflow is a [`Machine`]: every pair of state
//! and event has an answer; those that make no sense are answered with [`machine::Refused`].

pub mod machine;
pub mod order;
pub mod recovery;

pub use machine::Machine;
