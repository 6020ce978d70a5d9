//! The pages' own files. A browser asks again each time and mostly hears "unchanged".

use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use letsbe_store::token_hash;

use crate::controllers::ApiError;

/// `GET /assets/{name}`
pub(crate) async fn asset(name: Option<Path<String>>, headers: HeaderMap) -> Response {
    let asked = name.map(|Path(name)| name).unwrap_or_default();
    let Some((kind, text)) = letsbe_pages::assets::asset(&asked) else {
        return ApiError::not_found().into_response();
    };
    let tag = format!("\"{}\"", &token_hash(text)[..16]);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let caching = [(header::CACHE_CONTROL, "public, no-cache".to_owned()), (header::ETAG, tag.clone())];
    if known.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, kind)], text).into_response()
}
