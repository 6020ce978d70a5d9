//! The operator's pages about tenants' servers: the list, and one with what waits for a person.

use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_pages::{
    Html,
    around::here,
    recovery::{KnownRecovery, Recoveries},
    tenants::{self, Known, Listed},
};
use letsbe_store::{ListedTenants, Rating};
use letsbe_types::{
    ids::{ApprovalId, OrderId},
    recovery::RecoveryState,
    tenants::TenantSummary,
};
use serde::Deserialize;

use super::{error_page, forms::form, page};
use crate::{
    AppState,
    backups::state::succeeded_at,
    controllers::{
        ApiError, ApiResult, Id, Ids, Parameters,
        listing::Listing,
        recovery,
        tenants::{
            commands,
            health::{self, DISK_FULL},
            list, tenant,
        },
    },
    security::sessions::Operator,
};

/// Lines of the timeline on the page; the order's own page has all of them.
const LINES: u64 = 12;
/// Earlier recoveries on the page.
const EARLIER: u64 = 5;

/// `GET /tenants`
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    asked: Result<Parameters<Listing>, ApiError>,
) -> Response {
    match list_page(&state, operator.email.clone(), asked).await {
        Ok(html) => page(StatusCode::OK, html),
        Err(error) => error_page(error, Some(operator.email), "/tenants"),
    }
}

async fn list_page(
    state: &AppState,
    operator: String,
    asked: Result<Parameters<Listing>, ApiError>,
) -> ApiResult<Html> {
    let listed = asked?.0.checked(list::word(Rating::Health))?;
    let ListedTenants { tenants: found, total, counts } =
        list::page_of(state, &listed, Rating::Health).await?;
    let all = Rating::Health.words().iter().map(|word| counts[word]).sum();
    let now = state.clock.now();
    let rows = found.iter().map(|tenant| {
        let of = list::summary(tenant, now);
        Listed { disk_full: is_disk_full(&of), tokens_low: is_low_on_tokens(&of), of }
    });
    Ok(tenants::list(operator, rows.collect(), &listed.found(total, all, counts)))
}

fn is_disk_full(tenant: &TenantSummary) -> bool {
    tenant.disk_used_percent.is_some_and(|share| share >= DISK_FULL)
}

fn is_low_on_tokens(tenant: &TenantSummary) -> bool {
    health::tokens_low(tenant.tokens_used, tenant.token_pool)
}

/// `GET /tenants/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    id: ApiResult<Id<OrderId>>,
) -> Response {
    let found = async { known(&state, id?.0).await };
    match found.await {
        Ok(known) => page(StatusCode::OK, tenants::tenant(known, operator.email, state.clock.now())),
        Err(error) => error_page(error, Some(operator.email), "/tenants"),
    }
}

async fn known(state: &AppState, id: OrderId) -> ApiResult<Known> {
    let detail = list::detail(state, id).await?;
    let recoveries = Recoveries::of(recoveries(state, id).await?, here().language());
    let (_, complaints) = health::of_tenant(&tenant(state, id).await?, state.clock.now());
    let sign = detail.heartbeat.as_ref().and_then(|heartbeat| heartbeat.backup.as_ref());
    Ok(Known {
        disk_full: is_disk_full(&detail.summary),
        tokens_low: is_low_on_tokens(&detail.summary),
        backed_up_at: sign.and_then(succeeded_at),
        detail,
        complaints,
        recoveries,
    })
}

async fn recoveries(state: &AppState, id: OrderId) -> ApiResult<Vec<KnownRecovery>> {
    let mut known = Vec::new();
    for entry in recovery::entries(state, Some(id), 0, EARLIER).await?.0 {
        let running = if entry.state == RecoveryState::Running {
            let order = state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
            Some((order.state, state.store.newest_lines(id, entry.requested_at, LINES).await?))
        } else {
            None
        };
        known.push(KnownRecovery { entry, running });
    }
    Ok(known)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionForm {
    decision: String,
    #[serde(default)]
    confirm: String,
}

/// `POST /tenants/{id}/approvals/{approval}`
pub(crate) async fn decide(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    ids: ApiResult<Ids<OrderId, ApprovalId>>,
    request: Request,
) -> Response {
    let (id, approval) = match ids {
        Ok(Ids(id, approval)) => (id, approval),
        Err(error) => return error_page(error, Some(operator.email), "/tenants"),
    };
    let back = format!("/tenants/{id}");
    let done = async {
        let form = form::<DecisionForm>(request).await?;
        let approve = match form.decision.as_str() {
            "approve" => true,
            "refuse" => false,
            _ => return Err(ApiError::bad_request("This page does not know that decision.")),
        };
        let asked = state.store.approval(id, approval).await?;
        if approve && form.confirm != "yes" && asked.is_some_and(|entry| entry.approval.is_grave()) {
            return Err(ApiError::bad_request("Tick the box to confirm what cannot be taken back."));
        }
        commands::decide(&state, &operator, &tenant(&state, id).await?, approval, approve).await
    };
    match done.await {
        Ok(_) => Redirect::to(&back).into_response(),
        Err(error) => error_page(error, Some(operator.email), back),
    }
}
