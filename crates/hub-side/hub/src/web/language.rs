//! The language of a page: a customer's is that of the order, a stranger's that of the browser.

use axum::http::{HeaderMap, header};
use letsbe_types::Language;

/// The first that a browser asks for of those that are spoken here.
pub(super) fn asked(headers: &HeaderMap) -> Language {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let tags =
        wanted.unwrap_or_default().split(',').map(|tag| tag.split(';').next().unwrap_or_default().trim());
    let spoken = |tag: &str| {
        let language = Language::of_tag(tag);
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        primary.eq_ignore_ascii_case(language.tag()).then_some(language)
    };
    tags.take(20).find_map(spoken).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};
    use letsbe_types::Language;

    use super::asked;

    #[test]
    fn the_first_language_that_is_spoken_here_is_taken() {
        for (wanted, language) in [
            ("", Language::En),
            ("de-AT,de;q=0.9,en;q=0.8", Language::De),
            ("fr-FR, de;q=0.8, en;q=0.5", Language::De),
            ("en-GB,de;q=0.7", Language::En),
            ("fr", Language::En),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(wanted));
            assert_eq!(asked(&headers), language, "{wanted}");
        }
        assert_eq!(asked(&HeaderMap::new()), Language::En);
    }
}
