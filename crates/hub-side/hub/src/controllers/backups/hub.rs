//! How the Hub's own backup is.

use axum::{Json, extract::State};
use letsbe_types::{api::Reply, backups::HubBackup};

use crate::{AppState, backups::own::health, controllers::ApiResult};

/// `GET /api/v1/admin/backups/hub`
pub(crate) async fn show(State(state): State<AppState>) -> ApiResult<Json<Reply<HubBackup>>> {
    Ok(Json(Reply::new(of(&state).await)))
}

/// How it is now.
pub(crate) async fn of(state: &AppState) -> HubBackup {
    health::look(state.own_backup.as_deref(), state.clock.now()).await
}
