//! `/api/v1/admin/tenants/{id}/recovery`: a lost server is replaced (runbook 5.2). The keys pass through sealed.

use std::collections::BTreeMap;

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, transition};
use letsbe_store::{KeysGiven, NewEntry, NewRecovery, Recovery, StoreError, Tenant};
use letsbe_types::{
    Code, Problem,
    api::{FieldError, Reply},
    backup::Destination,
    backups::DestinationEntry,
    crash,
    ids::{JobId, OrderId, RecoveryId},
    recovery::{CancelRecovery, GiveKeys, RecoverRequest, RecoveryEntry, RecoveryPlan, SettleLost},
};
use serde_json::json;

use crate::{
    AppState,
    backups::given,
    controllers::{
        ApiError, ApiResult, Id, Input, Parameters,
        backups::destination,
        field, is_recipient,
        orders::{desk::line, list::Page},
        tenants::tenant,
    },
    recovery::{
        plan::{Copies, Known, plan},
        points, sealed,
        source::SourceFile,
        view,
    },
    security::{keys, sessions::Operator},
};

/// A request that may be carried out.
struct Checked {
    tenant: Tenant,
    reason: String,
    copies: Copies,
    /// The present destination is one whose key the Hub does not keep.
    foreign: bool,
}

/// `POST /api/v1/admin/tenants/{id}/recovery`
pub(crate) async fn create(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Input(request): Input<RecoverRequest>,
) -> ApiResult<(StatusCode, Json<Reply<RecoveryEntry>>)> {
    let now = state.clock.now();
    let Checked { tenant, reason, foreign, .. } = check(&state, id, &request, now).await?;
    let file = SourceFile::of(&state.jobs_folder, id);
    match &request.source {
        Some(source) => {
            file.keep(source).map_err(internal)?;
            if foreign {
                // The new server's copies go on to where the lost one's went.
                given::file(&state.jobs_folder, id).keep(source).map_err(internal)?;
            }
        }
        // Of a request that was never stored.
        None if tenant.order.state.recovery.is_none() => file.remove(),
        None => {}
    }
    crash::point(&points::SOURCE_KEPT);
    let new = NewRecovery {
        id: RecoveryId::generate(),
        order: id,
        requested_by: operator.email.clone(),
        reason,
        region: request.region,
        at: request.at,
        as_of: request.as_of,
    };
    state.store.request_recovery(&new, &state.pace, now).await?;
    crash::point(&points::REQUESTED);
    state.tenants.bell.ring(id);
    tracing::warn!(tenant = %id, operator = operator.email, recovery = %new.id, "a server is lost and replaced");
    let entry = newest(&state, id).await?.ok_or_else(ApiError::not_found)?;
    Ok((StatusCode::CREATED, Json(Reply::new(entry))))
}

/// `POST /api/v1/admin/tenants/{id}/recovery/plan`
pub(crate) async fn planned(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
    Input(request): Input<RecoverRequest>,
) -> ApiResult<Json<Reply<RecoveryPlan>>> {
    let Checked { tenant, copies, .. } = check(&state, id, &request, state.clock.now()).await?;
    let order = &tenant.order;
    let names = state
        .catalog
        .select(order.new.tier, &order.new.tools)
        .map(|selection| selection.hostnames(&state.catalog, &order.new.domain))
        .unwrap_or_default();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let escrow = state.store.escrows(id).await?.into_iter().next();
    let known = Known {
        order,
        agent: &tenant.agent,
        names: &names,
        recipients: escrow.as_ref().map(|keys| keys.entry.recipients.as_slice()),
        copies: &copies,
    };
    Ok(Json(Reply::new(plan(&request, &known))))
}

/// Whether a recovery may begin, and all that is wrong with the request if not.
async fn check(
    state: &AppState,
    id: OrderId,
    request: &RecoverRequest,
    now: DateTime<Utc>,
) -> ApiResult<Checked> {
    let tenant = tenant(state, id).await?;
    let mut wrong: Vec<FieldError> = Vec::new();
    let reason = line("reason", &request.reason).map_err(|error| wrong.push(error)).unwrap_or_default();
    for (name, moment) in [("at", request.at), ("as_of", request.as_of)] {
        if moment.is_some_and(|moment| moment > now) {
            wrong.push(field(name, "name a moment that has been"));
        }
    }
    if let Some(source) = &request.source {
        let errors = destination::wrong(source).into_iter();
        wrong.extend(errors.map(|error| field(format!("source.{}", error.field), error.message)));
    }
    let stored = state.store.destination(id).await?;
    let copies = copies(state, &tenant, request.source.as_ref(), stored.as_ref())?;
    let copies = copies.map_err(|error| wrong.push(error)).ok();
    let event = Event::OperatorRecover { recovery: RecoveryId::generate(), region: request.region };
    if transition(&tenant.order.state, &event, now, &state.pace).is_err() {
        return Err(not_now(&tenant));
    }
    let foreign = stored.is_some_and(|stored| !stored.watched);
    match copies.filter(|_| wrong.is_empty()) {
        Some(copies) => Ok(Checked { tenant, reason, copies, foreign }),
        None => Err(ApiError::fields(wrong)),
    }
}

/// Where the data would come from: what was given now, or before; else the bucket that the Hub's own account made.
fn copies(
    state: &AppState,
    tenant: &Tenant,
    source: Option<&Destination>,
    stored: Option<&DestinationEntry>,
) -> ApiResult<Result<Copies, FieldError>> {
    if let Some(source) = source {
        return Ok(Ok(source.into()));
    }
    // A recovery that failed and begins again reads from where it was told to.
    if tenant.order.state.recovery.is_some()
        && let Some(kept) =
            SourceFile::of(&state.jobs_folder, tenant.order.new.id).read().map_err(internal)?
    {
        return Ok(Ok((&kept).into()));
    }
    Ok(match stored {
        Some(stored) if stored.watched => Ok(stored.into()),
        Some(stored) => Err(field(
            "source",
            format!("give the destination with its key: the Hub does not keep that of {}", stored.endpoint),
        )),
        None => Err(field("source", "no copies outside are known of this tenant: give their destination")),
    })
}

fn not_now(tenant: &Tenant) -> ApiError {
    let phase = tenant.order.state.phase;
    let message = match tenant.order.state.recovery {
        Some(_) => format!("A recovery of this server is under way; the order is {phase}."),
        None => format!("Only a server that was live can be recovered; this order is {phase}."),
    };
    ApiError::conflict(Code::HUB055, message)
}

/// `POST /api/v1/admin/tenants/{id}/recovery/cancel`
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Input(request): Input<CancelRecovery>,
) -> ApiResult<Json<Reply<RecoveryEntry>>> {
    tenant(&state, id).await?;
    let reason = line("reason", &request.reason).map_err(|wrong| ApiError::fields(vec![wrong]))?;
    let entry = NewEntry::new("operator", "ok", format!("{} chose: take the recovery back", operator.email));
    let event = Event::OperatorCancelRecovery { reason };
    let now = state.clock.now();
    let applied = state.store.apply(id, &event, Some(entry), &state.pace, now).await;
    applied.map_err(|error| match error {
        StoreError::Illegal(illegal) => {
            let message = format!("No recovery can be taken back for an order that is {}.", illegal.phase);
            ApiError::conflict(Code::HUB055, message)
        }
        error => error.into(),
    })?;
    tracing::warn!(tenant = %id, operator = operator.email, "a recovery was taken back");
    newest(&state, id).await?.map(Reply::new).map(Json).ok_or_else(ApiError::not_found)
}

/// `POST /api/v1/admin/tenants/{id}/recovery/keys`
pub(crate) async fn give_keys(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Input(request): Input<GiveKeys>,
) -> ApiResult<Json<Reply<RecoveryEntry>>> {
    let tenant = tenant(&state, id).await?;
    let mut wrong = Vec::new();
    if !is_recipient(&request.recipient) {
        wrong.push(field("recipient", "send the recipient that the run asks for"));
    }
    wrong.extend(sealed::wrong(&request.sealed).map(|why| field("sealed", why)));
    if !wrong.is_empty() {
        return Err(ApiError::fields(wrong));
    }
    let not_asked = || ApiError::conflict(Code::HUB055, "No run asks for this tenant's keys just now.");
    let under = tenant.order.state.recovery.as_ref().ok_or_else(not_asked)?;
    let now = state.clock.now();
    match state.store.give_keys(id, under.id, &request, &operator.email, now).await? {
        KeysGiven::Kept => {}
        KeysGiven::NotAsked => return Err(not_asked()),
        KeysGiven::OtherRecipient => {
            let message =
                "The run was started again and asks for another recipient now: seal the keys again.";
            return Err(ApiError::conflict(Code::HUB055, message));
        }
    }
    crash::point(&points::KEYS_KEPT);
    tracing::info!(tenant = %id, operator = operator.email, "sealed keys were given for a recovery");
    newest(&state, id).await?.map(Reply::new).map(Json).ok_or_else(ApiError::not_found)
}

/// `POST /api/v1/admin/tenants/{id}/recovery/lost`
pub(crate) async fn settle(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Input(request): Input<SettleLost>,
) -> ApiResult<Json<Reply<Option<RecoveryEntry>>>> {
    tenant(&state, id).await?;
    let evidence = line("evidence", &request.evidence).map_err(|wrong| ApiError::fields(vec![wrong]))?;
    let request = SettleLost { evidence, ..request };
    if !state.store.settle_lost(id, &request, &operator.email, state.clock.now()).await? {
        let message = format!("{} is not a lost server of this tenant that is still open.", request.server);
        return Err(ApiError::conflict(Code::HUB055, message));
    }
    Ok(Json(Reply::new(newest(&state, id).await?)))
}

/// `GET /api/v1/admin/tenants/{id}/recovery`: the newest; `null` if this server was never lost.
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<Option<RecoveryEntry>>>> {
    tenant(&state, id).await?;
    Ok(Json(Reply::new(newest(&state, id).await?)))
}

/// `GET /api/v1/admin/tenants/{id}/recoveries?page&pageSize`
pub(crate) async fn of_tenant(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
    Parameters(page): Parameters<Page>,
) -> ApiResult<Json<Reply<Vec<RecoveryEntry>>>> {
    tenant(&state, id).await?;
    list(&state, Some(id), page).await
}

/// `GET /api/v1/admin/recoveries?page&pageSize`
pub(crate) async fn of_all(
    State(state): State<AppState>,
    Parameters(page): Parameters<Page>,
) -> ApiResult<Json<Reply<Vec<RecoveryEntry>>>> {
    list(&state, None, page).await
}

async fn list(
    state: &AppState,
    of: Option<OrderId>,
    page: Page,
) -> ApiResult<Json<Reply<Vec<RecoveryEntry>>>> {
    let page = page.checked()?;
    let (data, total) = entries(state, of, page.page - 1, page.page_size).await?;
    let meta = [("page", page.page), ("pageSize", page.page_size), ("total", total)];
    let meta: BTreeMap<_, _> =
        meta.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    Ok(Json(Reply { success: true, data, meta }))
}

/// A page of recoveries (pages count from 0), newest first, and how many there are.
pub(crate) async fn entries(
    state: &AppState,
    of: Option<OrderId>,
    page: u64,
    page_size: u64,
) -> ApiResult<(Vec<RecoveryEntry>, u64)> {
    let (recoveries, total) = state.store.recoveries(of, page, page_size).await?;
    let ids: Vec<OrderId> = recoveries.iter().map(|recovery| recovery.order).collect();
    let (orders, now) = (state.store.orders_of(&ids).await?, state.clock.now());
    let entry = |recovery: Recovery| {
        let order = orders.get(&recovery.order).ok_or_else(ApiError::not_found)?;
        Ok(view::entry(recovery, order, now))
    };
    Ok((recoveries.into_iter().map(entry).collect::<ApiResult<_>>()?, total))
}

/// The newest recovery of a tenant.
pub(crate) async fn newest(state: &AppState, id: OrderId) -> ApiResult<Option<RecoveryEntry>> {
    match state.store.latest_recovery(id).await? {
        Some(recovery) => entry(state, recovery).await.map(Some),
        None => Ok(None),
    }
}

async fn entry(state: &AppState, recovery: Recovery) -> ApiResult<RecoveryEntry> {
    let order = state.store.order(recovery.order).await?.ok_or_else(ApiError::not_found)?;
    Ok(view::entry(recovery, &order, state.clock.now()))
}

/// `GET /api/v1/jobs/{id}/keys`: the sealed keys, for the provisioner of this job alone; 204 while there are none.
pub(crate) async fn hand_keys(
    State(state): State<AppState>,
    Id(id): Id<JobId>,
    headers: axum::http::HeaderMap,
) -> ApiResult<Response> {
    let refused = || ApiError::unauthorized("The runner token does not belong to this job.");
    let key = keys::bearer(&headers).ok_or_else(refused)?;
    let job = state.store.job(id).await?.filter(|job| keys::fits(key, &job.runner_token_hash));
    job.ok_or_else(refused)?;
    Ok(match state.store.hand_keys(id, state.clock.now()).await? {
        Some(keys) => Json(Reply::new(keys)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn internal(problem: Problem) -> ApiError {
    ApiError::internal(&problem)
}
