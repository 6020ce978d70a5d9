//! Reads what every page of staff shows beside its own matter: where the reader is, and how much waits.

use std::sync::Arc;

use axum::http::HeaderMap;
use letsbe_pages::around::{self, Around};

use super::{language, waiting};
use crate::{AppState, security::sessions};

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
    around::with(Around::new(waiting, path.to_owned(), language), page).await
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
        None => around::without_items(language::asked(headers), || page(None)),
    }
}
