//! `GET /api/v1/public/orders/{id}`: how far an order is, for whoever holds its id; nothing else about it.

use axum::{Json, extract::State};
use letsbe_lifecycle::order::{Phase, State as OrderState};
use letsbe_types::{api::Reply, ids::OrderId};
use serde::Serialize;

use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id},
};

/// How far an order is.
#[derive(Debug, Serialize)]
pub(crate) struct Progress {
    phase: Phase,
    percent: u8,
}

/// `GET /api/v1/public/orders/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<Progress>>> {
    let order = state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(Reply::new(Progress { phase: order.state.phase, percent: percent(&order.state) })))
}

/// How much of the way is done, by phase; while an order waits for a retry, what it had reached.
pub(crate) fn percent(state: &OrderState) -> u8 {
    match state.resume.filter(|_| state.phase == Phase::Failed).unwrap_or(state.phase) {
        Phase::AwaitingPayment | Phase::Expired | Phase::Failed | Phase::Stopped => 0,
        Phase::ServerReady | Phase::DnsPending if state.recovery.is_some() => 90,
        Phase::PaymentConfirmed | Phase::ServerLost => 10,
        Phase::AwaitingServer => 25,
        Phase::ServerReady | Phase::ReplacementReady => 40,
        Phase::DnsPending => 45,
        Phase::DnsReady => 55,
        Phase::Provisioning => 65,
        Phase::Fulfilled | Phase::RecoveryCancelled => 100,
    }
}
