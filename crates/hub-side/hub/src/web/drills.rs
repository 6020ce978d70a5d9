//! The report of one drill; for one that a person does, the form.

use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_pages::{
    Html, Refusal,
    drills::{OutcomeForm, drill as drill_page},
};
use letsbe_types::{
    backups::DrillOutcome,
    ids::{DrillId, OrderId},
};

use super::{error_page, forms::form, page};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Ids, backups::drills, field, tenants::tenant},
    security::sessions::Operator,
};

/// `GET /tenants/{id}/drills/{drill}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    ids: ApiResult<Ids<OrderId, DrillId>>,
) -> Response {
    let found = async { found(&state, ids?, None, operator.email.clone()).await };
    match found.await {
        Ok(html) => page(StatusCode::OK, html),
        Err(error) => error_page(error, Some(operator.email), "/backups"),
    }
}

async fn found(
    state: &AppState,
    Ids(id, drill): Ids<OrderId, DrillId>,
    refused: Option<(OutcomeForm, Refusal)>,
    operator: String,
) -> ApiResult<Html> {
    let order = tenant(state, id).await?.order.new;
    let drill = drills::one(state, id, drill).await?;
    Ok(drill_page((&order, drill), refused, operator, state.clock.now()))
}

/// `POST /tenants/{id}/drills/{drill}`
pub(crate) async fn record(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    ids: ApiResult<Ids<OrderId, DrillId>>,
    request: Request,
) -> Response {
    let (id, drill) = match ids {
        Ok(Ids(id, drill)) => (id, drill),
        Err(error) => return error_page(error, Some(operator.email), "/backups"),
    };
    let back = format!("/tenants/{id}/drills/{drill}");
    let typed = match form::<OutcomeForm>(request).await {
        Ok(typed) => typed,
        Err(error) => return error_page(error, Some(operator.email), back),
    };
    let done = async { drills::done(&state, &operator, id, drill, outcome(&typed)?).await };
    let error = match done.await {
        Ok(_) => return Redirect::to(&back).into_response(),
        Err(error) => error,
    };
    let refused = Some((typed, error.clone().into()));
    match found(&state, Ids(id, drill), refused, operator.email.clone()).await {
        Ok(html) => page(error.status, html),
        Err(_) => error_page(error, Some(operator.email), back),
    }
}

fn outcome(form: &OutcomeForm) -> ApiResult<DrillOutcome> {
    let passed = match form.outcome.as_str() {
        "passed" => true,
        "failed" => false,
        _ => return Err(ApiError::bad_request("This page does not know that outcome.")),
    };
    let (rto, rpo) = (seconds(&form.rto_minutes, passed), seconds(&form.rpo_minutes, passed));
    let wrong = |name: &str| field(name, "write how many minutes it took: a drill that passed was measured");
    match (rto, rpo) {
        (Some(rto_seconds), Some(rpo_seconds)) => {
            Ok(DrillOutcome { passed, rto_seconds, rpo_seconds, notes: form.notes.clone() })
        }
        (rto, rpo) => {
            let fields = [("rto_minutes", rto), ("rpo_minutes", rpo)].into_iter();
            Err(ApiError::fields(
                fields.filter(|(_, value)| value.is_none()).map(|(name, _)| wrong(name)).collect(),
            ))
        }
    }
}

/// Minutes as they were typed; of a drill that failed nothing need have been measured.
fn seconds(minutes: &str, passed: bool) -> Option<u64> {
    match minutes.trim() {
        "" if !passed => Some(0),
        text => text.parse::<u32>().ok().map(|minutes| u64::from(minutes) * 60),
    }
}
