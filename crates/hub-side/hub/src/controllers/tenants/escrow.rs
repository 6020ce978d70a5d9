//! `GET /api/v1/admin/tenants/{id}/escrow`: the keys that a server sealed away, newest first. The Hub
//! cannot open them.

use axum::{Json, extract::State};
use letsbe_types::{api::Reply, ids::OrderId, tenants::SealedKeys};

use super::tenant;
use crate::{
    AppState,
    controllers::{ApiResult, Id},
};

/// `GET /api/v1/admin/tenants/{id}/escrow`
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<Vec<SealedKeys>>>> {
    tenant(&state, id).await?;
    Ok(Json(Reply::new(state.store.escrows(id).await?)))
}
