//! The agents on the tenants' servers: registration by one-time token, heartbeats.

use axum::{
    Json,
    extract::{Request, State},
};
use letsbe_store::{RegisterError, token_hash};
use letsbe_types::{
    api::{FieldError, RegisterReply, RegisterRequest, Reply},
    tenant::Heartbeat,
};

use crate::{
    AppState,
    controllers::{ApiError, ApiResult, extract, field},
    security::keys,
};

/// `POST /api/v1/tenant/register`
pub(crate) async fn register(
    State(state): State<AppState>,
    request: Request,
) -> ApiResult<Json<Reply<RegisterReply>>> {
    let token = bearer(&request)?;
    let introduction: RegisterRequest = extract::json(request, &state).await?;
    refuse(version_problem(&introduction.node_version))?;
    let agent_key = keys::generate();
    let (token_hash, key_hash) = (token_hash(&token), token_hash(&agent_key));
    let RegisterRequest { identity, node_version } = &introduction;
    let now = state.clock.now();
    let registered = state.store.register_agent(&token_hash, identity, node_version, &key_hash, now).await;
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

/// `POST /api/v1/tenant/heartbeat`
pub(crate) async fn heartbeat(
    State(state): State<AppState>,
    request: Request,
) -> ApiResult<Json<Reply<&'static str>>> {
    let key = bearer(&request)?;
    let heartbeat: Heartbeat = extract::json(request, &state).await?;
    let disk = (heartbeat.disk_used_percent > 100)
        .then(|| field("disk_used_percent", "a share is between 0 and 100"));
    refuse(disk.into_iter().chain(version_problem(&heartbeat.node_version)))?;
    if !state.store.heartbeat(&token_hash(&key), &heartbeat, state.clock.now()).await? {
        return Err(ApiError::unauthorized("No agent has this key."));
    }
    Ok(Json(Reply::new("taken")))
}

fn bearer(request: &Request) -> ApiResult<String> {
    let key = keys::bearer(request.headers()).map(str::to_owned);
    key.ok_or_else(|| ApiError::unauthorized("Send the key as Authorization: Bearer …"))
}

/// A version is a short word, never free text.
fn version_problem(version: &str) -> Option<FieldError> {
    let fits = (1..=40).contains(&version.len())
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b));
    (!fits).then(|| field("node_version", "write 1 to 40 letters, digits and + - . _"))
}

fn refuse(wrong: impl IntoIterator<Item = FieldError>) -> ApiResult<()> {
    let wrong: Vec<FieldError> = wrong.into_iter().collect();
    if wrong.is_empty() { Ok(()) } else { Err(ApiError::fields(wrong)) }
}
