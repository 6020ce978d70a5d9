//! `POST /api/v1/admin/tenants/{id}/relay-key`: the server's key for models is dead from now on. The server fetches a
//! new one with its next heartbeat.

use axum::{Extension, Json, extract::State};
use letsbe_types::{Code, api::Reply, ids::OrderId, tenants::TenantSummary};

use super::{chose, list::summary, tenant};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id},
    security::sessions::Operator,
};

/// `POST /api/v1/admin/tenants/{id}/relay-key`
pub(crate) async fn renew(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<TenantSummary>>> {
    let tenant = tenant(&state, id).await?;
    let (now, line) = (state.clock.now(), chose(&operator, "renew the server's key for models"));
    if !state.store.drop_relay_key(id, &line, now).await? {
        return Err(ApiError::conflict(
            Code::HUB056,
            "This server has no key for models; it fetches one with a heartbeat.",
        ));
    }
    tracing::warn!(tenant = %id, operator = operator.email, "key for models dropped");
    Ok(Json(Reply::new(summary(&tenant, now))))
}
