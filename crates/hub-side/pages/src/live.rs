//! A line of an order's timeline as it comes, worded and marked up as the page itself has it.

use askama::Template;
use letsbe_types::{Language, api::TimelineEntry};

use crate::{Html, around, page, timeline::Line};

#[derive(Template)]
#[template(path = "live.html")]
struct Fragment {
    line: Line,
}

/// The line, as HTML.
///
/// # Errors
/// When the template cannot be rendered.
pub fn line(entry: TimelineEntry, language: Language) -> Html {
    let line = Line::of(entry, language);
    around::without_items(language, || page(&Fragment { line }))
}
