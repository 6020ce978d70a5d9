//! `/api/v1/admin/tenants/{id}/approvals`: what waits for a person's word.

use axum::{Extension, Json, extract::State};
use letsbe_types::{
    api::Reply,
    ids::{ApprovalId, OrderId},
    tenants::{ApprovalDecision, ApprovalEntry, CommandEntry},
};

use super::{commands, tenant};
use crate::{
    AppState,
    controllers::{ApiResult, Id, Ids, Input},
    security::sessions::Operator,
};

/// `GET /api/v1/admin/tenants/{id}/approvals`
pub(crate) async fn list(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<Vec<ApprovalEntry>>>> {
    tenant(&state, id).await?;
    Ok(Json(Reply::new(state.store.approvals(id).await?)))
}

/// `POST /api/v1/admin/tenants/{id}/approvals/{approval}`: answers with the command that carries the word.
pub(crate) async fn decide(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Ids(id, approval): Ids<OrderId, ApprovalId>,
    Input(decision): Input<ApprovalDecision>,
) -> ApiResult<Json<Reply<CommandEntry>>> {
    let tenant = tenant(&state, id).await?;
    commands::decide(&state, &operator, &tenant, approval, decision.approve).await.map(Reply::new).map(Json)
}
