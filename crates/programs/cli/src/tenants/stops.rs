//! What would stop something that a tenant is asked for, as far as the Hub knows beforehand: for `--plan`.

use letsbe_types::{
    Code, Problem,
    ids::OrderId,
    tenant::{ApprovalState, CommandWork},
    tenants::{ApprovalEntry, Health, TenantDetail, TenantSummary},
};

use super::units::ago;
use crate::hub::Hub;

/// The code of what a server would not do now.
const NOT_NOW: Code = Code::HUB047;

fn not_now(message: String, hint: String) -> Problem {
    Problem::permanent(NOT_NOW, message, hint)
}

/// Why the server takes nothing at present.
fn server(tenant: &TenantSummary) -> Option<Problem> {
    let (domain, now) = (&tenant.domain, chrono::Utc::now());
    let (why, hint) = match tenant.health {
        Health::Fine | Health::Troubled => return None,
        Health::Revoked => (
            "takes nothing: its agent's key was revoked".to_owned(),
            format!("letsbe tenants converge {domain} registers it again."),
        ),
        Health::Silent => (
            tenant.heard_at.map_or_else(
                || "is silent".to_owned(),
                |at| {
                    format!(
                        "is silent, heard {}: what it does not take within an hour is given up",
                        ago(at, now)
                    )
                },
            ),
            format!("Look after it first: letsbe tenants show {domain}"),
        ),
        Health::Never => {
            ("was never heard".to_owned(), format!("Where its order stands: letsbe orders show {domain}"))
        }
        Health::Lost => (
            "is lost and being replaced".to_owned(),
            format!("How far that is: letsbe backups recoveries {domain}"),
        ),
        Health::Ended => ("is no tenant's any more: its order has ended".to_owned(), String::new()),
    };
    Some(not_now(format!("The server of {domain} {why}"), hint))
}

/// The tool that a command is about.
fn tool_of(work: &CommandWork) -> Option<&str> {
    match work {
        CommandWork::RestartTool { tool } => Some(tool),
        CommandWork::Rotate { tool }
        | CommandWork::Backup { tool }
        | CommandWork::Prove { tool }
        | CommandWork::Drill { tool } => tool.as_deref(),
        CommandWork::Report
        | CommandWork::Decide { .. }
        | CommandWork::UpdateOpenClaw { .. }
        | CommandWork::CheckDrift => None,
    }
}

/// Whether the server has a tool: it was ordered, or a container of the platform has its name.
fn has(tenant: &TenantDetail, ordered: &[String], tool: &str) -> bool {
    let own = |name: &str| name.strip_prefix("letsbe-").unwrap_or(name) == tool;
    ordered.iter().any(|name| name == tool)
        || tool == "letsbe"
        || tenant.heartbeat.iter().flat_map(|heartbeat| &heartbeat.containers).any(|there| own(&there.name))
}

/// What would stop a command.
pub(super) async fn work(hub: &Hub, id: OrderId, work: &CommandWork) -> anyhow::Result<Option<Problem>> {
    let (tenant, ordered) = (hub.tenant(id).await?, hub.order(id).await?.summary.tools);
    let unknown = tool_of(work).filter(|tool| !has(&tenant, &ordered, tool));
    let unknown = unknown.map(|tool| {
        let message = format!("{} has no tool {tool}", tenant.summary.domain);
        not_now(message, format!("Its tools: {}.", ordered.join(", ")))
    });
    Ok(unknown.or_else(|| server(&tenant.summary)))
}

/// What would stop a decision.
pub(super) async fn decision(
    hub: &Hub,
    id: OrderId,
    entry: &ApprovalEntry,
) -> anyhow::Result<Option<Problem>> {
    if entry.approval.state != ApprovalState::Pending {
        let message = "This approval does not wait any more".to_owned();
        return Ok(Some(not_now(message, format!("What waits: letsbe tenants approvals {id}"))));
    }
    Ok(server(&hub.tenant(id).await?.summary))
}

/// What would stop a revocation.
pub(super) fn revocation(tenant: &TenantSummary) -> Option<Problem> {
    (tenant.health == Health::Revoked).then(|| {
        let message = format!("The key of {}'s agent was revoked before", tenant.domain);
        not_now(message, format!("letsbe tenants converge {} registers it again.", tenant.domain))
    })
}
