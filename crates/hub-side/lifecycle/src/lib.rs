//! The Hub's workflows as pure functions: state and event in, state and effects out.
//!
//! It must never touch a network, a database, a clock or a random number: time arrives with the event, and what
//! has to be done leaves as an [`order::Effect`] that somebody else carries out. Every pair of state and event has
//! an answer; those that make no sense are answered with [`order::IllegalEvent`].

pub mod order;
