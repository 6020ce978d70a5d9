//! The list of tenants, and one with all that is known.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::Tenant;
use letsbe_types::{
    DomainName,
    api::Reply,
    ids::OrderId,
    tenants::{Connection, TenantDetail, TenantSummary, TokenUse},
};
use serde::Deserialize;
use serde_json::json;

use super::{health, tenant};
use crate::{
    AppState,
    controllers::{ApiResult, Id, Parameters, orders::list::Page},
};

/// Events in one answer.
const EVENTS: u64 = 50;
const HOURS: TimeDelta = TimeDelta::days(2);
const DAYS: TimeDelta = TimeDelta::days(31);

/// Which tenants.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Which {
    page: u64,
    page_size: u64,
    domain: Option<DomainName>,
}

impl Default for Which {
    fn default() -> Self {
        let Page { page, page_size } = Page::default();
        Self { page, page_size, domain: None }
    }
}

/// `GET /api/v1/admin/tenants?page&pageSize&domain`
pub(crate) async fn list(
    State(state): State<AppState>,
    Parameters(which): Parameters<Which>,
) -> ApiResult<Json<Reply<Vec<TenantSummary>>>> {
    let page = Page { page: which.page, page_size: which.page_size }.checked()?;
    let domain = which.domain.as_ref().map(DomainName::as_str);
    let (tenants, total) = state.store.tenants(page.page - 1, page.page_size, domain).await?;
    let now = state.clock.now();
    let data = tenants.iter().map(|tenant| summary(tenant, now)).collect();
    let meta = [("page", page.page), ("pageSize", page.page_size), ("total", total)];
    let meta: BTreeMap<_, _> =
        meta.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    Ok(Json(Reply { success: true, data, meta }))
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
    let (health, troubles) = health::of(
        &tenant.agent,
        &tenant.alarms,
        &tenant.metered,
        tenant.configuration.openclaw_version.as_deref(),
        now,
    );
    let order = &tenant.order.new;
    let heartbeat = tenant.agent.last_heartbeat.as_ref();
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
        backup_at: heartbeat.and_then(|heartbeat| heartbeat.backup.as_ref()).map(|backup| backup.at),
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
