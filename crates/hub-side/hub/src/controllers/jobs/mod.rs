//! `PATCH /api/v1/jobs/{id}`: what the provisioner reports.

use axum::{
    Json,
    extract::{Request, State},
};
use letsbe_types::{
    api::{JobReport, Reply},
    ids::JobId,
};

use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, extract},
    security::keys,
};

/// `PATCH /api/v1/jobs/{id}`
pub(crate) async fn report(
    State(state): State<AppState>,
    Id(id): Id<JobId>,
    request: Request,
) -> ApiResult<Json<Reply<&'static str>>> {
    // A job that is not there is answered as a wrong key is: ids are not to be found out here.
    let refused = || ApiError::unauthorized("The runner token does not belong to this job.");
    let key = keys::bearer(request.headers()).ok_or_else(refused)?.to_owned();
    let job = state.store.job(id).await?.filter(|job| keys::fits(&key, &job.runner_token_hash));
    let job = job.ok_or_else(refused)?;
    let report: JobReport = extract::json(request, &state).await?;
    state.store.report_job(&job, &report, state.clock.now()).await?;
    Ok(Json(Reply::new("taken")))
}
