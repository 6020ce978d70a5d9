//! Pages, rendered on the server with nothing from elsewhere, and what surrounds every answer.

pub(crate) mod around;
pub(crate) mod assets;
pub(crate) mod backups;
pub(crate) mod drills;
pub(crate) mod explain;
mod forms;
pub(crate) mod hub_tasks;
mod language;
mod lists;
pub(crate) mod live;
pub(crate) mod login;
pub(crate) mod orders;
pub(crate) mod progress;
pub(crate) mod prose;
mod recovery;
mod surroundings;
pub(crate) mod tenants;
mod timeline;
mod view;
pub(crate) mod waiting;
pub(crate) mod words;

pub(crate) use surroundings::{as_page, headers, logged, not_found, panicked, refused, wrong_method};

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use letsbe_types::{Language, api::FieldError};

use crate::controllers::ApiError;
use words::{Said, Words};

/// A refusal as a page.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    operator: Option<String>,
    language: Language,
    status: u16,
    title: &'static str,
    message: Said,
    /// What the program says of it, in English, where the message is not that itself.
    cause: Option<String>,
    details: Vec<String>,
    /// Seconds after which trying again can help.
    wait: Option<i64>,
    back: String,
}

impl ErrorPage {
    /// How long to wait, in words.
    fn waiting(&self) -> Option<String> {
        let seconds = self.wait?;
        Some(match (self.language, seconds) {
            (Language::En, 1) => "You can try again in 1 second.".to_owned(),
            (Language::En, _) => format!("You can try again in {seconds} seconds."),
            (Language::De, 1) => "Sie können es in 1 Sekunde noch einmal versuchen.".to_owned(),
            (Language::De, _) => format!("Sie können es in {seconds} Sekunden noch einmal versuchen."),
        })
    }
}

/// A refusal beside the form that was refused, so that nothing is typed twice.
#[derive(Debug)]
struct Refused {
    title: &'static str,
    message: String,
    details: Vec<FieldError>,
}

impl Refused {
    fn new(error: ApiError, language: Language) -> Self {
        Self { title: title(error.status, language), message: error.message, details: error.details }
    }

    /// Why a field was refused.
    fn field(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|detail| detail.field == name).map(|detail| detail.message.as_str())
    }
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => ApiError::internal(&error).into_response(),
    }
}

const fn title(status: StatusCode, language: Language) -> &'static str {
    match language {
        Language::En => in_english(status),
        Language::De => in_german(status).0,
    }
}

const fn in_english(status: StatusCode) -> &'static str {
    match status.as_u16() {
        404 => "Not found",
        409 => "Not possible now",
        400 => "Please check what you wrote",
        403 => "Not allowed",
        408 => "That took too long",
        413 => "Too large",
        429 => "Too often",
        500..=599 => "Something went wrong here",
        _ => "Not done",
    }
}

/// The title and what happened, for whoever reads German.
const fn in_german(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        404 => (
            "Nicht gefunden",
            "Unter dieser Adresse gibt es nichts. Bitte prüfen Sie, ob sie vollständig ist.",
        ),
        409 => ("Jetzt nicht möglich", "Das passt nicht zum jetzigen Stand und wurde nicht ausgeführt."),
        400 => ("Bitte prüfen Sie Ihre Eingabe", "Etwas davon ist nicht so, wie es sein muss."),
        403 => ("Nicht erlaubt", "Das kam von einer anderen Seite und wurde nicht ausgeführt."),
        408 => ("Das hat zu lange gedauert", "Bitte versuchen Sie es noch einmal."),
        413 => ("Zu groß", "Das war mehr, als auf einmal angenommen wird."),
        429 => ("Zu oft", "Das waren zu viele Anfragen. Warten Sie einen Moment."),
        500..=599 => {
            ("Hier ging etwas schief", "Das lag nicht an Ihnen. Versuchen Sie es später noch einmal.")
        }
        _ => ("Nicht ausgeführt", "Das war nicht möglich."),
    }
}

/// A refusal in the language of the page that is being made.
fn error_page(error: ApiError, operator: Option<String>, back: impl Into<String>) -> Response {
    refusal(error, operator, around::here().language(), back.into())
}

/// A refusal for somebody who is not of staff.
fn stranger_page(error: ApiError, language: Language, back: impl Into<String>) -> Response {
    refusal(error, None, language, back.into())
}

fn refusal(error: ApiError, operator: Option<String>, language: Language, back: String) -> Response {
    let (wait, status) = (error.retry_after, error.status.as_u16());
    let details = error.details.into_iter().map(|field| format!("{}: {}", field.field, field.message));
    let (message, cause, details) = match language {
        Language::En => (Said::english(error.message), None, details.collect()),
        // Staff knows the program's own words, too.
        Language::De => (
            Said::ours(in_german(error.status).1),
            operator.is_some().then_some(error.message),
            details.filter(|_| operator.is_some()).collect(),
        ),
    };
    let title = title(error.status, language);
    let content = ErrorPage { operator, language, status, title, message, cause, details, wait, back };
    let mut response = page(error.status, &content);
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
