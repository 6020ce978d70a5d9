//! How the agent refuses on its sockets.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use letsbe_types::Problem;

/// A refusal, as the agent says it on this socket.
pub(crate) struct Refusal(pub(crate) Problem);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = if self.0.retryable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::CONFLICT };
        (status, Json(self.0)).into_response()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}
