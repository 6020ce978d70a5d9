//! `GET /api/v1/tenant/commands?wait=<seconds>`: answers when something waits, or when the time is over.

use std::time::Duration;

use axum::{
    Json,
    extract::{Request, State},
};
use letsbe_types::{
    api::Reply,
    ids::OrderId,
    tenant::{CommandsReply, TenantCommand, limits},
};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::{bearer_hash, refused};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Parameters, field},
};

/// How long to wait, in seconds.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Patience {
    wait: u64,
}

/// `GET /api/v1/tenant/commands?wait=<seconds>`
pub(crate) async fn commands(
    State(state): State<AppState>,
    Parameters(patience): Parameters<Patience>,
    mut request: Request,
) -> ApiResult<Json<Reply<CommandsReply>>> {
    let key_hash = bearer_hash(&mut request)?;
    if patience.wait > limits::WAIT_SECONDS {
        let message = format!("choose from 0 to {}", limits::WAIT_SECONDS);
        return Err(ApiError::fields(vec![field("wait", message)]));
    }
    let until = Instant::now() + Duration::from_secs(patience.wait);
    let (tenant, mut commands) = waiting(&state, &key_hash).await?;
    if commands.is_empty() && patience.wait > 0 {
        let ring = state.tenants.bell.listen(tenant).ok_or_else(ApiError::busy)?;
        loop {
            // Listening begins before the look, so that nothing falls between the two.
            let rings = ring.rings();
            tokio::pin!(rings);
            rings.as_mut().enable();
            (_, commands) = waiting(&state, &key_hash).await?;
            if !commands.is_empty() || timeout_at(until, rings).await.is_err() {
                break;
            }
        }
    }
    Ok(Json(Reply::new(CommandsReply { commands })))
}

async fn waiting(state: &AppState, key_hash: &str) -> ApiResult<(OrderId, Vec<TenantCommand>)> {
    state.store.waiting_commands(key_hash, state.clock.now()).await?.map_err(refused)
}
