//! `/api/v1/admin/drills` and `/api/v1/admin/tenants/{id}/drills`: restoring to see whether it can be done.

use axum::{Extension, Json, extract::State};
use letsbe_types::{
    Code,
    api::Reply,
    backups::{Drill, DrillKind, DrillOutcome, DrillReport, DrillRequest},
    ids::{DrillId, OrderId},
};

use crate::{
    AppState,
    backups::drills,
    controllers::{ApiError, ApiResult, Id, Ids, Input, field, tenants::tenant},
    security::sessions::Operator,
};

const NOTES_BYTES: usize = 2_000;

/// `GET /api/v1/admin/drills`
pub(crate) async fn list(State(state): State<AppState>) -> ApiResult<Json<Reply<Vec<Drill>>>> {
    Ok(Json(Reply::new(state.store.drills(None).await?)))
}

/// One drill of a tenant.
pub(crate) async fn one(state: &AppState, id: OrderId, drill: DrillId) -> ApiResult<Drill> {
    state.store.drill(id, drill).await?.ok_or_else(ApiError::not_found)
}

/// `POST /api/v1/admin/tenants/{id}/drills`: the tenant's open drill of that kind, or a new one; a monthly one is begun
/// at once.
pub(crate) async fn create(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Input(DrillRequest { kind }): Input<DrillRequest>,
) -> ApiResult<Json<Reply<Drill>>> {
    let tenant = tenant(&state, id).await?;
    if tenant.agent.revoked_at.is_some() && kind == DrillKind::Monthly {
        return Err(ApiError::conflict(
            Code::HUB052,
            "The key of this tenant's agent was revoked: nothing reaches it.",
        ));
    }
    let now = state.clock.now();
    let open = async || -> ApiResult<Option<Drill>> {
        let drills = state.store.drills(Some(id)).await?;
        Ok(drills.into_iter().rfind(|drill| drill.kind == kind && drill.finished_at.is_none()))
    };
    let drill = match open().await? {
        Some(drill) => drill,
        None => {
            let period = now.format("by hand %Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            state.store.schedule_drill(id, kind, &period, now).await?;
            open().await?.ok_or_else(ApiError::not_found)?
        }
    };
    if kind == DrillKind::Monthly && drill.began_at.is_none() {
        drills::begin(&state.store, &drill, &operator.email, now).await?;
        state.tenants.bell.ring(id);
    }
    one(&state, id, drill.id).await.map(Reply::new).map(Json)
}

/// `POST /api/v1/admin/tenants/{id}/drills/{drill}`: how a drill ended that a person did.
pub(crate) async fn record(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Ids(id, drill): Ids<OrderId, DrillId>,
    Input(outcome): Input<DrillOutcome>,
) -> ApiResult<Json<Reply<Drill>>> {
    done(&state, &operator, id, drill, outcome).await.map(Reply::new).map(Json)
}

/// Keeps what a person saw.
pub(crate) async fn done(
    state: &AppState,
    operator: &Operator,
    id: OrderId,
    drill: DrillId,
    outcome: DrillOutcome,
) -> ApiResult<Drill> {
    if one(state, id, drill).await?.kind != DrillKind::Quarterly {
        return Err(ApiError::conflict(
            Code::API409,
            "A monthly drill is reported by the tenant's own server.",
        ));
    }
    if outcome.notes.len() > NOTES_BYTES || outcome.notes.chars().any(char::is_control) {
        return Err(ApiError::fields(vec![field("notes", "write at most 2000 characters in one line")]));
    }
    let word = if outcome.passed { "the server came back with everything" } else { "it did not come back" };
    let notes = if outcome.notes.is_empty() { String::new() } else { format!(": {}", outcome.notes) };
    let report = DrillReport {
        passed: outcome.passed,
        summary: format!("{word}{notes}"),
        by: Some(operator.email.clone()),
        rto_seconds: Some(outcome.rto_seconds),
        rpo_seconds: Some(outcome.rpo_seconds),
        ..DrillReport::default()
    };
    if !drills::finish(&state.store, id, drill, &report, state.clock.now()).await? {
        return Err(ApiError::conflict(Code::HUB056, "This drill has its report already."));
    }
    one(state, id, drill).await
}
