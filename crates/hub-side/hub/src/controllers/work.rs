//! `/api/v1/admin/work`: workflows of every machine, and what an operator does about them.

use axum::{Extension, Json, extract::State};
use letsbe_lifecycle::order::Event;
use letsbe_types::{
    Code,
    api::{DeskPlan, Reply},
    work::{WorkAction, WorkActionKind, WorkEntry},
};
use uuid::Uuid;

use crate::{
    AppState,
    controllers::{
        ApiError, ApiResult, Id, Input,
        orders::desk::{apply, line, planned},
    },
    security::sessions::Operator,
    work::{self, Workflow},
};

/// `GET /api/v1/admin/work`
pub(crate) async fn list(State(state): State<AppState>) -> ApiResult<Json<Reply<Vec<WorkEntry>>>> {
    let now = state.clock.now();
    let open = work::open(&state.store).await?;
    Ok(Json(Reply::new(open.iter().map(|workflow| workflow.entry(now, &state.pace)).collect())))
}

/// `GET /api/v1/admin/work/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<Uuid>,
) -> ApiResult<Json<Reply<WorkEntry>>> {
    let workflow = workflow(&state, id).await?;
    Ok(Json(Reply::new(workflow.entry(state.clock.now(), &state.pace))))
}

/// `POST /api/v1/admin/work/{id}/actions`
pub(crate) async fn act(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<Uuid>,
    Input(action): Input<WorkAction>,
) -> ApiResult<Json<Reply<WorkEntry>>> {
    let workflow = workflow(&state, id).await?;
    let (event, kind) = event(&workflow, action)?;
    let chosen = format!("{} the {}", kind.as_str(), workflow.machine);
    apply(&state, &operator, workflow.order.new.id, &event, &chosen).await?;
    show(State(state), Id(id)).await
}

/// `POST /api/v1/admin/work/{id}/actions/plan`
pub(crate) async fn plan(
    State(state): State<AppState>,
    Id(id): Id<Uuid>,
    Input(action): Input<WorkAction>,
) -> ApiResult<Json<Reply<DeskPlan>>> {
    let workflow = workflow(&state, id).await?;
    let (event, _) = event(&workflow, action)?;
    let taken = state.store.taken_servers().await?;
    let plan = planned(&workflow.order, &event, &taken, &state.pace, state.clock.now());
    Ok(Json(Reply::new(plan)))
}

async fn workflow(state: &AppState, id: Uuid) -> ApiResult<Workflow> {
    work::find(&state.store, id).await?.ok_or_else(ApiError::not_found)
}

/// What an action means for a workflow.
fn event(workflow: &Workflow, action: WorkAction) -> ApiResult<(Event, WorkActionKind)> {
    let said = |reason: &str| line("reason", reason).map_err(|wrong| ApiError::fields(vec![wrong]));
    let (kind, reason) = match action {
        WorkAction::Retry => (WorkActionKind::Retry, String::new()),
        WorkAction::Skip { reason } => (WorkActionKind::Skip, said(&reason)?),
        WorkAction::Abandon { reason } => (WorkActionKind::Abandon, said(&reason)?),
    };
    let event = workflow.event(kind, reason).ok_or_else(|| {
        let (machine, phase) = (workflow.machine, &workflow.phase);
        ApiError::conflict(Code::API409, format!("This makes no sense for a {machine} that is {phase}."))
    })?;
    Ok((event, kind))
}
