//! Handlers of pages: they read what `letsbe-pages` shows, and check what its forms send.

pub(crate) mod around;
pub(crate) mod assets;
pub(crate) mod backups;
pub(crate) mod drills;
pub(crate) mod explain;
mod forms;
pub(crate) mod hub_tasks;
mod language;
pub(crate) mod live;
pub(crate) mod login;
pub(crate) mod orders;
pub(crate) mod progress;
mod surroundings;
pub(crate) mod tenants;
pub(crate) mod waiting;

pub(crate) use surroundings::{as_page, headers, logged, not_found, panicked, refused, wrong_method};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use letsbe_pages::{Refusal, around::here, refusal::refusal};
use letsbe_types::Language;

use crate::controllers::ApiError;

fn page(status: StatusCode, html: letsbe_pages::Html) -> Response {
    match html {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => ApiError::internal(&error).into_response(),
    }
}

impl From<ApiError> for Refusal {
    fn from(ApiError { status, message, details, retry_after, .. }: ApiError) -> Self {
        Self { status: status.as_u16(), message, details, retry_after }
    }
}

/// A refusal in the language of the page that is being made.
fn error_page(error: ApiError, operator: Option<String>, back: impl Into<String>) -> Response {
    refused_page(error, operator, here().language(), back.into())
}

/// A refusal for somebody who is not of staff.
fn stranger_page(error: ApiError, language: Language, back: impl Into<String>) -> Response {
    refused_page(error, None, language, back.into())
}

fn refused_page(error: ApiError, operator: Option<String>, language: Language, back: String) -> Response {
    let (wait, status) = (error.retry_after, error.status);
    let mut response = page(status, refusal(error.into(), operator, language, back));
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
