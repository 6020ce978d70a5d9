//! `GET /waiting`: all that waits for a person, worst first, searched and counted, a page at a time.

mod items;

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_store::Sort;
use letsbe_types::Language;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    around, error_page,
    forms::form,
    lists::{Head, Kind},
    page,
    view::Moment,
    words::WaitingWords,
};
use crate::{
    AppState,
    controllers::{
        ApiError, ApiResult, Id, Parameters,
        listing::{Listed, Listing},
    },
    security::sessions::Operator,
};

pub(crate) use items::{Item, items};

/// How much it presses.
const KINDS: [Kind; 3] = [
    ("failed", ["now", "jetzt"], "failed"),
    ("warning", ["soon", "bald"], "warning"),
    ("waiting", ["to be answered", "zu beantworten"], "waiting"),
];

#[derive(Template)]
#[template(path = "waiting.html")]
struct WaitingPage<'a> {
    operator: Option<String>,
    words: &'static WaitingWords,
    items: Vec<&'a Item>,
    head: Head,
    as_of: Moment,
}

/// `GET /waiting`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    asked: Result<Parameters<Listing>, ApiError>,
) -> Response {
    let known = |word: &str| KINDS.iter().map(|kind| kind.0).find(|kind| *kind == word);
    let language = around::here().language();
    let found = async {
        let listed = asked?.0.checked(known)?;
        let all = match around::here().waiting() {
            Some(all) => all,
            None => Arc::new(items(&state, language).await?),
        };
        Ok((listed, all))
    };
    match found.await {
        Ok((listed, all)) => {
            let (items, head) = part(&all, &listed, language);
            let (operator, as_of) = (Some(operator.email), Moment::of(state.clock.now(), language));
            let words = WaitingWords::of(language);
            page(StatusCode::OK, &WaitingPage { operator, words, items, head, as_of })
        }
        Err(error) => error_page(error, Some(operator.email), "/waiting"),
    }
}

/// The part that was asked for, with what stands above and below it.
fn part<'a>(all: &'a [Item], listed: &Listed<&'static str>, language: Language) -> (Vec<&'a Item>, Head) {
    let mut found: Vec<&Item> = all.iter().filter(|item| is_found(item, listed)).collect();
    let mut counts: BTreeMap<&'static str, u64> = KINDS.iter().map(|kind| (kind.0, 0)).collect();
    for item in &found {
        *counts.entry(item.level).or_default() += 1;
    }
    let everything = found.len() as u64;
    found.retain(|item| listed.only.is_none_or(|only| only == item.level));
    match listed.sort {
        Sort::Worst => {}
        Sort::Newest => found.sort_by_key(|item| std::cmp::Reverse(item.since)),
        Sort::Domain => found.sort_by(|one, other| one.about.cmp(&other.about)),
    }
    let head =
        Head::of(("/waiting", "state"), listed, (found.len() as u64, everything), &counts, &KINDS, language);
    let size = usize::try_from(listed.page.page_size).unwrap_or(usize::MAX);
    let before = usize::try_from(listed.page.page - 1).unwrap_or(usize::MAX).saturating_mul(size);
    (found.into_iter().skip(before).take(size).collect(), head)
}

fn is_found(item: &Item, listed: &Listed<&'static str>) -> bool {
    let is_of = listed.search.domain.as_ref().is_none_or(|domain| domain.as_str() == item.about);
    let text = listed.text.to_lowercase();
    let texts = [&item.about, &item.title, &item.text.text, &item.hint.text];
    is_of && texts.into_iter().chain(&item.code).any(|part| part.to_lowercase().contains(&text))
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
