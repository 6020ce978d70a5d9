//! `/api/v1/admin/tenants/{id}/gate-heads`: where the gate's log of a server ended, each time it was told.

use axum::{Extension, Json, extract::State};
use letsbe_types::{
    Code,
    api::Reply,
    ids::OrderId,
    tenants::{GateHead, TenantSummary},
};

use super::{chose, list::summary, tenant};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id},
    security::sessions::Operator,
};

/// `GET /api/v1/admin/tenants/{id}/gate-heads`
pub(crate) async fn list(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<Vec<GateHead>>>> {
    tenant(&state, id).await?;
    Ok(Json(Reply::new(state.store.gate_heads(id).await?)))
}

/// `POST /api/v1/admin/tenants/{id}/gate-heads/accept`: a person has looked; the log counts as it is told now.
pub(crate) async fn accept(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<TenantSummary>>> {
    tenant(&state, id).await?;
    let (now, line) = (state.clock.now(), chose(&operator, "take the command gate's log as it is now"));
    if !state.store.accept_gate_log(id, &line, now).await? {
        return Err(ApiError::conflict(Code::HUB056, "Nothing is wrong with the gate's log of this tenant."));
    }
    tracing::warn!(tenant = %id, operator = operator.email, "a gate's log that did not go on is accepted");
    Ok(Json(Reply::new(summary(&tenant(&state, id).await?, now))))
}
