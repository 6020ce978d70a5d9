//! The table of all error codes (`docs/errors/README.md`) is made from the pages: `cargo run -p xtask -- error-index`.

use super::error_pages::{FOLDER, again, pages, title};
use crate::{Finding, Repository};

/// The page with the table.
pub const PATH: &str = "docs/errors/README.md";
/// The table's first line; it goes on to the end of the page.
const HEAD: &str = "| code | meaning | again by itself |\n|---|---|---|\n";

/// The page as it must be: what people wrote before the table, then the table.
#[must_use]
pub fn index(repository: &Repository) -> String {
    let page = repository.file(PATH).map_or("", |file| file.text.as_str());
    let before = page.split(HEAD).next().unwrap_or_default();
    let line = |(code, page)| {
        let (meaning, again) = (title(code, page).unwrap_or("?"), again(page).map_or("?", |(_, word)| word));
        format!("| [{code}]({code}.md) | {meaning} | {again} |\n")
    };
    let table: String = pages(repository).map(line).collect();
    format!("{before}{HEAD}{table}")
}

/// The table, if it is not what the pages say.
#[must_use]
pub fn outdated(repository: &Repository) -> Vec<Finding> {
    let wanted = index(repository);
    let found = repository.file(PATH).map_or("", |file| file.text.as_str());
    if found == wanted {
        return Vec::new();
    }
    let same = found.lines().zip(wanted.lines()).take_while(|(found, wanted)| found == wanted).count();
    let message = format!("not what the pages in {FOLDER} say: `cargo run -p xtask -- error-index`");
    vec![Finding { path: PATH.to_owned(), line: same + 1, message }]
}

#[cfg(test)]
mod tests {
    use super::{PATH, index, outdated};
    use crate::{Repository, tidy};

    #[test]
    fn the_table_of_error_codes_is_made_from_the_pages() {
        tidy::assert_none(&outdated(&Repository::read()));
    }

    #[test]
    fn an_outdated_table_is_found_and_what_stands_before_it_stays() {
        let page =
            ("docs/errors/ABC001.md", "# ABC001: it broke\n\nTried again by itself: depends. Or not.\n");
        let text =
            "# Codes\n\nWritten by people.\n\n| code | meaning | again by itself |\n|---|---|---|\nold\n";
        let old = Repository::example(&[page, (PATH, text)]);
        assert!(tidy::messages(&outdated(&old)).starts_with("docs/errors/README.md:7: not what"));
        let made = index(&old);
        assert!(made.starts_with("# Codes\n\nWritten by people.\n\n| code |"), "{made}");
        assert!(made.ends_with("|---|---|---|\n| [ABC001](ABC001.md) | it broke | depends |\n"), "{made}");
        assert!(outdated(&Repository::example(&[page, (PATH, &made)])).is_empty());
    }
}
