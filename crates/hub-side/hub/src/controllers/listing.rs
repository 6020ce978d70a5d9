//! What is asked of a list, by the API and by its page alike: which page, what is searched for, which of them, how sorted.

use std::collections::BTreeMap;

use letsbe_pages::{Found, Query};
use letsbe_store::{Search, Sort};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ApiError, ApiResult, field, orders::list::Page};

/// Longer is no domain and no address.
const LONGEST_SEARCH: usize = 300;

/// The query of a list. An empty field, as a form sends it, is none.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Listing {
    page: Option<u64>,
    page_size: Option<u64>,
    q: String,
    domain: String,
    /// Which of them: `state=` of orders and backups, `health=` of tenants.
    #[serde(alias = "health")]
    state: String,
    sort: String,
}

/// The same, understood.
#[derive(Debug, Clone)]
pub(crate) struct Listed<T> {
    pub(crate) page: Page,
    pub(crate) search: Search,
    pub(crate) only: Option<T>,
    pub(crate) sort: Sort,
    /// As it was typed.
    pub(crate) text: String,
    pub(crate) state: String,
    pub(crate) sorted: String,
}

impl Listing {
    /// Refuses what cannot be; `only` knows the words for which of them.
    pub(crate) fn checked<T>(self, only: impl Fn(&str) -> Option<T>) -> ApiResult<Listed<T>> {
        let default = Page::default();
        let page = Page {
            page: self.page.unwrap_or(default.page),
            page_size: self.page_size.unwrap_or(default.page_size),
        };
        let mut wrong = page.checked().err().map_or_else(Vec::new, |error| error.details);
        let text = self.q.trim().to_owned();
        if text.len() > LONGEST_SEARCH {
            wrong.push(field("q", format!("write at most {LONGEST_SEARCH} characters")));
        }
        let domain = match self.domain.as_str() {
            "" => None,
            domain => domain.parse().map_err(|why| wrong.push(field("domain", format!("{why}")))).ok(),
        };
        let chosen = match self.state.as_str() {
            "" => None,
            word => only(word).or_else(|| {
                wrong.push(field("state", "choose one of the words that `counts` lists"));
                None
            }),
        };
        let sort = match self.sort.as_str() {
            "" | "worst" => Sort::Worst,
            "newest" => Sort::Newest,
            "domain" => Sort::Domain,
            _ => {
                wrong.push(field("sort", "choose worst, newest or domain"));
                Sort::Worst
            }
        };
        if !wrong.is_empty() {
            return Err(ApiError::fields(wrong));
        }
        let search = Search { text: Some(text.clone()).filter(|text| !text.is_empty()), domain };
        Ok(Listed { page, search, only: chosen, sort, text, state: self.state, sorted: self.sort })
    }
}

impl<T> Listed<T> {
    /// The same for a page.
    pub(crate) fn query(&self) -> Query {
        Query {
            text: self.text.clone(),
            domain: self.search.domain.as_ref().map(ToString::to_string).unwrap_or_default(),
            state: self.state.clone(),
            sort: self.sort,
            sorted: self.sorted.clone(),
            page: self.page.page,
            page_size: self.page.page_size,
            default_size: Page::default().page_size,
        }
    }

    /// The same, and what was found, for a page.
    pub(crate) fn found(&self, total: u64, all: u64, counts: BTreeMap<&'static str, u64>) -> Found {
        Found { query: self.query(), total, all, counts }
    }
}

/// What stands beside a list: which page of how many entries, and how many there are of each kind.
pub(crate) fn meta(
    page: Page,
    total: u64,
    counts: &BTreeMap<&'static str, u64>,
) -> BTreeMap<String, serde_json::Value> {
    let meta = [
        ("page", json!(page.page)),
        ("pageSize", json!(page.page_size)),
        ("total", json!(total)),
        ("counts", json!(counts)),
    ];
    meta.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
