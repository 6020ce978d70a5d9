//! Orders: checkout, the customer's progress, and the operator's desk.

pub(crate) mod checkout;
pub(crate) mod desk;
pub(crate) mod events;
pub(crate) mod list;
pub(crate) mod progress;
mod sellable;
pub(crate) mod tasks;
