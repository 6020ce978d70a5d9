//! The customer sees, in plain words and in the customer's language, how far the order is.

mod words;

use askama::Template;
use letsbe_lifecycle::order::Phase;
use letsbe_store::Order;
use letsbe_types::{Language, ids::OrderId};

use self::words::Words;
use crate::{
    Html,
    dns_entries::{Entries, Now},
    page,
    view::{self, Moment, Stage, mark},
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

/// The page of an order; `entries` are what the customer has to set, while that is waited for.
///
/// # Errors
/// When the template cannot be rendered.
pub fn progress(order: &Order, percent: u8, entries: Option<Entries>) -> Html {
    let language = order.language;
    let words = Words::of(language);
    let (heading, text) = words::state(language, &order.state);
    page(&ProgressPage {
        operator: None,
        language,
        words,
        domain: order.new.domain.to_string(),
        order: order.new.id,
        heading,
        text,
        percent,
        stages: view::stages(&order.state, words.way(order.state.recovery.is_some())),
        entries,
        updated: Moment::of(order.updated_at, language),
        ended: matches!(order.state.phase, Phase::Fulfilled | Phase::Stopped),
    })
}
