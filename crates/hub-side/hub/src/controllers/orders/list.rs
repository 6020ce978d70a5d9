//! Orders as staff read them: the list, and one with its timeline.

use axum::{Json, extract::State};
use letsbe_lifecycle::order::{Attention, Phase};
use letsbe_store::{ListedOrders, Order, OrderFilter, OrderQuery};
use letsbe_types::{
    api::{OrderDetail, OrderSummary, Reply},
    ids::OrderId,
};
use serde::Deserialize;

use crate::{
    AppState,
    controllers::{
        ApiError, ApiResult, Id, Parameters, field,
        listing::{self, Listed, Listing},
    },
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

/// `GET /api/v1/admin/orders?page&pageSize&q&domain&state&sort`
pub(crate) async fn list(
    State(state): State<AppState>,
    Parameters(listing): Parameters<Listing>,
) -> ApiResult<Json<Reply<Vec<OrderSummary>>>> {
    let listed = listing.checked(filter)?;
    let ListedOrders { orders, total, counts } = page_of(&state, &listed).await?;
    let meta = listing::meta(listed.page, total, &counts);
    Ok(Json(Reply { success: true, data: orders.iter().map(summary).collect(), meta }))
}

/// Which orders a word means: who they wait for, or their phase.
pub(crate) fn filter(word: &str) -> Option<OrderFilter> {
    let attention = Attention::ALL.into_iter().find(|attention| attention.as_str() == word);
    let phase = || Phase::ALL.into_iter().find(|phase| phase.as_str().eq_ignore_ascii_case(word));
    attention.map(OrderFilter::Attention).or_else(|| phase().map(OrderFilter::Phase))
}

/// The page that is asked for.
pub(crate) async fn page_of(state: &AppState, listed: &Listed<OrderFilter>) -> ApiResult<ListedOrders> {
    let query = OrderQuery {
        search: listed.search.clone(),
        only: listed.only,
        sort: listed.sort,
        page: listed.page.page - 1,
        page_size: listed.page.page_size,
    };
    Ok(state.store.list_orders(&query).await?)
}

/// Which part of a timeline.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct After {
    /// Only lines after this one.
    after: i64,
}

/// `GET /api/v1/admin/orders/{id}?after`
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
    Parameters(After { after }): Parameters<After>,
) -> ApiResult<Json<Reply<OrderDetail>>> {
    let order = state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
    let timeline = state.store.timeline(id, after, MOST_LINES).await?;
    let convergence = order.state.convergence.clone();
    Ok(Json(Reply::new(OrderDetail { summary: summary(&order), timeline, convergence })))
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
        attention: order.state.attention().as_str().to_owned(),
    }
}
