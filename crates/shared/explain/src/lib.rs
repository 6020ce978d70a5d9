//! The pages about error codes (`docs/errors`), inside the program: for the Hub's pages and `letsbe explain`. What many
//! pages say alike is added when the program is built (`boilerplate.rs`).
//!
//! It must never read a file when the program runs.

#[cfg(test)]
mod boilerplate;

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
    use std::{fs, path::Path};

    use super::{
        boilerplate::{self, completed},
        codes, page, split,
    };

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
    fn a_page_has_what_its_family_says_and_no_source_repeats_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/errors");
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for code in codes() {
            let source = fs::read_to_string(folder.join(format!("{code}.md"))).expect("a page");
            assert_eq!(page(code), Some(completed(code, &source).as_str()), "{code}");
            for sentence in boilerplate::sentences() {
                assert!(!plain(&source).contains(&plain(sentence)), "{code} repeats: {sentence}");
            }
        }
    }

    #[test]
    fn the_family_decides_what_is_added_and_a_page_that_says_more_keeps_its_own_words() {
        let source = |again: &str| {
            format!("# X: x\n\n## How to see the cause\n\nOurs.\n\n## What to type\n\n`x`\n\n{again}\n")
        };
        let order = completed("SSH001", &source("Tried again by itself: yes."));
        assert!(order.contains("Ours.\n\n`letsbe orders show <order>` prints"), "{order}");
        assert!(order.ends_with(
            " yes. Up to three times, after 1, 5 and 15 minutes; then the order waits for the operator.\n"
        ));
        let own = completed("DNS001", &source("Tried again by itself: yes. Every minute."));
        assert!(own.ends_with("itself: yes. Every minute.\n"), "{own}");
        let api = completed("API404", &source("Tried again by itself: no."));
        assert!(
            api.contains("journalctl -u letsbe-hub") && api.ends_with("no. The caller decides.\n"),
            "{api}"
        );
        let root = order.replace("`x`", "`systemctl restart docker`");
        let told = "is root for `letsbe-node` only";
        assert!(!order.contains(told) && completed("SSH001", &root).contains(told), "{root}");
        let alone = source("Tried again by itself: no.");
        assert_eq!(completed("NODE118", &alone), alone, "the longest beginning decides");
    }

    #[test]
    fn a_line_that_begins_with_a_code_is_taken_apart() {
        assert_eq!(split("[DNS001] 3 are missing"), Some(("DNS001", "3 are missing")));
        for whole in ["DNS001 x", "[DNS001]", "[NONE1] x", "[", ""] {
            assert_eq!(split(whole), None, "{whole}");
        }
    }
}
