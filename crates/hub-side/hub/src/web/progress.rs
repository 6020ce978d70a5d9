//! `GET /progress/{id}`: the customer sees how far the order is.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use letsbe_pages::{dns_entries, progress::progress};
use letsbe_store::Order;
use letsbe_types::ids::OrderId;

use super::{language, page, stranger_page};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, orders::progress::percent},
};

/// `GET /progress/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    id: ApiResult<Id<OrderId>>,
    headers: HeaderMap,
) -> Response {
    match order(&state, id).await {
        Ok(order) => {
            let entries = dns_entries::of_order(&state.catalog, &order);
            page(StatusCode::OK, progress(&order, percent(&order.state), entries))
        }
        Err(error) => stranger_page(error, language::asked(&headers), ""),
    }
}

async fn order(state: &AppState, id: ApiResult<Id<OrderId>>) -> ApiResult<Order> {
    state.store.order(id?.0).await?.ok_or_else(ApiError::not_found)
}
