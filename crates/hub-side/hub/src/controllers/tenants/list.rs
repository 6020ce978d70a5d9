//! The list of tenants, and one with all that is known.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{ListedTenants, NEEDS_YOU, Rating, Tenant, TenantQuery};
use letsbe_types::{
    api::Reply,
    ids::OrderId,
    tenants::{Connection, TenantDetail, TenantSummary, TokenUse},
};

use super::{health, tenant};
use crate::{
    AppState,
    backups::state::succeeded_at,
    controllers::{
        ApiResult, Id, Parameters,
        listing::{self, Listed, Listing},
    },
    tenants::standings::LIMITS,
};

/// Events in one answer.
const EVENTS: u64 = 50;
const HOURS: TimeDelta = TimeDelta::days(2);
const DAYS: TimeDelta = TimeDelta::days(31);

/// `GET /api/v1/admin/tenants?page&pageSize&q&domain&health&sort`
pub(crate) async fn list(
    State(state): State<AppState>,
    Parameters(listing): Parameters<Listing>,
) -> ApiResult<Json<Reply<Vec<TenantSummary>>>> {
    let listed = listing.checked(word(Rating::Health))?;
    let ListedTenants { tenants, total, counts } = page_of(&state, &listed, Rating::Health).await?;
    let now = state.clock.now();
    let data = tenants.iter().map(|tenant| summary(tenant, now)).collect();
    Ok(Json(Reply { success: true, data, meta: listing::meta(listed.page, total, &counts) }))
}

/// The words that tenants are chosen by.
pub(crate) fn word(rating: Rating) -> impl Fn(&str) -> Option<&'static str> {
    move |text| rating.words().iter().chain(&[NEEDS_YOU]).find(|word| **word == text).copied()
}

/// The page that is asked for.
pub(crate) async fn page_of(
    state: &AppState,
    listed: &Listed<&'static str>,
    rating: Rating,
) -> ApiResult<ListedTenants> {
    let query = TenantQuery {
        search: listed.search.clone(),
        rating,
        only: listed.only,
        sort: listed.sort,
        page: listed.page.page - 1,
        page_size: listed.page.page_size,
        limits: LIMITS,
    };
    Ok(state.store.list_tenants(&query, state.clock.now()).await?)
}

/// `GET /api/v1/admin/tenants/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<TenantDetail>>> {
    detail(&state, id).await.map(Reply::new).map(Json)
}

/// A tenant with its history.
pub(crate) async fn detail(state: &AppState, id: OrderId) -> ApiResult<TenantDetail> {
    let tenant = tenant(state, id).await?;
    let (store, now) = (&state.store, state.clock.now());
    let tokens = store.tokens(id, now - DAYS).await?;
    let recent = tokens.iter().filter(|used| used.start >= now - HOURS).cloned().collect();
    Ok(TenantDetail {
        summary: summary(&tenant, now),
        connection: Connection {
            server: tenant.order.state.server.clone(),
            address: tenant.order.state.address,
            host_key: tenant.order.host_key.clone(),
        },
        heartbeat: tenant.agent.last_heartbeat,
        configuration: tenant.configuration,
        commands: store.commands(id).await?,
        approvals: store.approvals(id).await?,
        tokens_by_hour: recent,
        tokens_by_day: by_day(tokens),
        relayed_by_day: store.relayed(id, now - DAYS).await?,
        hours: store.hours(id, now - HOURS).await?,
        days: store.days(id, now - DAYS).await?,
        events: store.tenant_events(id, EVENTS).await?,
        escrow: store.escrows(id).await?.into_iter().next().map(|keys| keys.entry),
    })
}

/// A tenant without its history.
pub(crate) fn summary(tenant: &Tenant, now: DateTime<Utc>) -> TenantSummary {
    let (health, complaints) = health::of_tenant(tenant, now);
    let troubles = complaints.into_iter().map(|complaint| complaint.text).collect();
    let order = &tenant.order.new;
    let heartbeat = tenant.agent.last_heartbeat.as_ref();
    let backup = heartbeat.and_then(|heartbeat| heartbeat.backup.as_ref());
    TenantSummary {
        id: order.id,
        domain: order.domain.clone(),
        tier: order.tier,
        health,
        troubles,
        heard_at: tenant.agent.last_heartbeat_at,
        node_version: heartbeat
            .map_or_else(|| tenant.agent.node_version.clone(), |heartbeat| heartbeat.node_version.clone()),
        containers: heartbeat.map_or(0, |heartbeat| heartbeat.containers.len()),
        containers_not_ok: heartbeat.map_or(0, letsbe_types::tenant::Heartbeat::containers_not_ok),
        disk_used_percent: heartbeat.map(|heartbeat| heartbeat.disk_used_percent),
        tokens_used: heartbeat.map_or(0, |heartbeat| heartbeat.tokens.used),
        token_pool: tenant.configuration.token_pool,
        backup_at: backup.map(|backup| backup.at),
        backup_succeeded_at: backup.and_then(succeeded_at),
        backup_failed_at: backup.filter(|backup| !backup.succeeded).map(|backup| backup.at),
        updates: heartbeat.map_or(0, |heartbeat| heartbeat.updates.len()),
        approvals_pending: tenant.approvals_pending,
    }
}

/// Hours of a day together; the newest day first, as the hours come.
fn by_day(hours: Vec<TokenUse>) -> Vec<TokenUse> {
    let mut days: BTreeMap<(DateTime<Utc>, String), TokenUse> = BTreeMap::new();
    for hour in hours {
        let start = hour.start.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
        days.entry((start, hour.model.clone()))
            .and_modify(|day| {
                day.input = day.input.saturating_add(hour.input);
                day.output = day.output.saturating_add(hour.output);
                day.requests = day.requests.saturating_add(hour.requests);
            })
            .or_insert(TokenUse { start, ..hour });
    }
    days.into_values().rev().collect()
}
