//! The envelope of refusals.

use std::fmt::Display;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use letsbe_store::StoreError;
use letsbe_types::{
    Code, Problem,
    api::{ErrorBody, ErrorReply, FieldError},
};

use crate::convergence;

/// When a caller that was sent away may come back.
const BUSY_SECONDS: i64 = 5;
/// When a run on a live server may have ended.
const RUN_SECONDS: i64 = 60;

/// What a handler answers.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// A refusal. Its code is that of a problem, or `API` and the HTTP status; each has a page in `docs/errors`.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) details: Vec<FieldError>,
    /// Seconds after which trying again can help.
    pub(crate) retry_after: Option<i64>,
    /// The code of what stands in the way, where it has one of its own.
    pub(crate) code: Option<String>,
    /// What to do next.
    pub(crate) hint: String,
}

/// One wrong field.
pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> FieldError {
    FieldError { field: field.into(), message: message.into() }
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let (message, details, hint) = (message.into(), Vec::new(), String::new());
        Self { status, message, details, retry_after: None, code: None, hint }
    }

    /// What stands in the way, with its own code and with what to do.
    pub(crate) fn problem(status: StatusCode, problem: &Problem) -> Self {
        let Problem { code, message, hint, .. } = problem.clone();
        Self { code: Some(code), hint, ..Self::new(status, message) }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn fields(details: Vec<FieldError>) -> Self {
        Self { details, ..Self::bad_request("Some fields are not as they should be.") }
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing at this address.")
    }

    pub(crate) fn too_many(wait: TimeDelta) -> Self {
        let message = "Too many requests; wait a moment and try again.";
        Self {
            retry_after: Some(wait.num_seconds().saturating_add(1)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, message)
        }
    }

    /// A good key that asks more than any server has to ask.
    pub(crate) fn too_many_of_one(wait: TimeDelta) -> Self {
        let message = "This server asks more often than any server has to; wait, then try again.";
        let seconds = wait.num_seconds().saturating_add(1);
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// Too many log-ins of one account failed.
    pub(crate) fn too_often(wait: TimeDelta) -> Self {
        let message = "Too many log-ins of this account failed; wait, then try again.";
        let seconds = wait.num_seconds().saturating_add(1).clamp(1, 86_400);
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// More than this tenant's server has to say; the rest is taken later.
    pub(crate) fn too_much(wait: TimeDelta) -> Self {
        let message = "This server sends more than any server has to say; the rest is taken later.";
        let seconds = wait.num_seconds().saturating_add(1).clamp(1, 86_400);
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// Too many requests of this server for models, or too large ones, are under way.
    pub(crate) fn crowded() -> Self {
        let message = "This server has too many requests, or too large ones, under way.";
        Self { retry_after: Some(BUSY_SECONDS), ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// The present state does not allow it; the code says which state.
    pub(crate) fn conflict(code: Code, message: impl Into<String>) -> Self {
        Self { code: Some(code.as_str().to_owned()), ..Self::new(StatusCode::CONFLICT, message) }
    }

    /// Too much at once; the caller is told to come back in a moment.
    pub(crate) fn busy() -> Self {
        let message = "The Hub has too much to do just now; try again in a moment.";
        Self { retry_after: Some(BUSY_SECONDS), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }

    /// The cause goes to the log; the caller learns only that it was not their doing.
    pub(crate) fn internal(cause: &dyn Display) -> Self {
        tracing::error!(%cause, "a request could not be answered");
        let message = "The Hub could not do this just now. It was noted; try again later.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchOrder(_) => Self::not_found(),
            StoreError::Illegal(illegal) => {
                let message = format!("This makes no sense for an order that is {}.", illegal.phase);
                Self::conflict(Code::API409, message)
            }
            StoreError::ManyRuns(_) => Self {
                retry_after: Some(RUN_SECONDS),
                ..Self::problem(StatusCode::TOO_MANY_REQUESTS, &convergence::too_many(&error))
            },
            StoreError::ServerTaken(server) => {
                Self::conflict(Code::HUB058, format!("Server {server} belongs to another order."))
            }
            StoreError::Database(_) | StoreError::Row { .. } | StoreError::Unready(_) => {
                Self::internal(&error)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let of_browser = self.clone();
        let error = ErrorBody {
            code: self.code.unwrap_or_else(|| format!("API{}", self.status.as_u16())),
            message: self.message,
            details: self.details,
            hint: self.hint,
        };
        let mut response = (self.status, Json(ErrorReply { success: false, error })).into_response();
        // Where a person reads the answer, a page is made of it.
        response.extensions_mut().insert(of_browser);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::{http::StatusCode, response::IntoResponse as _};

    use super::ApiError;

    #[test]
    fn whoever_is_sent_away_learns_when_to_come_back() {
        let busy = ApiError::busy().into_response();
        assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(busy.headers()["retry-after"], "5");
        assert!(!ApiError::not_found().into_response().headers().contains_key("retry-after"));
    }
}
