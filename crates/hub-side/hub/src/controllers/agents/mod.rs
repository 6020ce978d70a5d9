//! The agents on the tenants' servers. Registration by one-time token; everything else by the key that it gives. A
//! key reaches its own tenant only: no path and no body names another one.

pub(crate) mod commands;
pub(crate) mod events;
pub(crate) mod heartbeat;
mod register;
mod words;

use std::sync::Arc;

use axum::extract::Request;
use letsbe_store::KeyRefused;
use letsbe_types::api::FieldError;

use crate::{
    controllers::{ApiError, ApiResult},
    security::keys,
};

pub(crate) use register::register;
pub(crate) use words::is_recipient;

pub(crate) fn bearer(request: &Request) -> ApiResult<String> {
    keys::bearer(request.headers()).map(str::to_owned).ok_or_else(no_key)
}

/// Hash of the agent's key.
pub(crate) fn bearer_hash(request: &mut Request) -> ApiResult<Arc<str>> {
    keys::bearer_hash(request).ok_or_else(no_key)
}

fn no_key() -> ApiError {
    ApiError::unauthorized("Send the key as Authorization: Bearer …")
}

pub(crate) fn refused(why: KeyRefused) -> ApiError {
    ApiError::unauthorized(match why {
        KeyRefused::Unknown => "No agent has this key.",
        KeyRefused::Revoked => "This agent's key was revoked.",
    })
}

fn refuse(wrong: impl IntoIterator<Item = FieldError>) -> ApiResult<()> {
    let wrong: Vec<FieldError> = wrong.into_iter().collect();
    if wrong.is_empty() { Ok(()) } else { Err(ApiError::fields(wrong)) }
}
