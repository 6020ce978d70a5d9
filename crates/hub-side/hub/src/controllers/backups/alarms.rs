//! `POST /api/v1/admin/tenants/{id}/alarms/{alarm}`: a person has looked at what was found wrong from outside.

use axum::{Extension, Json, extract::State};
use letsbe_types::{
    Code,
    api::Reply,
    backups::BackupSummary,
    ids::{AlarmId, OrderId},
};

use crate::{
    AppState,
    backups::state::summary,
    controllers::{
        ApiError, ApiResult, Ids,
        tenants::{chose, tenant},
    },
    security::sessions::Operator,
};

/// `POST /api/v1/admin/tenants/{id}/alarms/{alarm}`
pub(crate) async fn acknowledge(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Ids(id, alarm): Ids<OrderId, AlarmId>,
) -> ApiResult<Json<Reply<BackupSummary>>> {
    done(&state, &operator, id, alarm).await?;
    Ok(Json(Reply::new(summary(&tenant(&state, id).await?, state.clock.now()))))
}

/// Acknowledges an open alarm of a tenant.
pub(crate) async fn done(
    state: &AppState,
    operator: &Operator,
    id: OrderId,
    alarm: AlarmId,
) -> ApiResult<()> {
    tenant(state, id).await?;
    let known = state.store.alarms(id).await?.into_iter().find(|known| known.id == alarm);
    let known = known.ok_or_else(ApiError::not_found)?;
    let line =
        chose(operator, &format!("acknowledge the alarm about {}: {}", known.kind.about(), known.message));
    if !state.store.acknowledge_alarm(id, alarm, &operator.email, &line, state.clock.now()).await? {
        return Err(ApiError::conflict(
            Code::HUB056,
            "This alarm has ended, or somebody acknowledged it before.",
        ));
    }
    tracing::info!(tenant = %id, alarm = known.kind.as_str(), operator = operator.email, "alarm acknowledged");
    Ok(())
}
