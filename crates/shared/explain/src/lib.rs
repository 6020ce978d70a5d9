//! The pages about error codes (`docs/errors`), inside the program: for the Hub's pages and `letsbe explain`.
//!
//! It must never read a file when the program runs.

mod pages {
    include!(concat!(env!("OUT_DIR"), "/pages.rs"));
}

/// The page about a code, as Markdown, if there is such a code.
#[must_use]
pub fn page(code: &str) -> Option<&'static str> {
    let place = pages::PAGES.binary_search_by_key(&code, |(code, _)| *code).ok()?;
    Some(pages::PAGES[place].1)
}

/// All codes, sorted.
pub fn codes() -> impl Iterator<Item = &'static str> {
    pages::PAGES.iter().map(|(code, _)| *code)
}

/// The code at the beginning of a line such as `[DNS001] 3 records are missing`, and the rest of it.
#[must_use]
pub fn split(line: &str) -> Option<(&str, &str)> {
    let (code, rest) = line.strip_prefix('[')?.split_once("] ")?;
    page(code).map(|_| (code, rest))
}

#[cfg(test)]
mod tests {
    use super::{codes, page, split};

    #[test]
    fn every_code_is_found_and_its_page_begins_with_it() {
        assert!(codes().count() > 200);
        for code in codes() {
            let text = page(code).unwrap_or_default();
            assert!(text.starts_with(&format!("# {code}: ")), "{code}");
        }
        for none in ["", "README", "../README", "dns001", "DNS999"] {
            assert_eq!(page(none), None, "{none}");
        }
    }

    #[test]
    fn a_line_that_begins_with_a_code_is_taken_apart() {
        assert_eq!(split("[DNS001] 3 are missing"), Some(("DNS001", "3 are missing")));
        for whole in ["DNS001 x", "[DNS001]", "[NONE1] x", "[", ""] {
            assert_eq!(split(whole), None, "{whole}");
        }
    }
}
