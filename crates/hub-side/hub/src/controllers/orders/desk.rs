//! `POST /api/v1/admin/orders/{id}/actions`: the operator's desk.

use std::collections::BTreeSet;

use axum::{Extension, Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, Pace, Phase, transition};
use letsbe_store::{NewEntry, Order, StoreError};
use letsbe_types::{
    Code, HostKeyPin, Problem,
    api::{DeskAction, DeskPlan, FieldError, OrderSummary, Reply},
    ids::{OrderId, ServerId},
};

use super::list::summary;
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, Input, field},
    convergence,
    security::sessions::Operator,
    worker::CONVERGENCES_AT_ONCE,
};

const LONGEST_TEXT: usize = 500;

/// `POST /api/v1/admin/orders/{id}/actions`
pub(crate) async fn act(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Input(action): Input<DeskAction>,
) -> ApiResult<Json<Reply<OrderSummary>>> {
    carry_out(&state, &operator, id, action).await?;
    let order = state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(Reply::new(summary(&order))))
}

/// Checks the action and applies it, with the operator's name in the timeline.
pub(crate) async fn carry_out(
    state: &AppState,
    operator: &Operator,
    id: OrderId,
    action: DeskAction,
) -> ApiResult<()> {
    let (event, chosen) = event(action).map_err(|wrong| ApiError::fields(vec![wrong]))?;
    apply(state, operator, id, &event, chosen).await
}

/// Applies an event that an operator chose, with his name in the timeline.
pub(crate) async fn apply(
    state: &AppState,
    operator: &Operator,
    id: OrderId,
    event: &Event,
    chosen: &str,
) -> ApiResult<()> {
    let entry = NewEntry::new("operator", "ok", format!("{} chose: {chosen}", operator.email));
    let now = state.clock.now();
    let applied = match event {
        Event::OperatorConverge => {
            state.store.converge(id, &entry, CONVERGENCES_AT_ONCE, &state.pace, now).await
        }
        _ => state.store.apply(id, event, Some(entry), &state.pace, now).await,
    };
    match applied {
        Err(StoreError::Illegal(illegal)) => {
            let order = state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
            let why = convergence_problem(&order, event);
            let refused = |why| ApiError::problem(StatusCode::CONFLICT, &why);
            return Err(why.map_or_else(|| StoreError::Illegal(illegal).into(), refused));
        }
        applied => applied?,
    };
    tracing::info!(order = %id, operator = operator.email, action = chosen, "desk action");
    Ok(())
}

/// `POST /api/v1/admin/orders/{id}/actions/plan`
pub(crate) async fn plan(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
    Input(action): Input<DeskAction>,
) -> ApiResult<Json<Reply<DeskPlan>>> {
    let order = state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
    let (event, _) = event(action).map_err(|wrong| ApiError::fields(vec![wrong]))?;
    let taken = state.store.taken_servers().await?;
    let plan = planned(&order, &event, &taken, &state.pace, state.clock.now());
    Ok(Json(Reply::new(plan)))
}

/// What the machine would make of an event, and what stands in its way.
pub(crate) fn planned(
    order: &Order,
    event: &Event,
    taken: &BTreeSet<ServerId>,
    pace: &Pace,
    now: DateTime<Utc>,
) -> DeskPlan {
    let stopped = |problem| DeskPlan { consequences: Vec::new(), problem: Some(problem) };
    let (id, before) = (order.new.id, order.state.phase);
    let Ok(next) = transition(&order.state, event, now, pace) else {
        return stopped(convergence_problem(order, event).unwrap_or_else(|| {
            let message = format!("This makes no sense for an order that is {before}");
            let hint = format!("What it waits for: letsbe orders show {id}");
            Problem::permanent(Code::API409, message, hint)
        }));
    };
    if let Event::OperatorAssign { server, .. } = event
        && taken.contains(server)
    {
        let hint = "Assign one that is free. A server that was given up and wiped is freed on the Hub's machine: \
                    letsbe-hub return-server";
        return stopped(Problem::permanent(
            Code::HUB058,
            format!("Server {server} belongs to another order"),
            hint,
        ));
    }
    let mut consequences = vec![match next.state.phase {
        after if after == before => format!("The order stays {before}."),
        after => format!("The order goes from {before} to {after}."),
    }];
    let begun: Vec<&str> = next.effects.iter().map(|effect| effect.kind.as_str()).collect();
    if !begun.is_empty() {
        consequences.push(format!("At once: {}.", begun.join(", ").replace('_', " ")));
    }
    if matches!(event, Event::OperatorAssign { host_key: None, .. }) {
        consequences.push(format!(
            "No --host-key is given: before the first log-in the order stops (SSH012) and names the key that the server \
             shows; letsbe orders confirm-host-key {id} goes on."
        ));
    }
    if next.state.phase == Phase::Stopped && next.state.server.is_some() {
        consequences.push("The server stays taken until somebody has wiped and returned it.".to_owned());
    }
    DeskPlan { consequences, problem: None }
}

fn convergence_problem(order: &Order, event: &Event) -> Option<Problem> {
    (*event == Event::OperatorConverge)
        .then(|| convergence::stopped_by(order).unwrap_or_else(|| convergence::under_way(order)))
}

fn event(action: DeskAction) -> Result<(Event, &'static str), FieldError> {
    Ok(match action {
        DeskAction::Retry => (Event::OperatorRetry, "try again now"),
        DeskAction::Skip { reason } => {
            (Event::OperatorSkip { reason: line("reason", &reason)? }, "go on all the same")
        }
        DeskAction::Abandon { reason } => {
            (Event::OperatorAbandon { reason: line("reason", &reason)? }, "give the order up")
        }
        DeskAction::AssignServer { mut server, address, host_key } => {
            server.0 = line("server", &server.0)?;
            let host_key = host_key.as_deref().map(self::host_key).transpose()?;
            (Event::OperatorAssign { server, address, host_key }, "assign a server")
        }
        DeskAction::ConfirmHostKey { host_key } => (
            Event::OperatorConfirmHostKey { host_key: self::host_key(&host_key)? },
            "go on with the host key that was compared",
        ),
        DeskAction::Converge => (Event::OperatorConverge, "run the ten steps again on the live server"),
    })
}

/// As it is stored: the key, or its fingerprint.
fn host_key(text: &str) -> Result<String, FieldError> {
    let pin = text.parse::<HostKeyPin>().map_err(|error| field("host_key", format!("it {error}")))?;
    Ok(pin.to_string())
}

/// One line of text that says something.
pub(crate) fn line(name: &str, text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_TEXT || text.chars().any(char::is_control) {
        return Err(field(name, format!("write one line of 1 to {LONGEST_TEXT} characters")));
    }
    Ok(text.to_owned())
}
