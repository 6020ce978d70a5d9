//! `/api/v1/admin/tasks`: what only a person can do.

use axum::{Extension, Json, extract::State};
use letsbe_types::api::{Reply, TaskEntry};
use uuid::Uuid;

use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id},
    security::sessions::Operator,
};

/// `GET /api/v1/admin/tasks`
pub(crate) async fn list(State(state): State<AppState>) -> ApiResult<Json<Reply<Vec<TaskEntry>>>> {
    Ok(Json(Reply::new(state.store.tasks().await?)))
}

/// `POST /api/v1/admin/tasks/{id}/done`
pub(crate) async fn done(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<Uuid>,
) -> ApiResult<Json<Reply<Vec<TaskEntry>>>> {
    if !state.store.close_task(id, &operator.email, state.clock.now()).await? {
        return Err(ApiError::not_found());
    }
    tracing::info!(task = %id, operator = operator.email, "a task was done");
    Ok(Json(Reply::new(state.store.tasks().await?)))
}
