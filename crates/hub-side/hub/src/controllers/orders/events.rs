//! `GET /api/v1/admin/orders/{id}/events`: the timeline as it grows, as server-sent events.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::Stream;
use letsbe_store::Store;
use letsbe_types::{api::TimelineEntry, clock::Clock, ids::OrderId};
use serde::Deserialize;
use tokio::{sync::watch, time::Instant};

use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, Parameters},
    security::sessions::Operator,
};

/// What other processes write is found by looking.
const POLL: Duration = Duration::from_secs(3);
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A browser comes back by itself after this, and is asked again who it is.
const LONGEST: Duration = Duration::from_secs(30 * 60);
const BATCH: u64 = 200;

/// Where to begin; a browser that comes back says it in `Last-Event-ID`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct From {
    after: i64,
}

/// `GET /api/v1/admin/orders/{id}/events`
pub(crate) async fn stream(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Parameters(from): Parameters<From>,
    headers: HeaderMap,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    follow(state, operator, id, (from, headers), |entry, event| event.json_data(&entry).ok()).await
}

/// The timeline as it grows; how an entry is published is the caller's matter.
pub(crate) async fn follow(
    state: AppState,
    operator: Operator,
    id: OrderId,
    (from, headers): (From, HeaderMap),
    publish: impl Fn(TimelineEntry, Event) -> Option<Event> + Copy + Send + 'static,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let follower = Follower {
        changes: state.store.changes(),
        store: state.store.clone(),
        clock: state.clock.clone(),
        session_hash: operator.session_hash,
        order: id,
        after: seen.unwrap_or(from.after),
        waiting: VecDeque::new(),
        until: Instant::now() + LONGEST,
    };
    let lines = futures::stream::unfold(follower, move |mut follower| async move {
        let entry = follower.next().await?;
        let event = Event::default().id(entry.sequence.to_string());
        Some((Ok(publish(entry, event)?), follower))
    });
    Ok(Sse::new(lines).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("still here")))
}

struct Follower {
    store: Store,
    clock: Arc<dyn Clock>,
    session_hash: String,
    changes: watch::Receiver<u64>,
    order: OrderId,
    after: i64,
    waiting: VecDeque<TimelineEntry>,
    until: Instant,
}

impl Follower {
    /// The next line; `None` when the stream has lasted long enough or the database fails.
    async fn next(&mut self) -> Option<TimelineEntry> {
        loop {
            if let Some(entry) = self.waiting.pop_front() {
                self.after = entry.sequence;
                return Some(entry);
            }
            if Instant::now() >= self.until {
                return None;
            }
            // Marked as seen before the look, so that no change falls between the two.
            self.changes.mark_unchanged();
            // Whoever logged out, or whose session ended, hears no more.
            if !matches!(self.store.session(&self.session_hash, self.clock.now()).await, Ok(Some(_))) {
                return None;
            }
            match self.store.timeline(self.order, self.after, BATCH).await {
                Ok(entries) => self.waiting.extend(entries),
                Err(error) => {
                    tracing::warn!(%error, "a live timeline ended early");
                    return None;
                }
            }
            if self.waiting.is_empty() {
                // Either a change or the end of the pause is a reason to look.
                let _ = tokio::time::timeout(POLL, self.changes.changed()).await;
            }
        }
    }
}
