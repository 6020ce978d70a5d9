//! What every page of staff shows beside its own matter: where the reader is, and how much waits.

use std::sync::Arc;

use axum::http::HeaderMap;

use letsbe_types::Language;

use super::{
    language,
    waiting::{self, Item},
    words::Words,
};
use crate::{AppState, security::sessions};

tokio::task_local! {
    static AROUND: Around;
}

/// What surrounds a page.
#[derive(Debug, Clone)]
pub(crate) struct Around {
    /// What waits for a person; `None` while that is not known.
    waiting: Option<Arc<Vec<Item>>>,
    /// The page's own address.
    path: String,
    /// The reader's.
    language: Language,
}

impl Around {
    /// How much waits, where anything does: what is not known must not look like nothing.
    pub(crate) fn count(&self) -> Option<String> {
        match &self.waiting {
            Some(items) if items.is_empty() => None,
            Some(items) => Some(items.len().to_string()),
            None => Some("?".to_owned()),
        }
    }

    /// The language that the reader's browser asks for.
    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// The words of that language.
    pub(crate) fn words(&self) -> &'static Words {
        Words::of(self.language)
    }

    /// What waits, as it was counted.
    pub(super) fn waiting(&self) -> Option<Arc<Vec<Item>>> {
        self.waiting.clone()
    }

    /// `aria-current` for a part of the navigation.
    pub(crate) fn is_in(&self, part: &str) -> bool {
        match part {
            "/" => self.path == "/" || self.path.starts_with("/orders/"),
            // Backups and drills of one tenant have addresses below the tenant's.
            "/tenants" => self.path.starts_with(part) && !self.is_in("/backups"),
            "/backups" => ["/backups", "/drills/"].iter().any(|word| self.path.contains(word)),
            _ => self.path.starts_with(part),
        }
    }
}

/// What surrounds the page that is being made.
pub(crate) fn here() -> Around {
    AROUND.try_with(Clone::clone).unwrap_or_else(|_| Around {
        waiting: Some(Arc::default()),
        path: String::new(),
        language: Language::En,
    })
}

/// Makes a page, or a part of one, for which nothing that waits is counted: of strangers nothing waits here.
pub(super) fn without_items<T>(language: Language, make: impl FnOnce() -> T) -> T {
    AROUND.sync_scope(Around { waiting: Some(Arc::default()), path: String::new(), language }, make)
}

/// Makes a page of staff with what surrounds it.
pub(crate) async fn with<T>(
    state: &AppState,
    headers: &HeaderMap,
    path: &str,
    page: impl Future<Output = T>,
) -> T {
    let language = language::asked(headers);
    let waiting = match waiting::items(state, language).await {
        Ok(items) => Some(Arc::new(items)),
        Err(error) => {
            tracing::error!(?error, "what waits for a person is not known");
            None
        }
    };
    AROUND.scope(Around { waiting, path: path.to_owned(), language }, page).await
}

/// Makes a page that strangers may see too: staff keeps its navigation there.
pub(crate) async fn with_visitor<T>(
    state: &AppState,
    headers: &HeaderMap,
    path: &str,
    page: impl FnOnce(Option<String>) -> T,
) -> T {
    match sessions::visitor(state, headers).await {
        Some(email) => with(state, headers, path, async { page(Some(email)) }).await,
        None => without_items(language::asked(headers), || page(None)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use letsbe_types::Language;

    use super::Around;

    #[test]
    fn what_is_not_known_does_not_look_like_nothing() {
        let shown = |waiting| Around { waiting, path: String::new(), language: Language::En }.count();
        assert_eq!([Some(Arc::default()), None].map(shown), [None, Some("?".to_owned())]);
    }

    #[test]
    fn each_page_is_in_one_part_of_the_navigation() {
        for (path, part) in [
            ("/", "/"),
            ("/orders/1", "/"),
            ("/tenants", "/tenants"),
            ("/tenants/1", "/tenants"),
            ("/tenants/1/backups", "/backups"),
            ("/tenants/1/drills/2", "/backups"),
            ("/backups", "/backups"),
            ("/waiting", "/waiting"),
            ("/hub/tasks", "/hub/tasks"),
        ] {
            let (waiting, language) = (Some(Arc::default()), Language::De);
            let around = Around { waiting, path: path.to_owned(), language };
            let parts = ["/", "/tenants", "/backups", "/waiting", "/hub/tasks"];
            assert_eq!(
                parts.into_iter().filter(|part| around.is_in(part)).collect::<Vec<_>>(),
                [part],
                "{path}"
            );
        }
    }
}
