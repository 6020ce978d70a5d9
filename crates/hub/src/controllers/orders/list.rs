//! Orders as staff read them: the list, and one with its timeline.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use letsbe_store::Order;
use letsbe_types::{
    api::{OrderDetail, OrderSummary, Reply},
    ids::OrderId,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, Parameters, field},
};

/// Lines of a timeline in one answer.
pub(crate) const MOST_LINES: u64 = 1_000;
const LARGEST_PAGE: u64 = 200;
/// Deep enough for any list a person pages through; keeps the arithmetic of the database in bounds.
const LAST_PAGE: u64 = 1_000_000;

/// Which part of a list. Pages count from 1.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Page {
    pub(crate) page: u64,
    pub(crate) page_size: u64,
}

impl Default for Page {
    fn default() -> Self {
        Self { page: 1, page_size: 25 }
    }
}

impl Page {
    /// Refuses pages that cannot be.
    pub(crate) fn checked(self) -> ApiResult<Self> {
        let mut wrong = Vec::new();
        if !(1..=LAST_PAGE).contains(&self.page) {
            wrong.push(field("page", format!("choose a page from 1 to {LAST_PAGE}")));
        }
        if !(1..=LARGEST_PAGE).contains(&self.page_size) {
            wrong.push(field("pageSize", format!("choose from 1 to {LARGEST_PAGE}")));
        }
        if wrong.is_empty() { Ok(self) } else { Err(ApiError::fields(wrong)) }
    }
}

/// `GET /api/v1/admin/orders?page&pageSize`
pub(crate) async fn list(
    State(state): State<AppState>,
    Parameters(page): Parameters<Page>,
) -> ApiResult<Json<Reply<Vec<OrderSummary>>>> {
    let page = page.checked()?;
    let (orders, total) = state.store.orders(page.page - 1, page.page_size).await?;
    let meta = [("page", page.page), ("pageSize", page.page_size), ("total", total)];
    let meta: BTreeMap<_, _> =
        meta.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    Ok(Json(Reply { success: true, data: orders.iter().map(summary).collect(), meta }))
}

/// `GET /api/v1/admin/orders/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<OrderDetail>>> {
    let order = state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
    let timeline = state.store.timeline(id, 0, MOST_LINES).await?;
    Ok(Json(Reply::new(OrderDetail { summary: summary(&order), timeline })))
}

/// An order without its timeline.
pub(crate) fn summary(order: &Order) -> OrderSummary {
    let new = order.new.clone();
    OrderSummary {
        id: new.id,
        state: order.state.phase.as_str().to_owned(),
        domain: new.domain,
        email: new.email,
        tier: new.tier,
        region: new.region,
        tools: new.tools,
        server: order.state.server.clone(),
        created_at: order.created_at,
        updated_at: order.updated_at,
        problem: order.state.problem.clone(),
    }
}
