//! Every error code in the programs has a page in `docs/errors`, and every page a code. What the page says about
//! trying again agrees with the programs.

use std::collections::BTreeMap;

use super::error_pages::{AGAIN, FOLDER, again, pages};
use crate::{File, Finding, Repository};

/// In the form of a code, but none.
const NOT_CODES: &[(&str, &str)] = &[
    ("SERVER_LOST", "a phase of an order"),
    ("SERVER_READY", "a phase of an order"),
    ("SHA256", "an algorithm"),
    ("SHA512", "an algorithm"),
];
/// Families whose codes are words: `NETCUP_LOCKED`. All others are letters and three digits: `DNS001`.
const WORDED: &[&str] = &["NETCUP_", "SERVER_"];
/// The Hub's refusals are named by their HTTP status (`crates/hub-side/hub/src/controllers/reply.rs`).
const STATUSES: &[(&str, &str)] = &[
    ("BAD_REQUEST", "API400"),
    ("UNAUTHORIZED", "API401"),
    ("FORBIDDEN", "API403"),
    ("NOT_FOUND", "API404"),
    ("METHOD_NOT_ALLOWED", "API405"),
    ("REQUEST_TIMEOUT", "API408"),
    ("CONFLICT", "API409"),
    ("PAYLOAD_TOO_LARGE", "API413"),
    ("UNSUPPORTED_MEDIA_TYPE", "API415"),
    ("UNPROCESSABLE_ENTITY", "API422"),
    ("TOO_MANY_REQUESTS", "API429"),
    ("INTERNAL_SERVER_ERROR", "API500"),
    ("SERVICE_UNAVAILABLE", "API503"),
];

fn is_code(word: &str) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered = word.len() == letters.len() + 3
        && (2..=8).contains(&letters.len())
        && letters.chars().all(|c| c.is_ascii_uppercase());
    let rest = WORDED.iter().find_map(|family| word.strip_prefix(family));
    let worded =
        rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    (numbered || worded) && NOT_CODES.iter().all(|(no_code, _)| *no_code != word)
}

/// What stands behind `Code::`: the registry that `letsbe_types` makes of the pages.
fn of_registry(line: &str) -> impl Iterator<Item = &str> {
    let names = line.split("Code::").skip(1);
    names.filter_map(|rest| rest.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).next())
}

/// What stands in quotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2).filter(|word| is_code(word))
}

/// Codes in quotes, which the compiler does not compare with the pages. `explain` is at work before there are any.
#[must_use]
pub fn literals(repository: &Repository) -> Vec<Finding> {
    let others = ["crates/lab/", "crates/shared/explain/"];
    let programs = |file: &&File| {
        file.path.starts_with("crates/") && !others.iter().any(|other| file.path.starts_with(other))
    };
    let of_file = |file: &File| -> Vec<Finding> {
        let found = file.program_lines().flat_map(|(line, text)| quoted(text).map(move |code| (line, code)));
        found.map(|(line, code)| file.finding(line, format!("write Code::{code}"))).collect()
    };
    repository.rust().filter(programs).flat_map(of_file).collect()
}

fn codes_of_line(file: &File, line: &str) -> Vec<String> {
    let mut codes: Vec<String> =
        of_registry(line).filter(|word| is_code(word)).chain(quoted(line)).map(str::to_owned).collect();
    if file.path.starts_with("crates/hub-side/hub/src/") && line.contains("StatusCode::") {
        let names = line.split("StatusCode::").skip(1);
        let names = names.filter_map(|rest| rest.split(|c: char| c != '_' && !c.is_ascii_uppercase()).next());
        codes.extend(names.filter_map(|name| {
            STATUSES.iter().find(|(status, _)| *status == name).map(|(_, code)| (*code).to_owned())
        }));
    }
    codes
}

/// A code in the programs.
struct Use<'a> {
    /// The first place.
    file: &'a File,
    line: usize,
    /// Made by `Problem::transient`, at least once.
    transient: bool,
    /// Made by `Problem::permanent`, at least once.
    permanent: bool,
}

/// Codes that the programs use.
fn used(repository: &Repository) -> BTreeMap<String, Use<'_>> {
    let mut codes = BTreeMap::new();
    for file in repository.rust().filter(|file| file.path.starts_with("crates/")) {
        let mut before = "";
        for (line, text) in file.program_lines() {
            for code in codes_of_line(file, text) {
                // The constructor stands on the same line or on the one before.
                let made = if text.contains("Problem::") { text } else { before };
                let either = text.contains("retryable:");
                let code = codes.entry(code);
                let code = code.or_insert(Use { file, line, transient: false, permanent: false });
                code.transient |= either || made.contains("Problem::transient(");
                code.permanent |= either || made.contains("Problem::permanent(");
            }
            before = text;
        }
    }
    codes
}

/// Codes without a page, pages without a code, and pages that contradict the programs.
#[must_use]
pub fn mismatches(repository: &Repository) -> Vec<Finding> {
    let codes = used(repository);
    let without_page =
        codes.iter().filter(|(code, _)| repository.file(&format!("{FOLDER}{code}.md")).is_none());
    let mut findings: Vec<Finding> = without_page
        .map(|(code, used)| used.file.finding(used.line, format!("write the page {FOLDER}{code}.md")))
        .collect();
    findings.extend(pages(repository).filter_map(|(code, page)| match codes.get(code) {
        Some(used) => retry_mismatch(page, used),
        None => Some(page.finding(1, format!("no program uses the code {code}; remove the page"))),
    }));
    findings
}

fn retry_mismatch(page: &File, used: &Use<'_>) -> Option<Finding> {
    let right = match (used.transient, used.permanent) {
        (true, true) => "depends",
        (true, false) => "yes",
        (false, true) => "no",
        (false, false) => return None,
    };
    let (line, said) = again(page)?;
    (said != right).then(|| page.finding(line, format!("the programs say `{AGAIN}{right}`")))
}

#[cfg(test)]
mod tests {
    use super::{is_code, literals, mismatches, used};
    use crate::{Repository, tidy};

    #[test]
    fn every_error_code_has_a_page_and_every_page_a_code() {
        let repository = Repository::read();
        assert!(used(&repository).len() > 40, "the search for codes finds too few of them");
        tidy::assert_none(&mismatches(&repository));
    }

    #[test]
    fn programs_name_codes_by_the_registry() {
        tidy::assert_none(&literals(&Repository::read()));
        let text =
            "Problem::permanent(\"DNS001\", a, b)\nCode::DNS001\n#[cfg(test)]\nmod tests { \"DNS001\" }\n";
        let found = literals(&Repository::example(&[("crates/a/src/a.rs", text)]));
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn codes_are_told_from_other_words() {
        for code in ["DNS001", "HOST012", "NETCUP_LOCKED", "SERVER_NO_KEY"] {
            assert!(is_code(code), "{code}");
        }
        for word in
            ["SERVER_READY", "SHA256", "DNS1", "A100", "NETCUP_", "dns001", "AWAITING_SERVER", "X12345"]
        {
            assert!(!is_code(word), "{word}");
        }
    }

    #[test]
    fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
        let program = "Problem::permanent(Code::DNS001, a, b)\nStatusCode::CONFLICT\nProblem::transient(\n    Code::PAY001,\n\
                       #[cfg(test)]\n\"DNS009\"\n";
        let page = "# API409: x\n\nTried again by itself: no\n";
        let files = [
            ("crates/hub-side/hub/src/a.rs", program),
            ("docs/errors/API409.md", page),
            ("docs/errors/PAY001.md", page),
            ("docs/errors/README.md", page),
            ("docs/errors/DNS002.md", page),
        ];
        let found = tidy::messages(&mismatches(&Repository::example(&files)));
        assert!(
            found.contains("crates/hub-side/hub/src/a.rs:1: write the page docs/errors/DNS001.md"),
            "{found}"
        );
        assert!(found.contains("no program uses the code DNS002"), "{found}");
        assert!(found.contains("PAY001.md:3: the programs say `Tried again by itself: yes`"), "{found}");
        assert_eq!(found.lines().count(), 3, "{found}");
    }
}
