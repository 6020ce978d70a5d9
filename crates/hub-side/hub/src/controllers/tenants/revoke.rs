//! `POST /api/v1/admin/tenants/{id}/revoke`: the agent's key is of no use from now on. The token of the server's next
//! provisioning registers it again.

use axum::{Extension, Json, extract::State};
use letsbe_types::{Code, api::Reply, ids::OrderId, tenants::TenantSummary};

use super::{chose, list::summary, tenant};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id},
    security::sessions::Operator,
};

/// `POST /api/v1/admin/tenants/{id}/revoke`
pub(crate) async fn revoke(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<TenantSummary>>> {
    tenant(&state, id).await?;
    let (now, line) = (state.clock.now(), chose(&operator, "revoke the key of the server's agent"));
    if !state.store.revoke_agent(id, &line, now).await? {
        return Err(ApiError::conflict(Code::HUB052, "The key of this tenant's agent was revoked before."));
    }
    state.tenants.bell.ring(id);
    tracing::warn!(tenant = %id, operator = operator.email, "agent's key revoked");
    Ok(Json(Reply::new(summary(&tenant(&state, id).await?, now))))
}
