//! `/api/v1/tenant/models`: a server asks for its access to models, with its agent's key; and asks models through the
//! Hub, with the key that this access has. Neither key opens the other's door.

use axum::{
    Json,
    extract::{Path, Request, State},
    response::Response,
};
use letsbe_store::{KeyGiven, token_hash};
use letsbe_types::{
    api::Reply,
    link::ProviderKey,
    relay::{ModelGrant, key_hash},
};

use super::agents::{bearer, refused};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult},
    relay::{Form, forward},
    security::keys,
};

/// `POST /api/v1/tenant/models`: the configuration, and a new key. The old one works until the new one was used.
pub(crate) async fn grant(
    State(state): State<AppState>,
    request: Request,
) -> ApiResult<Json<Reply<ModelGrant>>> {
    let agent_key = bearer(&request)?;
    let relay = state.relay.as_ref().ok_or_else(ApiError::not_found)?;
    let key = keys::generate();
    let given =
        state.store.renew_relay_key(&token_hash(&agent_key), &key_hash(&key), state.clock.now()).await?;
    match given {
        KeyGiven::Refused(why) => Err(refused(why)),
        KeyGiven::To(tenant) => {
            tracing::info!(%tenant, "a server has a new key for models");
            let models = relay.models().clone();
            Ok(Json(Reply::new(ModelGrant { models, relay_key: ProviderKey(key) })))
        }
    }
}

/// `POST /api/v1/tenant/models/{provider}/chat/completions`
pub(crate) async fn chat(
    State(state): State<AppState>,
    Path(provider): Path<String>,
    request: Request,
) -> Response {
    forward(&state, Form::Chat, &provider, request).await
}

/// `POST /api/v1/tenant/models/{provider}/responses`
pub(crate) async fn responses(
    State(state): State<AppState>,
    Path(provider): Path<String>,
    request: Request,
) -> Response {
    forward(&state, Form::Responses, &provider, request).await
}

/// `POST /api/v1/tenant/models/{provider}/embeddings`
pub(crate) async fn embeddings(
    State(state): State<AppState>,
    Path(provider): Path<String>,
    request: Request,
) -> Response {
    forward(&state, Form::Embeddings, &provider, request).await
}
