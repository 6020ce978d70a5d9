//! `POST /api/v1/webhooks/stripe`: nothing is looked at, or stored, before the signature fits.

use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
    http::HeaderMap,
};
use letsbe_lifecycle::order::Event;
use letsbe_store::{NewEntry, PaymentOutcome};
use letsbe_types::api::Reply;
use serde::Serialize;

use super::meaning::{Meaning, StripeEvent};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, extract},
    security::signature,
};

/// What became of an event; Stripe reads only the status, people read this in its dashboard.
#[derive(Debug, Serialize)]
pub(crate) struct Taken {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

/// `POST /api/v1/webhooks/stripe`
pub(crate) async fn take(State(state): State<AppState>, request: Request) -> ApiResult<Json<Reply<Taken>>> {
    let headers = request.headers().clone();
    let body = extract::bytes(request, &state).await?;
    check(&state, &headers, &body)?;
    let event: StripeEvent = extract::parse(&body)?;
    if event.id.is_empty() || event.id.len() > 255 || event.kind.len() > 255 {
        return Err(ApiError::bad_request("The event has no usable id."));
    }
    let (order, meant) = match event.meaning() {
        Meaning::Order(order, meant) => (order, meant),
        Meaning::Ignored(why) => {
            tracing::info!(event = event.id, kind = event.kind, why, "a Stripe event was ignored");
            return Ok(answer("ignored", Some(why)));
        }
    };
    let now = state.clock.now();
    let outcome =
        state.store.take_payment_event(&event.id, &event.kind, order, &meant, &state.pace, now).await?;
    if outcome == PaymentOutcome::Outdated && meant == Event::PaymentReceived {
        let message = "A payment arrived after the order had ended: see whether it must be paid back";
        let once_key = Some(format!("late-payment:{}", event.id));
        let entry = NewEntry { once_key, ..NewEntry::new("effect", "warning", message) };
        state.store.note(order, &entry, now).await?;
    }
    tracing::info!(event = event.id, kind = event.kind, %order, ?outcome, "a Stripe event was taken");
    Ok(match outcome {
        PaymentOutcome::Applied => answer("applied", None),
        PaymentOutcome::Duplicate => answer("duplicate", None),
        PaymentOutcome::Outdated => answer("ignored", Some("the order has moved on")),
        PaymentOutcome::UnknownOrder => answer("ignored", Some("no order of ours")),
    })
}

fn check(state: &AppState, headers: &HeaderMap, body: &Bytes) -> ApiResult<()> {
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    signature::verify(header, body, &state.stripe_secret, state.clock.now()).map_err(|error| {
        tracing::warn!(%error, "a Stripe webhook was refused");
        ApiError::bad_request(format!("{error}."))
    })
}

fn answer(result: &'static str, why: Option<&'static str>) -> Json<Reply<Taken>> {
    Json(Reply::new(Taken { result, why }))
}
