//! Sessions of programs: `letsbe` logs in here.

use axum::{
    Extension, Json,
    extract::{Request, State},
};
use letsbe_types::{Secret, api::Reply};
use serde::{Deserialize, Serialize};

use crate::{
    AppState,
    controllers::{ApiError, ApiResult, extract},
    security::{
        limit,
        sessions::{self, Operator},
    },
};

/// A login.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    email: String,
    password: Secret<String>,
}

/// The bearer key of a session; shown once.
#[derive(Serialize)]
pub(crate) struct Session {
    token: String,
}

/// `POST /api/v1/admin/login`
pub(crate) async fn login(
    State(state): State<AppState>,
    request: Request,
) -> ApiResult<Json<Reply<Session>>> {
    let caller = limit::caller(&request);
    let login: Login = extract::json(request, &state).await?;
    let token = sessions::begin(&state, caller, &login.email, login.password).await?;
    let token =
        token.ok_or_else(|| ApiError::unauthorized("The e-mail address or the password is wrong."))?;
    Ok(Json(Reply::new(Session { token })))
}

/// `POST /api/v1/admin/logout`
pub(crate) async fn logout(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
) -> ApiResult<Json<Reply<&'static str>>> {
    state.store.end_session(&operator.session_hash).await?;
    Ok(Json(Reply::new("logged out")))
}
