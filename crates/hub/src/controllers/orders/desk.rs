//! `POST /api/v1/admin/orders/{id}/actions`: the operator's desk.

use axum::{Extension, Json, extract::State};
use letsbe_lifecycle::order::Event;
use letsbe_store::NewEntry;
use letsbe_types::{
    HostKeyPin,
    api::{DeskAction, FieldError, OrderSummary, Reply},
    ids::OrderId,
};

use super::list::summary;
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, Input, field},
    security::sessions::Operator,
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
    let entry = NewEntry::new("operator", "ok", format!("{} chose: {chosen}", operator.email));
    let now = state.clock.now();
    state.store.apply(id, &event, Some(entry), &state.pace, now).await?;
    tracing::info!(order = %id, operator = operator.email, action = chosen, "desk action");
    Ok(())
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
