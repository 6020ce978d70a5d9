//! `GET /progress/{id}`: the customer sees, in plain words and in the customer's language, how far the order is.

mod words;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use letsbe_lifecycle::order::Phase;
use letsbe_store::Order;
use letsbe_types::{Language, ids::OrderId};

use self::words::Words;
use super::{
    language, page, stranger_page,
    view::{self, Moment, Stage, mark},
};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, orders::progress::percent},
    dns_entries::{self, Entries, Now},
};

#[derive(Template)]
#[template(path = "progress.html")]
struct ProgressPage {
    operator: Option<String>,
    language: Language,
    words: &'static Words,
    domain: String,
    order: OrderId,
    heading: &'static str,
    text: &'static str,
    percent: u8,
    stages: Vec<Stage>,
    /// What to set where; only while the customer's DNS is waited for.
    entries: Option<Entries>,
    updated: Moment,
    ended: bool,
}

impl ProgressPage {
    /// The level, the mark and the words of what is there.
    fn shown(&self, now: &Now) -> (&'static str, &'static str, String) {
        match now {
            Now::Right => ("ok", mark("ok"), self.words.right.to_owned()),
            Now::Nothing => ("waiting", mark("waiting"), self.words.nothing.to_owned()),
            Now::Unknown => ("waiting", mark("waiting"), self.words.unknown.to_owned()),
            Now::Wrong(what) => ("warning", mark("warning"), words::instead(self.language, what)),
        }
    }

    fn unread(&self) -> String {
        words::unread(self.language, &self.domain)
    }
}

/// `GET /progress/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    id: ApiResult<Id<OrderId>>,
    headers: HeaderMap,
) -> Response {
    match order(&state, id).await {
        Ok(order) => page(StatusCode::OK, &progress_page(&state, order)),
        Err(error) => stranger_page(error, language::asked(&headers), ""),
    }
}

async fn order(state: &AppState, id: ApiResult<Id<OrderId>>) -> ApiResult<Order> {
    state.store.order(id?.0).await?.ok_or_else(ApiError::not_found)
}

fn progress_page(state: &AppState, order: Order) -> ProgressPage {
    let language = order.language;
    let words = Words::of(language);
    let (heading, text) = words::state(language, &order.state);
    ProgressPage {
        operator: None,
        language,
        words,
        domain: order.new.domain.to_string(),
        order: order.new.id,
        heading,
        text,
        percent: percent(&order.state),
        stages: view::stages(&order.state, words.way(order.state.recovery.is_some())),
        entries: dns_entries::of_order(&state.catalog, &order),
        updated: Moment::of(order.updated_at, language),
        ended: matches!(order.state.phase, Phase::Fulfilled | Phase::Stopped),
    }
}
