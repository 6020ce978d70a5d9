//! Which part of a list is asked for, and what is said below and above it.

use std::collections::BTreeMap;

use letsbe_types::api::Reply;
use serde::Serialize;

use crate::style;

/// Which part of a list.
#[derive(clap::Args, Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Which page.
    #[arg(long, default_value_t = 1)]
    page: u32,
    /// Entries on a page.
    #[arg(long, default_value_t = 50)]
    page_size: u32,
}

/// What is searched for in a list, and how it is sorted.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Search {
    /// A part of the domain or of the customer's address, or the beginning of the id.
    #[arg(long, default_value = "")]
    search: String,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Sort::Worst)]
    sort: Sort,
}

/// What comes first in a list.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// What needs a person.
    Worst,
    /// What is newest.
    Newest,
    /// By domain.
    Domain,
}

/// The path of a list: which part of it, what is searched for, which of them.
pub(crate) fn list_path(list: &str, page: Page, search: &Search, only: (&str, &str)) -> String {
    let sort = match search.sort {
        Sort::Worst => "worst",
        Sort::Newest => "newest",
        Sort::Domain => "domain",
    };
    let (number, size) = (page.page.to_string(), page.page_size.to_string());
    let query = [("page", &*number), ("pageSize", &*size), ("q", &*search.search), ("sort", sort), only];
    let query = query.into_iter().filter(|(_, value)| !value.is_empty());
    format!(
        "/api/v1/admin/{list}?{}",
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish()
    )
}

impl Page {
    /// Prints the entries as JSON, with which part of the list they are, of how many.
    pub(crate) fn say_json<T: Serialize>(self, reply: &Reply<Vec<T>>) -> anyhow::Result<()> {
        style::say_json(&serde_json::json!({"data": reply.data, "meta": reply.meta}))
    }

    /// How many there are of each kind, the most urgent first; kinds of which there are none are left out.
    pub(crate) fn counted(
        kinds: &[(&str, &str)],
        meta: &BTreeMap<String, serde_json::Value>,
    ) -> Option<String> {
        let counts = meta.get("counts")?;
        let counted = kinds.iter().filter_map(|(word, words)| {
            let count = counts.get(word)?.as_u64().filter(|count| *count > 0)?;
            Some(format!("{count} {words}"))
        });
        let counted: Vec<String> = counted.collect();
        (!counted.is_empty()).then(|| counted.join(" · "))
    }

    /// What stands below a list that does not hold all: which part it is, and how to get the next.
    pub(crate) fn footer(self, shown: usize, meta: &BTreeMap<String, serde_json::Value>) -> Option<String> {
        let total = meta.get("total")?.as_u64()?;
        let before = u64::from(self.page.saturating_sub(1)) * u64::from(self.page_size);
        let until = before + u64::try_from(shown).ok()?;
        let next = self.page + 1;
        match (before, until < total) {
            (_, true) => Some(format!("{} to {until} of {total}; the next: --page {next}", before + 1)),
            (0, false) => None,
            (_, false) => Some(format!("{} to {until} of {total}", before + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, Search, Sort, list_path};

    #[test]
    fn what_is_searched_for_is_sent_as_it_is_typed() {
        let page = Page { page: 2, page_size: 50 };
        let search = Search { search: "a&b=c d%".to_owned(), sort: Sort::Newest };
        let path = list_path("orders", page, &search, ("state", "needs_you"));
        let wanted = "/api/v1/admin/orders?page=2&pageSize=50&q=a%26b%3Dc+d%25&sort=newest&state=needs_you";
        assert_eq!(path, wanted);
    }

    #[test]
    fn a_list_says_how_many_there_are_of_each_kind() {
        let kinds = [("needs_you", "need you"), ("silent", "silent"), ("fine", "fine")];
        let meta =
            [("counts".to_owned(), serde_json::json!({"needs_you": 2, "silent": 0, "fine": 59}))].into();
        assert_eq!(Page::counted(&kinds, &meta).as_deref(), Some("2 need you · 59 fine"));
        assert_eq!(Page::counted(&kinds, &std::collections::BTreeMap::new()), None);
    }

    #[test]
    fn a_list_that_does_not_hold_all_says_which_part_it_is() {
        let meta = |total: u64| [("total".to_owned(), total.into())].into();
        let page = |page| Page { page, page_size: 50 };
        assert_eq!(page(1).footer(50, &meta(61)).as_deref(), Some("1 to 50 of 61; the next: --page 2"));
        assert_eq!(page(2).footer(11, &meta(61)).as_deref(), Some("51 to 61 of 61"));
        assert_eq!(page(1).footer(7, &meta(7)), None);
        assert_eq!(page(1).footer(7, &std::collections::BTreeMap::new()), None);
    }
}
