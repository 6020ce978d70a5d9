//! What an error code means and what to do, from the pages inside this program.

use askama::Template;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use crate::{Html, around, page, words::problem_title};

#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    operator: Option<String>,
    code: String,
    /// What it means, for a reader to whom the explanation is foreign.
    title: Option<&'static str>,
    html: String,
}

/// The page of an error code; `None` where there is no such code.
pub fn explanation(code: String, operator: Option<String>) -> Option<Html> {
    let text = letsbe_explain::page(&code)?;
    let title = problem_title(&code, around::here().language());
    Some(page(&ExplainPage { operator, title, html: rendered(text), code }))
}

/// Markdown as HTML, of which nothing is passed through: raw HTML is text, pictures are their words, and links lead to
/// other codes only.
fn rendered(text: &str) -> String {
    let code_of = |address: &str| {
        let code = address.strip_suffix(".md")?;
        letsbe_explain::page(code).map(|_| format!("/errors/{code}"))
    };
    let mut open = Vec::new();
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Some(Event::Text(raw)),
        Event::Start(Tag::Link { link_type, dest_url, id, .. }) => {
            let ours = code_of(&dest_url);
            open.push(ours.is_some());
            let title = CowStr::Borrowed("");
            ours.map(|ours| Event::Start(Tag::Link { link_type, dest_url: ours.into(), title, id }))
        }
        Event::End(TagEnd::Link) => open.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link)),
        Event::Start(Tag::Image { .. } | Tag::HtmlBlock) | Event::End(TagEnd::Image | TagEnd::HtmlBlock) => {
            None
        }
        other => Some(other),
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out
}

#[cfg(test)]
mod tests {
    use super::rendered;

    #[test]
    fn markdown_becomes_html_and_nothing_else_passes() {
        let text = "# A\n\n`x` and [other](DNS001.md), [away](https://evil.example), ![p](https://evil.example/p)\n\n\
                    <script>alert(1)</script>\n\nIn <b onclick=x>line</b>.\n\n    letsbe orders <order>\n";
        let html = rendered(text);
        for part in
            ["<h1>A</h1>", "<code>x</code>", "<a href=\"/errors/DNS001\">other</a>", "away", "letsbe orders"]
        {
            assert!(html.contains(part), "{part} is missing: {html}");
        }
        for bad in ["<script", "<b ", "evil.example", "<img"] {
            assert!(!html.contains(bad), "{bad} is there: {html}");
        }
    }

    #[test]
    fn every_page_is_rendered_with_its_heading() {
        for code in letsbe_explain::codes() {
            let html = rendered(letsbe_explain::page(code).unwrap_or_default());
            assert!(html.starts_with(&format!("<h1>{code}: ")), "{html}");
            assert!(!html.contains("<script") && !html.contains("href=\"http"), "{code}");
        }
    }
}
