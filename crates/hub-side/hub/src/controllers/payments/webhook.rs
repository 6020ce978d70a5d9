//! `POST /api/v1/webhooks/stripe`: nothing is looked at, or stored, before the signature fits.

use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
    http::HeaderMap,
};
use letsbe_lifecycle::order::Event;
use letsbe_store::{PaymentNews, PaymentOutcome, StripeNews, Sum};
use letsbe_types::{Code, Problem, api::Reply, ids::OrderId};
use serde::Serialize;

use super::{
    meaning::{Meaning, Paid, Step, StripeEvent},
    terms,
};
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
    let ignored = |why| {
        tracing::info!(event = event.id, kind = event.kind, why, "a Stripe event was ignored");
        Ok(answer("ignored", Some(why)))
    };
    let meaning = event.meaning(state.clock.now());
    let is_other_mode = event.livemode.is_some_and(|live| live != state.payments.live);
    // A checkout in the other mode waits for a person; all else about such money is about nothing of ours.
    if is_other_mode && !matches!(meaning, Meaning::Checkout(..)) {
        return ignored("money of Stripe's other mode");
    }
    let (order, news) = match meaning {
        Meaning::Checkout(order, step) => match checkout(&state, order, step).await? {
            Some(news) => (Some(order), news),
            None => return ignored("no order of ours"),
        },
        Meaning::Moved(movement, order) => (order, PaymentNews::Moved(movement)),
        Meaning::Concerning(kind, detail) => (None, PaymentNews::Concerning { kind, detail }),
        Meaning::Related => (None, PaymentNews::Related),
        Meaning::Ignored(why) => return ignored(why),
    };
    let references = event.references();
    let told = StripeNews { id: event.id, kind: event.kind, order, references, news };
    taken(&state, &told).await
}

async fn taken(state: &AppState, told: &StripeNews) -> ApiResult<Json<Reply<Taken>>> {
    let now = state.clock.now();
    let outcome = state.store.take_payment_event(told, &state.pace, now).await?;
    tracing::info!(event = told.id, kind = told.kind, ?outcome, "a Stripe event was taken");
    Ok(match outcome {
        PaymentOutcome::Applied => answer("applied", None),
        PaymentOutcome::Duplicate => answer("duplicate", None),
        PaymentOutcome::Outdated => answer("ignored", Some("the order has moved on")),
        PaymentOutcome::UnknownOrder => answer("ignored", Some("no order of ours")),
    })
}

/// What a checkout means for its order: what was paid is compared with what was ordered.
async fn checkout(state: &AppState, id: OrderId, step: Step) -> ApiResult<Option<PaymentNews>> {
    let Some(order) = state.store.order(id).await? else {
        if matches!(step, Step::Paid(_)) {
            let message = format!("A payment names the order {id}, which is not here (any more)");
            let problem =
                Problem::permanent(Code::HUB022, message, "Find it at Stripe by this id and pay it back.");
            tracing::error!(%problem, hint = problem.hint);
        }
        return Ok(None);
    };
    let nothing = Sum { amount: 0, currency: String::new() };
    let (event, amount) = match step {
        Step::Opened => (Event::PaymentOpened, None),
        Step::Failed => (Event::PaymentFailed, None),
        Step::Free(Paid { total: None | Some(0), livemode, .. })
            if state.payments.free && livemode == state.payments.live =>
        {
            (Event::PaymentReceived, Some(nothing))
        }
        Step::Free(_) => {
            let why = "nothing had to be paid, and this Hub gives nothing away".to_owned();
            (Event::PaymentDiffers { why }, Some(nothing))
        }
        Step::Paid(paid) => {
            let spec = state.catalog.tier(order.new.tier);
            let amount = paid.charged();
            match terms::differs(&paid, order.new.tier, spec, state.payments) {
                None => (Event::PaymentReceived, amount),
                Some(why) => (Event::PaymentDiffers { why }, amount),
            }
        }
    };
    if let Event::PaymentDiffers { why } = &event {
        tracing::warn!(order = %id, why, "what was paid is not what was ordered");
    }
    Ok(Some(PaymentNews::Checkout { event, amount }))
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
