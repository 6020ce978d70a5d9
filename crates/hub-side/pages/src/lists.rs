//! What stands above and below a list: how many need somebody, the search, which of them are shown, the other pages.

use std::collections::BTreeMap;

use letsbe_store::Sort;
use letsbe_types::Language;
use url::form_urlencoded::Serializer;

use crate::words::Words;

/// Characters of a name that fit into a line beside the other columns.
const ONE_LINE: usize = 34;

/// What was asked of a list.
#[derive(Debug, Clone)]
pub struct Query {
    /// What was typed.
    pub text: String,
    /// One domain, or nothing.
    pub domain: String,
    /// Which of them, in the API's word, or nothing.
    pub state: String,
    /// How they are sorted.
    pub sort: Sort,
    /// The same as it was written, or nothing.
    pub sorted: String,
    /// Which page, from 1.
    pub page: u64,
    /// Entries on a page.
    pub page_size: u64,
    /// Entries on a page where nothing else is asked for.
    pub default_size: u64,
}

/// What was found, the entries of this page aside.
#[derive(Debug, Clone)]
pub struct Found {
    /// What was asked.
    pub query: Query,
    /// How many there are on all pages.
    pub total: u64,
    /// How many there are of all kinds.
    pub all: u64,
    /// How many there are of each kind.
    pub counts: BTreeMap<&'static str, u64>,
}

/// A kind that a list can be narrowed down to, as a link with its number.
pub(super) struct Choice {
    pub(super) words: &'static str,
    pub(super) count: u64,
    pub(super) link: String,
    pub(super) current: bool,
    /// Of the words' colour.
    pub(super) level: &'static str,
}

/// A kind: the word of the API, how it is shown in English and in German, its colour.
pub(super) type Kind = (&'static str, [&'static str; 2], &'static str);

/// Of English and German.
pub(super) const fn in_language([english, german]: [&str; 2], language: Language) -> &str {
    match language {
        Language::En => english,
        Language::De => german,
    }
}

/// Above and below a list.
pub(super) struct Head {
    pub(super) address: &'static str,
    pub(super) words: &'static Words,
    /// How many there are on all pages.
    pub(super) total: u64,
    /// There is nothing at all yet.
    pub(super) unused: bool,
    /// What was typed.
    pub(super) text: String,
    /// The parameter that the choices set, and what it is.
    pub(super) parameter: &'static str,
    pub(super) chosen: String,
    pub(super) choices: Vec<Choice>,
    pub(super) page: u64,
    pub(super) pages: u64,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
}

/// A name that does not fit into one line of a list: its end tells it apart from others.
pub(super) fn is_long(name: &impl ToString) -> bool {
    name.to_string().chars().count() > ONE_LINE
}

impl Head {
    pub(super) fn of(
        (address, parameter): (&'static str, &'static str),
        found: &Found,
        kinds: &[Kind],
        language: Language,
    ) -> Self {
        let said = Words::of(language);
        let Found { query, total, all, counts } = found;
        let (page, total, all) = (query.page, *total, *all);
        let link = |state: &str, page: u64| link(address, parameter, query, state, page);
        let pages = total.div_ceil(query.page_size).max(1);
        let everything = Choice {
            words: said.all,
            count: all,
            link: link("", 1),
            current: query.state.is_empty(),
            level: "",
        };
        let kinds = kinds.iter().map(|(word, words, level)| Choice {
            words: in_language(*words, language),
            count: counts.get(word).copied().unwrap_or(0),
            link: link(word, 1),
            current: query.state == *word,
            level,
        });
        Self {
            address,
            words: said,
            total,
            unused: all == 0 && query.text.is_empty() && query.domain.is_empty(),
            text: query.text.clone(),
            parameter,
            chosen: query.state.clone(),
            choices: std::iter::once(everything)
                .chain(kinds.filter(|choice| choice.count > 0 || choice.current))
                .collect(),
            page,
            pages,
            previous: (page > 1).then(|| link(&query.state, page - 1)),
            next: (page < pages).then(|| link(&query.state, page + 1)),
        }
    }
}

/// The same search, another part of it. What is as it is by itself is left out.
fn link(address: &str, parameter: &str, asked: &Query, state: &str, page: u64) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in
        [("q", &*asked.text), ("domain", &*asked.domain), (parameter, state), ("sort", &*asked.sorted)]
    {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    if page > 1 {
        query.append_pair("page", &page.to_string());
    }
    if asked.page_size != asked.default_size {
        query.append_pair("pageSize", &asked.page_size.to_string());
    }
    let query = query.finish();
    if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") }
}
