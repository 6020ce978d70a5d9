//! `/api/v1/admin/hub/tasks`: the Hub's own background work; and whether this Hub is ready.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use chrono::TimeDelta;
use letsbe_types::{
    Code, Language, Problem,
    api::Reply,
    hub_tasks::{HubTask, HubTaskState, Readiness},
};

use crate::{
    AppState,
    background::{Runs, registry, status},
    controllers::{ApiError, ApiResult},
    security::sessions::Operator,
};

/// A Hub that has not read its database for longer is not ready.
const READ_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// `GET /api/v1/admin/hub/tasks`
pub(crate) async fn list(State(state): State<AppState>) -> ApiResult<Json<Reply<Vec<HubTask>>>> {
    tasks(&state, Language::En).await.map(Reply::new).map(Json)
}

/// All tasks as they are, the worst first.
pub(crate) async fn tasks(state: &AppState, language: Language) -> ApiResult<Vec<HubTask>> {
    let known = state.store.background_tasks().await?;
    Ok(status::list(&known, state.clock.now(), language))
}

/// `POST /api/v1/admin/hub/tasks/{task}/run`
pub(crate) async fn run(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
) -> ApiResult<Json<Reply<HubTask>>> {
    requested(&state, &operator, &name).await.map(Reply::new).map(Json)
}

/// Has a task run now: on the Hub that is quickest, or on this one where each runs it for itself.
pub(crate) async fn requested(state: &AppState, operator: &Operator, name: &str) -> ApiResult<HubTask> {
    let entry = registry::entry(name).ok_or_else(ApiError::not_found)?;
    let find = |tasks: Vec<HubTask>| tasks.into_iter().find(|task| task.name == name);
    let task = find(tasks(state, Language::En).await?).ok_or_else(ApiError::not_found)?;
    if let (HubTaskState::Off, Some(needs)) = (task.state, entry.needs) {
        return Err(ApiError::problem(StatusCode::CONFLICT, &off(name, needs)));
    }
    if entry.runs == Runs::OnOneHub {
        state.store.request_task(name, &operator.email, state.clock.now()).await?;
    }
    state.background.activate(entry.name);
    tracing::info!(task = name, operator = operator.email, "a task was asked for");
    find(tasks(state, Language::En).await?).ok_or_else(ApiError::not_found)
}

fn off(name: &str, needs: &str) -> Problem {
    Problem::permanent(
        Code::HUB051,
        format!("No Hub runs {name}: the settings have no {needs}"),
        "Add it to the Hub's settings (deploy/hub.example.toml has an example), then start the Hub again.",
    )
}

/// `GET /readyz`: nothing is read for it, and it names nothing.
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    let last = state.background.last_round();
    let readiness = Readiness {
        ready: last.is_some_and(|round| round.at + READ_WITHIN >= state.clock.now()),
        stalled_tasks: last.map_or(0, |round| round.stalled),
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Reply::new(readiness))).into_response()
}
