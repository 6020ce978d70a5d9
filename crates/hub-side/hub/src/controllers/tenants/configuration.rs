//! `/api/v1/admin/tenants/{id}/configuration`: what holds for a tenant; its server hears of a change with its next
//! heartbeat.

use axum::{Extension, Json, extract::State};
use letsbe_store::Configured;
use letsbe_types::{
    Code,
    api::{FieldError, Reply},
    ids::OrderId,
    tenant::TenantConfiguration,
    tenants::ConfigurationRequest,
};

use super::{chose, commands::is_version, tenant};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, Input, field},
    security::sessions::Operator,
};

/// No tenant uses more in a month.
const POOL_MAX: u64 = 1_000_000_000_000;

/// `GET /api/v1/admin/tenants/{id}/configuration`
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<TenantConfiguration>>> {
    Ok(Json(Reply::new(tenant(&state, id).await?.configuration)))
}

/// `PUT /api/v1/admin/tenants/{id}/configuration`
pub(crate) async fn change(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Input(mut request): Input<ConfigurationRequest>,
) -> ApiResult<Json<Reply<TenantConfiguration>>> {
    let tenant = tenant(&state, id).await?;
    request.external_unlocked.sort();
    request.external_unlocked.dedup();
    let wrong = wrong(&request, &tenant.order.new.tools);
    if !wrong.is_empty() {
        return Err(ApiError::fields(wrong));
    }
    let line = chose(&operator, &sentence(&request));
    match state.store.configure(id, &request, &line, state.clock.now()).await? {
        Configured::Saved(now) => Ok(Json(Reply::new(now))),
        Configured::Outdated(version) => {
            let message = format!(
                "The configuration was changed meanwhile: it has version {version} now. Look at it and try again."
            );
            Err(ApiError::conflict(Code::HUB054, message))
        }
        Configured::NoTenant => Err(ApiError::not_found()),
    }
}

fn wrong(request: &ConfigurationRequest, tools: &[String]) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    for (number, tool) in request.external_unlocked.iter().enumerate() {
        if !tools.contains(tool) {
            wrong.push(field(format!("external_unlocked[{number}]"), "the tenant does not have this tool"));
        }
    }
    if request.token_pool > POOL_MAX {
        wrong.push(field("token_pool", format!("choose at most {POOL_MAX}")));
    }
    if request.openclaw_version.as_deref().is_some_and(|version| !is_version(version)) {
        wrong.push(field("openclaw_version", "write a version as v2026.10"));
    }
    wrong
}

fn sentence(request: &ConfigurationRequest) -> String {
    let unlocked = match request.external_unlocked.as_slice() {
        [] => "no tool".to_owned(),
        tools => tools.join(", "),
    };
    format!(
        "autonomy {}, {} tokens a month, messages to outsiders unasked from {unlocked}",
        u8::from(request.autonomy),
        request.token_pool
    )
}
