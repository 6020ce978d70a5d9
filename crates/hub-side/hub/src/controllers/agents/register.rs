//! `POST /api/v1/tenant/register`

use axum::{
    Json,
    extract::{Request, State},
};
use letsbe_store::{Introduction, RegisterError, token_hash};
use letsbe_types::api::{RegisterReply, RegisterRequest, Reply};

use super::{bearer, refuse, words::Words};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, extract},
    security::keys,
};

/// `POST /api/v1/tenant/register`
pub(crate) async fn register(
    State(state): State<AppState>,
    request: Request,
) -> ApiResult<Json<Reply<RegisterReply>>> {
    let token = bearer(&request)?;
    let RegisterRequest { identity, node_version } = extract::json(request, &state).await?;
    let mut words = Words::default();
    words.version("node_version", &node_version);
    refuse(words.wrong)?;
    let agent_key = keys::generate();
    let (token_hash, key_hash) = (token_hash(&token), token_hash(&agent_key));
    let introduction = Introduction {
        token_hash: &token_hash,
        identity: &identity,
        node_version: &node_version,
        key_hash: &key_hash,
    };
    let now = state.clock.now();
    let registered = state.store.register_agent(introduction, &state.tenants.defaults, now).await;
    let order = registered.map_err(|error| match error {
        RegisterError::Token => ApiError::unauthorized("The registration token is not valid (any more)."),
        RegisterError::Identity => {
            ApiError::forbidden("The server's identity is not the one planted for this order.")
        }
        RegisterError::Store(error) => error.into(),
    })?;
    tracing::info!(%order, "an agent registered");
    Ok(Json(Reply::new(RegisterReply { agent_key })))
}
