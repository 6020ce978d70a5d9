//! `GET /errors/{code}`: what an error code means and what to do.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use letsbe_pages::explain::explanation;

use super::{around, error_page, page};
use crate::{AppState, controllers::ApiError};

/// `GET /errors/{code}`
pub(crate) async fn show(
    State(state): State<AppState>,
    code: Option<Path<String>>,
    headers: HeaderMap,
) -> Response {
    let code = code.map(|Path(code)| code).unwrap_or_default();
    around::with_visitor(&state, &headers, "/errors", |operator| match explanation(code, operator.clone()) {
        Some(html) => page(StatusCode::OK, html),
        None => {
            let back = if operator.is_some() { "/" } else { "" };
            error_page(ApiError::not_found(), operator, back)
        }
    })
    .await
}
