//! `POST /api/v1/admin/tenants/{id}/converge/plan`: what a run of the ten steps would change on a live server. The run is
//! an action of the order's desk.

use axum::{Json, extract::State};
use letsbe_types::{
    api::{ConvergencePlan, Reply},
    ids::OrderId,
};

use super::tenant;
use crate::{
    AppState,
    controllers::{ApiResult, Id},
};

/// `POST /api/v1/admin/tenants/{id}/converge/plan`
pub(crate) async fn plan(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<ConvergencePlan>>> {
    let tenant = tenant(&state, id).await?;
    Ok(Json(Reply::new(state.planner.plan(&tenant).await)))
}
