//! Payments, as Stripe tells of them.

mod meaning;
mod terms;
pub(crate) mod webhook;
