//! What was refused, as a page or beside the form that was refused.

use askama::Template;
use letsbe_types::{Language, api::FieldError};

use crate::{
    Html, page,
    words::{Said, Words},
};

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

/// Why something was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What stands in the way, in English.
    pub message: String,
    /// The fields that are wrong.
    pub details: Vec<FieldError>,
    /// Seconds after which trying again can help.
    pub retry_after: Option<i64>,
}

/// A refusal beside the form that was refused, so that nothing is typed twice.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) title: &'static str,
    pub(crate) message: String,
    pub(crate) details: Vec<FieldError>,
}

impl Refused {
    pub(crate) fn new(refusal: Refusal, language: Language) -> Self {
        let Refusal { status, message, details, .. } = refusal;
        Self { title: title(status, language), message, details }
    }

    /// Why a field was refused.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|detail| detail.field == name).map(|detail| detail.message.as_str())
    }
}

const fn title(status: u16, language: Language) -> &'static str {
    match language {
        Language::En => in_english(status),
        Language::De => in_german(status).0,
    }
}

const fn in_english(status: u16) -> &'static str {
    match status {
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
const fn in_german(status: u16) -> (&'static str, &'static str) {
    match status {
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

/// The page of a refusal; `back` is where its link leads, nowhere when empty.
///
/// # Errors
/// When the template cannot be rendered.
pub fn refusal(refused: Refusal, operator: Option<String>, language: Language, back: String) -> Html {
    let Refusal { status, message, details, retry_after: wait } = refused;
    let details = details.into_iter().map(|field| format!("{}: {}", field.field, field.message));
    let (message, cause, details) = match language {
        Language::En => (Said::english(message), None, details.collect()),
        // Staff knows the program's own words, too.
        Language::De => (
            Said::ours(in_german(status).1),
            operator.is_some().then_some(message),
            details.filter(|_| operator.is_some()).collect(),
        ),
    };
    let title = title(status, language);
    page(&ErrorPage { operator, language, status, title, message, cause, details, wait, back })
}
