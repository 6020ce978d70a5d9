//! What stands above and below a list: how many need somebody, the search, which of them are shown, the other pages.

use std::collections::BTreeMap;

use letsbe_store::Search;
use letsbe_types::Language;
use url::form_urlencoded::Serializer;

use super::words::Words;
use crate::controllers::{listing::Listed, orders::list::Page};

/// Characters of a name that fit into a line beside the other columns.
const ONE_LINE: usize = 34;

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
    pub(super) fn of<T>(
        (address, parameter): (&'static str, &'static str),
        listed: &Listed<T>,
        (total, all): (u64, u64),
        counts: &BTreeMap<&'static str, u64>,
        kinds: &[Kind],
        language: Language,
    ) -> Self {
        let said = Words::of(language);
        let Page { page, page_size } = listed.page;
        let link = |state: &str, page: u64| link(address, parameter, listed, state, page);
        let pages = total.div_ceil(page_size).max(1);
        let everything = Choice {
            words: said.all,
            count: all,
            link: link("", 1),
            current: listed.state.is_empty(),
            level: "",
        };
        let kinds = kinds.iter().map(|(word, words, level)| Choice {
            words: in_language(*words, language),
            count: counts.get(word).copied().unwrap_or(0),
            link: link(word, 1),
            current: listed.state == *word,
            level,
        });
        Self {
            address,
            words: said,
            total,
            unused: all == 0 && listed.search == Search::default(),
            text: listed.text.clone(),
            parameter,
            chosen: listed.state.clone(),
            choices: std::iter::once(everything)
                .chain(kinds.filter(|choice| choice.count > 0 || choice.current))
                .collect(),
            page,
            pages,
            previous: (page > 1).then(|| link(&listed.state, page - 1)),
            next: (page < pages).then(|| link(&listed.state, page + 1)),
        }
    }
}

/// The same search, another part of it. What is as it is by itself is left out.
fn link<T>(address: &str, parameter: &str, listed: &Listed<T>, state: &str, page: u64) -> String {
    let mut query = Serializer::new(String::new());
    let domain = listed.search.domain.as_ref().map(ToString::to_string).unwrap_or_default();
    for (name, value) in
        [("q", &*listed.text), ("domain", &*domain), (parameter, state), ("sort", &*listed.sorted)]
    {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    if page > 1 {
        query.append_pair("page", &page.to_string());
    }
    if listed.page.page_size != Page::default().page_size {
        query.append_pair("pageSize", &listed.page.page_size.to_string());
    }
    let query = query.finish();
    if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") }
}
