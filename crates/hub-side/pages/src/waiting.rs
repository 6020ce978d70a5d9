//! All that waits for a person, worst first, searched and counted, a page at a time.

mod items;

use std::collections::BTreeMap;

use askama::Template;
use chrono::{DateTime, Utc};
use letsbe_store::Sort;
use letsbe_types::Language;

use crate::{
    Found, Html, Query, around,
    lists::{Head, Kind},
    page,
    view::Moment,
    words::WaitingWords,
};

pub use items::{Item, ItemWriter, worst_first};

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

/// The word of a kind, if there is one like this.
#[must_use]
pub fn kind(word: &str) -> Option<&'static str> {
    KINDS.iter().map(|kind| kind.0).find(|kind| *kind == word)
}

/// The page of what was asked for.
///
/// # Errors
/// When the template cannot be rendered.
pub fn waiting(operator: String, all: &[Item], query: Query, now: DateTime<Utc>) -> Html {
    let language = around::here().language();
    let (items, head) = part(all, query, language);
    let (operator, as_of) = (Some(operator), Moment::of(now, language));
    page(&WaitingPage { operator, words: WaitingWords::of(language), items, head, as_of })
}

/// The part that was asked for, with what stands above and below it.
fn part(all: &[Item], query: Query, language: Language) -> (Vec<&Item>, Head) {
    let mut items: Vec<&Item> = all.iter().filter(|item| is_found(item, &query)).collect();
    let mut counts: BTreeMap<&'static str, u64> = KINDS.iter().map(|kind| (kind.0, 0)).collect();
    for item in &items {
        *counts.entry(item.level).or_default() += 1;
    }
    let everything = items.len() as u64;
    items.retain(|item| query.state.is_empty() || query.state == item.level);
    match query.sort {
        Sort::Worst => {}
        Sort::Newest => items.sort_by_key(|item| std::cmp::Reverse(item.since)),
        Sort::Domain => items.sort_by(|one, other| one.about.cmp(&other.about)),
    }
    let found = Found { query, total: items.len() as u64, all: everything, counts };
    let head = Head::of(("/waiting", "state"), &found, &KINDS, language);
    let size = usize::try_from(found.query.page_size).unwrap_or(usize::MAX);
    let before = usize::try_from(found.query.page.saturating_sub(1)).unwrap_or(usize::MAX);
    (items.into_iter().skip(before.saturating_mul(size)).take(size).collect(), head)
}

fn is_found(item: &Item, query: &Query) -> bool {
    let is_of = query.domain.is_empty() || query.domain == item.about;
    let text = query.text.to_lowercase();
    let texts = [&item.about, &item.title, &item.text.text, &item.hint.text];
    is_of && texts.into_iter().chain(&item.code).any(|part| part.to_lowercase().contains(&text))
}
