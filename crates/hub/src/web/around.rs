//! What every page of staff shows beside its own matter: where the reader is, and how much waits.

use axum::http::HeaderMap;

use super::waiting;
use crate::{AppState, security::sessions};

tokio::task_local! {
    static AROUND: Around;
}

/// What surrounds a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around {
    /// How much waits for a person; nothing while that is not known.
    pub(crate) waiting: usize,
    /// The page's own address.
    path: String,
}

impl Around {
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
    AROUND.try_with(Clone::clone).unwrap_or_default()
}

/// Makes a page of staff with what surrounds it.
pub(crate) async fn with<T>(state: &AppState, path: &str, page: impl Future<Output = T>) -> T {
    let waiting = match waiting::items(state).await {
        Ok(items) => items.len(),
        Err(error) => {
            tracing::error!(?error, "what waits for a person is not known");
            0
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
            let around = Around { waiting: 0, path: path.to_owned() };
            let parts = ["/", "/tenants", "/backups", "/waiting"];
            assert_eq!(
                parts.into_iter().filter(|part| around.is_in(part)).collect::<Vec<_>>(),
                [part],
                "{path}"
            );
        }
    }
}
