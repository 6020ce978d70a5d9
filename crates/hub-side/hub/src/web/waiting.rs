//! `GET /waiting`: all that waits for a person is read here; `letsbe-pages` puts it into words.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use chrono::{DateTime, Utc};
use letsbe_pages::{
    around::here,
    waiting::{self, Item, ItemWriter, worst_first},
};
use letsbe_store::{ListedTenants, NEEDS_YOU, Rating, Search, Sort, Store, TenantQuery};
use letsbe_types::{
    Language,
    backups::{Drill, DrillKind},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{error_page, forms::form, page};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, Parameters, backups::hub, listing::Listing, tenants::health},
    recovery::view,
    security::sessions::Operator,
    tenants::standings::LIMITS,
};

/// Orders, and recoveries, that are told of one by one.
const MOST: u64 = 500;
/// Tenants that are looked at, in pieces.
const TENANTS_AT_ONCE: u64 = 200;
const MOST_PIECES: u64 = 25;
/// Drills that are told of one by one.
const MOST_DRILLS: usize = 50;

/// `GET /waiting`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    asked: Result<Parameters<Listing>, ApiError>,
) -> Response {
    let found = async {
        let listed = asked?.0.checked(waiting::kind)?;
        let all = match here().waiting() {
            Some(all) => all,
            None => Arc::new(items(&state, here().language()).await?),
        };
        Ok((listed.query(), all))
    };
    match found.await {
        Ok((query, all)) => {
            page(StatusCode::OK, waiting::waiting(operator.email, &all, query, state.clock.now()))
        }
        Err(error) => error_page(error, Some(operator.email), "/waiting"),
    }
}

/// All that waits, for this reader, the worst first.
pub(crate) async fn items(state: &AppState, language: Language) -> ApiResult<Vec<Item>> {
    let (store, now) = (&state.store, state.clock.now());
    let reader = Reader { store, now, writer: ItemWriter::new(language, now) };
    let writer = reader.writer;
    let (orders, all) = store.orders_that_need_a_person(MOST).await?;
    let mut items = writer.orders(&orders, all);
    items.extend(writer.tasks(&store.tasks().await?, store.open_tasks().await?));
    items.extend(writer.messages(&store.unsent_messages(now).await?));
    reader.recoveries(&mut items).await?;
    for only in [NEEDS_YOU, "never"] {
        reader.tenants(only, &mut items).await?;
    }
    reader.drills(&mut items).await?;
    items.extend(writer.own(&hub::of(state).await));
    items.extend(state.background.last_round().and_then(|round| writer.stalled(round.at, round.stalled)));
    worst_first(&mut items);
    Ok(items)
}

/// Reads what waits.
struct Reader<'a> {
    store: &'a Store,
    now: DateTime<Utc>,
    writer: ItemWriter,
}

impl Reader<'_> {
    /// Of the tenants that the lists have under this word: the database finds them, so that nobody else's heartbeat is
    /// read.
    async fn tenants(&self, only: &'static str, items: &mut Vec<Item>) -> ApiResult<()> {
        for page in 0..MOST_PIECES {
            let (search, sort, page_size) = (Search::default(), Sort::Worst, TENANTS_AT_ONCE);
            let rating = Rating::Health;
            let query =
                TenantQuery { search, rating, only: Some(only), sort, page, page_size, limits: LIMITS };
            let ListedTenants { tenants, total, .. } = self.store.list_tenants(&query, self.now).await?;
            // Who was never heard and asks is under both words.
            let told = || tenants.iter().filter(|one| only == NEEDS_YOU || one.approvals_pending == 0);
            let asking = told().filter(|one| one.approvals_pending > 0).map(|one| one.order.new.id);
            let mut pending = self.store.pending_approvals(&asking.collect::<Vec<_>>()).await?;
            for one in told() {
                let (health, complaints) = health::of_tenant(one, self.now);
                let pending = pending.remove(&one.order.new.id).unwrap_or_default();
                items.extend(self.writer.tenant(one, (health, &complaints), &pending));
            }
            if (page + 1) * TENANTS_AT_ONCE >= total {
                break;
            }
        }
        Ok(())
    }

    /// Lost servers.
    async fn recoveries(&self, items: &mut Vec<Item>) -> ApiResult<()> {
        let (open, all) = self.store.open_recoveries(MOST).await?;
        let more = all.saturating_sub(open.len() as u64);
        let orders = self.store.orders_of(&open.iter().map(|one| one.order).collect::<Vec<_>>()).await?;
        let entries = open.into_iter().filter_map(|one| {
            let order = orders.get(&one.order)?;
            Some(view::entry(one, order, self.now))
        });
        items.extend(self.writer.recoveries(&entries.collect::<Vec<_>>(), more));
        Ok(())
    }

    /// Drills that a person does and that are due: one in a quarter, beside those that were asked for.
    async fn drills(&self, items: &mut Vec<Item>) -> ApiResult<()> {
        let open = self.store.open_drills().await?.into_iter().map(|(drill, _)| drill);
        let due = open.filter(|drill| drill.kind == DrillKind::Quarterly && drill.due_at <= self.now);
        let mut due: Vec<Drill> = due.collect();
        let more = due.len().saturating_sub(MOST_DRILLS) as u64;
        due.truncate(MOST_DRILLS);
        let orders = self.store.orders_of(&due.iter().map(|drill| drill.tenant).collect::<Vec<_>>()).await?;
        let of_orders = due.into_iter().filter_map(|drill| {
            let order = orders.get(&drill.tenant)?.clone();
            Some((drill, order))
        });
        items.extend(self.writer.drills(&of_orders.collect::<Vec<_>>(), more));
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// `POST /waiting/tasks/{id}`
pub(crate) async fn done(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    id: ApiResult<Id<Uuid>>,
    request: Request,
) -> Response {
    let done = async {
        let id = id?.0;
        form::<Nothing>(request).await?;
        match state.store.close_task(id, &operator.email, state.clock.now()).await? {
            true => Ok(id),
            false => Err(ApiError::not_found()),
        }
    };
    match done.await {
        Ok(id) => {
            tracing::info!(task = %id, operator = operator.email, "a task was done");
            Redirect::to("/waiting").into_response()
        }
        Err(error) => error_page(error, Some(operator.email), "/waiting"),
    }
}
