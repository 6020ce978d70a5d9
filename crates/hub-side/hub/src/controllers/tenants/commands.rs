//! `/api/v1/admin/tenants/{id}/commands`: what an agent shall do, and what became of it.

use axum::{Extension, Json, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_pages::tenants::command_in_english;
use letsbe_store::Tenant;
use letsbe_types::{
    Code,
    api::{FieldError, Reply},
    ids::{ApprovalId, CommandId, OrderId},
    tenant::{ApprovalState, CommandWork, TenantCommand},
    tenants::CommandEntry,
};

use super::{chose, tenant};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, Ids, Input, field},
    security::sessions::Operator,
};

/// A command that was not begun within this is not what anybody wants any more.
const LASTS: TimeDelta = TimeDelta::hours(1);
const VERSION_BYTES: usize = 40;
/// The part of a server's backups that belongs to no tool: its vault, and what it is.
const OWN_PART: &str = "letsbe";

/// `GET /api/v1/admin/tenants/{id}/commands`
pub(crate) async fn list(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<Vec<CommandEntry>>>> {
    tenant(&state, id).await?;
    Ok(Json(Reply::new(state.store.commands(id).await?)))
}

/// `GET /api/v1/admin/tenants/{id}/commands/{command}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Ids(id, command): Ids<OrderId, CommandId>,
) -> ApiResult<Json<Reply<CommandEntry>>> {
    entry(&state, id, command).await.map(Reply::new).map(Json)
}

/// `POST /api/v1/admin/tenants/{id}/commands`
pub(crate) async fn create(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Input(work): Input<CommandWork>,
) -> ApiResult<Json<Reply<CommandEntry>>> {
    let tenant = tenant(&state, id).await?;
    if let CommandWork::Decide { approval, approve, .. } = work {
        return decide(&state, &operator, &tenant, approval, approve).await.map(Reply::new).map(Json);
    }
    let platform = state.catalog.platform().map(|entry| entry.name.as_str());
    let tools: Vec<&str> = tenant.order.new.tools.iter().map(String::as_str).chain(platform).collect();
    if let Some(wrong) = wrong(&work, &tools) {
        return Err(ApiError::fields(vec![wrong]));
    }
    let expires_at = state.clock.now() + LASTS;
    queue(&state, &operator, &tenant, work, expires_at).await.map(Reply::new).map(Json)
}

/// Passes the operator's word on an approval on to the server, which decides.
pub(crate) async fn decide(
    state: &AppState,
    operator: &Operator,
    tenant: &Tenant,
    approval: ApprovalId,
    approve: bool,
) -> ApiResult<CommandEntry> {
    let known = state.store.approval(tenant.order.new.id, approval).await?;
    let known = known.ok_or_else(ApiError::not_found)?.approval;
    if known.state != ApprovalState::Pending || known.expires_at <= state.clock.now() {
        return Err(ApiError::conflict(Code::HUB056, "This approval does not wait any more."));
    }
    let work = CommandWork::Decide { approval, approve, by: operator.email.clone() };
    queue(state, operator, tenant, work, known.expires_at).await
}

async fn queue(
    state: &AppState,
    operator: &Operator,
    tenant: &Tenant,
    work: CommandWork,
    expires_at: DateTime<Utc>,
) -> ApiResult<CommandEntry> {
    if tenant.agent.revoked_at.is_some() {
        return Err(ApiError::conflict(
            Code::HUB052,
            "The key of this tenant's agent was revoked: nothing reaches it.",
        ));
    }
    let (id, line) = (tenant.order.new.id, chose(operator, &command_in_english(&work)));
    let issued_at = state.clock.now();
    let command = TenantCommand { id: CommandId::generate(), issued_at, expires_at, work };
    state.store.create_command(id, &command, &operator.email, &line).await?;
    let listening = state.tenants.bell.is_heard(id);
    state.tenants.bell.ring(id);
    tracing::info!(tenant = %id, command = %command.id, operator = operator.email, listening, "command queued");
    entry(state, id, command.id).await
}

async fn entry(state: &AppState, id: OrderId, command: CommandId) -> ApiResult<CommandEntry> {
    state.store.command(id, command).await?.ok_or_else(ApiError::not_found)
}

fn wrong(work: &CommandWork, tools: &[&str]) -> Option<FieldError> {
    let unknown = |tool: &str| {
        (!tools.contains(&tool)).then(|| field("tool", format!("choose one of: {}", tools.join(", "))))
    };
    match work {
        CommandWork::RestartTool { tool } | CommandWork::Rotate { tool: Some(tool) } => unknown(tool),
        CommandWork::Backup { tool: Some(tool) }
        | CommandWork::Prove { tool: Some(tool) }
        | CommandWork::Drill { tool: Some(tool) } => (tool != OWN_PART).then(|| unknown(tool)).flatten(),
        CommandWork::UpdateOpenClaw { to, .. } => {
            (!is_version(to)).then(|| field("to", "write a version as v2026.10"))
        }
        CommandWork::Report
        | CommandWork::Rotate { tool: None }
        | CommandWork::Backup { tool: None }
        | CommandWork::Prove { tool: None }
        | CommandWork::Drill { tool: None }
        | CommandWork::Decide { .. }
        | CommandWork::CheckDrift => None,
    }
}

/// `v2026.10`, `v2026.10.3-1`: it becomes part of an image's tag.
pub(super) fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_digit())
            && text.len() <= VERSION_BYTES
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
    })
}
