//! How providers differ in speaking the one interface, in one place: pure functions and tables.
//!
//! The rule of all of them: what carries nothing is skipped, what comes after the end breaks nothing, an empty word is
//! no word, and what a provider says of itself is not blamed on the caller.

mod answer;
mod event;
mod lines;
mod recast;
mod text;

pub(crate) use letsbe_types::refused::{Fault, fault, is_out_of_credit, told, unsupported};

pub(crate) use self::{
    answer::check,
    event::meaning,
    lines::{Event, Splitter},
    recast::{Gathered, events},
    text::readable,
};
