//! The list of tenants' backups, and those of one with all that is known.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::TimeDelta;
use letsbe_types::{
    api::Reply,
    backups::{BackupSummary, TenantBackups},
    ids::OrderId,
};
use serde_json::json;

use crate::{
    AppState,
    backups::state::summary,
    controllers::{ApiResult, Id, Parameters, orders::list::Page, tenants::tenant},
};

/// Proofs in one answer: some ten tools, a proof each a week, for half a year.
const PROOFS: u64 = 200;
const HOURS: TimeDelta = TimeDelta::days(2);
const DAYS: TimeDelta = TimeDelta::days(31);

/// `GET /api/v1/admin/backups?page&pageSize`
pub(crate) async fn list(
    State(state): State<AppState>,
    Parameters(page): Parameters<Page>,
) -> ApiResult<Json<Reply<Vec<BackupSummary>>>> {
    let page = page.checked()?;
    let (data, total) = of_page(&state, &page).await?;
    let meta = [("page", page.page), ("pageSize", page.page_size), ("total", total)];
    let meta: BTreeMap<_, _> =
        meta.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    Ok(Json(Reply { success: true, data, meta }))
}

/// A page of the list, and how many tenants there are.
pub(crate) async fn of_page(state: &AppState, page: &Page) -> ApiResult<(Vec<BackupSummary>, u64)> {
    let (tenants, total) = state.store.tenants(page.page - 1, page.page_size, None).await?;
    let now = state.clock.now();
    Ok((tenants.iter().map(|tenant| summary(tenant, now)).collect(), total))
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
