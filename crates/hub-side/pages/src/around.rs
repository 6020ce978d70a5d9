//! What every page of staff shows beside its own matter: where the reader is, and how much waits.

use std::sync::Arc;

use letsbe_types::Language;

use crate::{waiting::Item, words::Words};

tokio::task_local! {
    static AROUND: Around;
}

/// What surrounds a page.
#[derive(Debug, Clone)]
pub struct Around {
    /// What waits for a person; `None` while that is not known.
    waiting: Option<Arc<Vec<Item>>>,
    /// The page's own address.
    path: String,
    /// The reader's.
    language: Language,
}

impl Around {
    /// Of the page at this path, for this reader; `waiting` is `None` while that is not known.
    #[must_use]
    pub const fn new(waiting: Option<Arc<Vec<Item>>>, path: String, language: Language) -> Self {
        Self { waiting, path, language }
    }

    /// How much waits, where anything does: what is not known must not look like nothing.
    pub(crate) fn count(&self) -> Option<String> {
        match &self.waiting {
            Some(items) if items.is_empty() => None,
            Some(items) => Some(items.len().to_string()),
            None => Some("?".to_owned()),
        }
    }

    /// The language that the reader's browser asks for.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// The words of that language.
    pub(crate) fn words(&self) -> &'static Words {
        Words::of(self.language)
    }

    /// What waits, as it was counted.
    #[must_use]
    pub fn waiting(&self) -> Option<Arc<Vec<Item>>> {
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
#[must_use]
pub fn here() -> Around {
    AROUND.try_with(Clone::clone).unwrap_or_else(|_| Around {
        waiting: Some(Arc::default()),
        path: String::new(),
        language: Language::En,
    })
}

/// Makes a page, or a part of one, for which nothing that waits is counted: of strangers nothing waits here.
pub fn without_items<T>(language: Language, make: impl FnOnce() -> T) -> T {
    AROUND.sync_scope(Around { waiting: Some(Arc::default()), path: String::new(), language }, make)
}

/// Makes a page with what surrounds it.
pub async fn with<T>(around: Around, page: impl Future<Output = T>) -> T {
    AROUND.scope(around, page).await
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
