//! `GET /orders/{id}/events`: lines of an order's page as they come, worded and marked up as the page itself has them.

use std::convert::Infallible;

use axum::{
    Extension,
    extract::State,
    http::HeaderMap,
    response::sse::{Event, Sse},
};
use futures::Stream;
use letsbe_pages::live::line;
use letsbe_types::{Language, api::TimelineEntry, ids::OrderId};
use serde::Serialize;

use super::language;
use crate::{
    AppState,
    controllers::{
        ApiResult, Id, Parameters,
        orders::events::{From, follow},
    },
    security::sessions::Operator,
};

/// What the page's script gets of a line.
#[derive(Serialize)]
struct LiveLine {
    sequence: i64,
    kind: String,
    /// The line as the page has it.
    html: String,
}

/// `GET /orders/{id}/events`
pub(crate) async fn stream(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Parameters(from): Parameters<From>,
    headers: HeaderMap,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let language = language::asked(&headers);
    follow(state, operator, id, (from, headers), move |entry, event| rendered(entry, event, language)).await
}

/// Within JSON, since a line of such an event must not have any end of line.
fn rendered(entry: TimelineEntry, event: Event, language: Language) -> Option<Event> {
    let (sequence, kind) = (entry.sequence, entry.kind.clone());
    let html = line(entry, language).ok()?;
    event.json_data(LiveLine { sequence, kind, html }).ok()
}
