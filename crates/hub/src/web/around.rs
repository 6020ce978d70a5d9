//! What every page of staff shows beside its own matter: where the reader is, and how much waits.

use axum::http::HeaderMap;

use super::waiting;
use crate::{AppState, security::sessions};

tokio::task_local! {
    static AROUND: Around;
}

/// What surrounds a page.
#[derive(Debug, Clone)]
pub(crate) struct Around {
    /// How much waits for a person; `None` while that is not known.
    waiting: Option<usize>,
    /// The page's own address.
    path: String,
}

impl Around {
    /// How much waits, where anything does: what is not known must not look like nothing.
    pub(crate) fn count(&self) -> Option<String> {
        match self.waiting {
            Some(0) => None,
            Some(count) => Some(count.to_string()),
            None => Some("?".to_owned()),
        }
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
    AROUND.try_with(Clone::clone).unwrap_or_else(|_| Around { waiting: Some(0), path: String::new() })
}

/// Makes a page of staff with what surrounds it.
pub(crate) async fn with<T>(state: &AppState, path: &str, page: impl Future<Output = T>) -> T {
    let waiting = match waiting::items(state).await {
        Ok(items) => Some(items.len()),
        Err(error) => {
            tracing::error!(?error, "what waits for a person is not known");
            None
        }
    };
    AROUND.scope(Around { waiting, path: path.to_owned() }, page).await
}

/// Makes a page that strangers may see too: staff keeps its navigation there.
pub(crate) async fn with_visitor<T>(
    state: &AppState,
    headers: &HeaderMap,
    path: &str,
    page: impl FnOnce(Option<String>) -> T,
) -> T {
    match sessions::visitor(state, headers).await {
        Some(email) => with(state, path, async { page(Some(email)) }).await,
        None => page(None),
    }
}

#[cfg(test)]
mod tests {
    use super::Around;

    #[test]
    fn what_is_not_known_does_not_look_like_nothing() {
        let shown = |waiting| Around { waiting, path: String::new() }.count();
        let counts = [Some(0), Some(5), None].map(shown);
        assert_eq!(counts, [None, Some("5".to_owned()), Some("?".to_owned())]);
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
        ] {
            let around = Around { waiting: Some(0), path: path.to_owned() };
            let parts = ["/", "/tenants", "/backups", "/waiting"];
            assert_eq!(
                parts.into_iter().filter(|part| around.is_in(part)).collect::<Vec<_>>(),
                [part],
                "{path}"
            );
        }
    }
}
