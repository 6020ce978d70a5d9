//! Payments, as Stripe tells of them.

mod meaning;
pub(crate) mod webhook;
