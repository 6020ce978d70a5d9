//! Payments, as Stripe tells of them.

mod meaning;
mod movement;
mod terms;
pub(crate) mod webhook;
