//! The operator's pages about tenants' backups: the list, and those of one tenant.

use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_pages::backups;
use letsbe_store::{ListedTenants, Rating};
use letsbe_types::ids::{AlarmId, OrderId};
use serde::Deserialize;

use super::{error_page, forms::form, page};
use crate::{
    AppState,
    backups::state::summary,
    controllers::{
        ApiError, ApiResult, Id, Ids, Parameters,
        backups::{alarms, hub, list},
        listing::Listing,
        tenants::list::{page_of, word},
    },
    security::sessions::Operator,
};

/// `GET /backups`
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    asked: Result<Parameters<Listing>, ApiError>,
) -> Response {
    let found = async {
        let listed = asked?.0.checked(word(Rating::Backups))?;
        let ListedTenants { tenants, total, counts } = page_of(&state, &listed, Rating::Backups).await?;
        let all = Rating::Backups.words().iter().map(|word| counts[word]).sum();
        let now = state.clock.now();
        let tenants = tenants.iter().map(|tenant| summary(tenant, now)).collect();
        Ok((hub::of(&state).await, tenants, listed.found(total, all, counts)))
    };
    match found.await {
        Ok((own, tenants, found)) => {
            page(StatusCode::OK, backups::list(operator.email, own, tenants, &found))
        }
        Err(error) => error_page(error, Some(operator.email), "/backups"),
    }
}

/// `GET /tenants/{id}/backups`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    id: ApiResult<Id<OrderId>>,
) -> Response {
    let found = async { list::detail(&state, id?.0).await };
    match found.await {
        Ok(detail) => page(StatusCode::OK, backups::tenant(detail, operator.email, state.clock.now())),
        Err(error) => error_page(error, Some(operator.email), "/backups"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// `POST /tenants/{id}/alarms/{alarm}`
pub(crate) async fn acknowledge(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    ids: ApiResult<Ids<OrderId, AlarmId>>,
    request: Request,
) -> Response {
    let (id, alarm) = match ids {
        Ok(Ids(id, alarm)) => (id, alarm),
        Err(error) => return error_page(error, Some(operator.email), "/backups"),
    };
    let back = format!("/tenants/{id}/backups");
    let done = async {
        form::<Nothing>(request).await?;
        alarms::done(&state, &operator, id, alarm).await
    };
    match done.await {
        Ok(()) => Redirect::to(&back).into_response(),
        Err(error) => error_page(error, Some(operator.email), back),
    }
}
