//! The list of tenants' backups, and those of one with all that is known.

use axum::{Json, extract::State};
use chrono::TimeDelta;
use letsbe_store::{ListedTenants, Rating};
use letsbe_types::{
    api::Reply,
    backups::{BackupSummary, TenantBackups},
    ids::OrderId,
};

use crate::{
    AppState,
    backups::state::summary,
    controllers::{
        ApiResult, Id, Parameters,
        listing::{self, Listing},
        tenants::{
            list::{page_of, word},
            tenant,
        },
    },
};

/// Proofs in one answer: some ten tools, a proof each a week, for half a year.
const PROOFS: u64 = 200;
const HOURS: TimeDelta = TimeDelta::days(2);
const DAYS: TimeDelta = TimeDelta::days(31);

/// `GET /api/v1/admin/backups?page&pageSize&q&domain&state&sort`
pub(crate) async fn list(
    State(state): State<AppState>,
    Parameters(listing): Parameters<Listing>,
) -> ApiResult<Json<Reply<Vec<BackupSummary>>>> {
    let listed = listing.checked(word(Rating::Backups))?;
    let ListedTenants { tenants, total, counts } = page_of(&state, &listed, Rating::Backups).await?;
    let now = state.clock.now();
    let data = tenants.iter().map(|tenant| summary(tenant, now)).collect();
    Ok(Json(Reply { success: true, data, meta: listing::meta(listed.page, total, &counts) }))
}

/// `GET /api/v1/admin/tenants/{id}/backups`
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<TenantBackups>>> {
    detail(&state, id).await.map(Reply::new).map(Json)
}

/// A tenant's backups with their history.
pub(crate) async fn detail(state: &AppState, id: OrderId) -> ApiResult<TenantBackups> {
    let tenant = tenant(state, id).await?;
    let (store, now) = (&state.store, state.clock.now());
    let past = store.alarms(id).await?.into_iter();
    Ok(TenantBackups {
        summary: summary(&tenant, now),
        proofs: store.proofs(id, PROOFS).await?,
        hours: store.looks_by_hour(id, now - HOURS).await?,
        days: store.looks_by_day(id, now - DAYS).await?,
        past_alarms: past
            .filter(|alarm| alarm.ended_at.is_some() || alarm.acknowledged_at.is_some())
            .collect(),
        drills: store.drills(Some(id)).await?,
    })
}
