//! Whether the Hub answers.

use axum::Json;
use letsbe_types::api::Reply;

/// `GET /healthz`
pub(crate) async fn health() -> Json<Reply<&'static str>> {
    Json(Reply::new("ok"))
}
