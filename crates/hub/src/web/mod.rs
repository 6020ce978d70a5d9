//! Pages, rendered on the server with nothing from elsewhere, and what surrounds every answer.

pub(crate) mod around;
pub(crate) mod assets;
pub(crate) mod backups;
pub(crate) mod drills;
pub(crate) mod explain;
mod forms;
mod lists;
pub(crate) mod login;
pub(crate) mod orders;
pub(crate) mod progress;
mod recovery;
mod surroundings;
pub(crate) mod tenants;
mod timeline;
mod view;
pub(crate) mod waiting;

pub(crate) use surroundings::{headers, logged, not_found, panicked, refused, wrong_method};

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};

use crate::controllers::ApiError;

/// A refusal as a page.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    operator: Option<String>,
    status: u16,
    title: &'static str,
    message: String,
    details: Vec<String>,
    /// Seconds after which trying again can help.
    wait: Option<i64>,
    back: String,
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => ApiError::internal(&error).into_response(),
    }
}

fn error_page(error: ApiError, operator: Option<String>, back: impl Into<String>) -> Response {
    let title = match error.status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::CONFLICT => "Not possible now",
        StatusCode::BAD_REQUEST => "Please check what you wrote",
        StatusCode::TOO_MANY_REQUESTS => "Too often",
        StatusCode::METHOD_NOT_ALLOWED => "Not done",
        StatusCode::INTERNAL_SERVER_ERROR => "Something went wrong here",
        _ => "Not done",
    };
    let wait = error.retry_after;
    let details = error.details.into_iter().map(|field| format!("{}: {}", field.field, field.message));
    let page_content = ErrorPage {
        operator,
        status: error.status.as_u16(),
        title,
        message: error.message,
        details: details.collect(),
        wait,
        back: back.into(),
    };
    let mut response = page(error.status, &page_content);
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
