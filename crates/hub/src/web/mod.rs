//! Pages, rendered on the server with nothing from elsewhere, and what surrounds every answer.

pub(crate) mod assets;
pub(crate) mod backups;
pub(crate) mod drills;
mod forms;
mod lists;
pub(crate) mod login;
pub(crate) mod orders;
pub(crate) mod progress;
mod recovery;
mod surroundings;
pub(crate) mod tenants;
mod view;

pub(crate) use surroundings::{headers, logged, not_found, panicked, wrong_method};

use askama::Template;
use axum::{
    http::StatusCode,
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
        StatusCode::INTERNAL_SERVER_ERROR => "Something went wrong here",
        _ => "Not done",
    };
    let details = error.details.into_iter().map(|field| format!("{}: {}", field.field, field.message));
    let page_content = ErrorPage {
        operator,
        status: error.status.as_u16(),
        title,
        message: error.message,
        details: details.collect(),
        back: back.into(),
    };
    page(error.status, &page_content)
}
