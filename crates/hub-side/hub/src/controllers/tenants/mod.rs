//! Tenants' servers as staff sees them, and what staff can do about them.

pub(crate) mod approvals;
pub(crate) mod commands;
pub(crate) mod configuration;
pub(crate) mod converge;
pub(crate) mod escrow;
pub(crate) mod gate_heads;
pub(crate) mod health;
pub(crate) mod list;
pub(crate) mod relay_key;
pub(crate) mod revoke;

use letsbe_store::{NewEntry, Tenant};
use letsbe_types::ids::OrderId;

use crate::{
    AppState,
    controllers::{ApiError, ApiResult},
    security::sessions::Operator,
};

/// One tenant; what is none is not found.
pub(crate) async fn tenant(state: &AppState, id: OrderId) -> ApiResult<Tenant> {
    state.store.tenant(id).await?.ok_or_else(ApiError::not_found)
}

/// A line of the order's timeline, with the operator's name.
pub(crate) fn chose(operator: &Operator, what: &str) -> NewEntry {
    NewEntry::new("operator", "ok", format!("{} chose: {what}", operator.email))
}
