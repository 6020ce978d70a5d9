//! Every error code in the programs has a page in `docs/errors`, and every page a code. What the page says about
//! trying again agrees with the programs.

use std::collections::BTreeMap;

use crate::{File, Finding, Repository};

const PAGES: &str = "docs/errors/";
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
/// What every page has after its title, `# CODE: in a few words`.
const SECTIONS: [&str; 3] = ["## What happened", "## What to do", "Tried again by itself: "];

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

fn codes_of_line(file: &File, line: &str) -> Vec<String> {
    let mut codes: Vec<String> = line.split('"').filter(|word| is_code(word)).map(str::to_owned).collect();
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

/// Codes without a page, pages without a code, and pages that do not follow the form or contradict the programs.
#[must_use]
pub fn mismatches(repository: &Repository) -> Vec<Finding> {
    let codes = used(repository);
    let is_page = |file: &&File| {
        file.path.starts_with(PAGES) && file.path.ends_with(".md") && !file.path.ends_with("/README.md")
    };
    let without_page =
        codes.iter().filter(|(code, _)| repository.file(&format!("{PAGES}{code}.md")).is_none());
    let mut findings: Vec<Finding> = without_page
        .map(|(code, used)| used.file.finding(used.line, format!("write the page {PAGES}{code}.md")))
        .collect();
    let index = repository.file(&format!("{PAGES}README.md")).map_or("", |file| file.text.as_str());
    for page in repository.files.iter().filter(is_page) {
        let code = page.path.trim_start_matches(PAGES).trim_end_matches(".md");
        if let Some(used) = codes.get(code) {
            findings.extend(retry_mismatch(page, used));
        } else {
            findings.push(page.finding(1, format!("no program uses the code {code}; remove the page")));
        }
        if !index.contains(&format!("({code}.md)")) {
            findings.push(page.finding(1, format!("{PAGES}README.md does not list {code}")));
        }
        if !page.text.starts_with(&format!("# {code}: ")) {
            findings.push(page.finding(1, format!("the title must be `# {code}: what it means`")));
        }
        let missing =
            SECTIONS.iter().filter(|section| !page.lines().any(|(_, line)| line.starts_with(**section)));
        findings.extend(missing.map(|section| page.finding(1, format!("`{section}` is missing"))));
    }
    findings
}

fn retry_mismatch(page: &File, used: &Use<'_>) -> Option<Finding> {
    let right = match (used.transient, used.permanent) {
        (true, true) => "depends",
        (true, false) => "yes",
        (false, true) => "no",
        (false, false) => return None,
    };
    let (line, said) = page.lines().find_map(|(line, text)| Some((line, text.strip_prefix(SECTIONS[2])?)))?;
    let message = || format!("the programs say `{}{right}`", SECTIONS[2]);
    (!said.starts_with(right)).then(|| page.finding(line, message()))
}

#[cfg(test)]
mod tests {
    use super::{is_code, mismatches, used};
    use crate::{Repository, tidy};

    #[test]
    fn every_error_code_has_a_page_and_every_page_a_code() {
        let repository = Repository::read();
        assert!(used(&repository).len() > 40, "the search for codes finds too few of them");
        tidy::assert_none(&mismatches(&repository));
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
        let program = "Problem::permanent(\"DNS001\", a, b)\nStatusCode::CONFLICT\nProblem::transient(\n    \"PAY001\",\n\
                       #[cfg(test)]\n\"DNS009\"\n";
        let good = "# API409: x\n## What happened\n## What to do\nTried again by itself: no\n";
        let files = [
            ("crates/hub-side/hub/src/a.rs", program),
            ("docs/errors/API409.md", good),
            ("docs/errors/PAY001.md", &good.replace("API409", "PAY001")),
            ("docs/errors/README.md", "(API409.md) (DNS002.md)"),
            ("docs/errors/DNS002.md", "# DNS002: x\n## What happened\nTried again by itself: no\n"),
        ];
        let found = tidy::messages(&mismatches(&Repository::example(&files)));
        assert!(
            found.contains("crates/hub-side/hub/src/a.rs:1: write the page docs/errors/DNS001.md"),
            "{found}"
        );
        assert!(found.contains("no program uses the code DNS002"), "{found}");
        assert!(found.contains("`## What to do` is missing"), "{found}");
        assert!(found.contains("README.md does not list PAY001"), "{found}");
        assert!(found.contains("PAY001.md:4: the programs say `Tried again by itself: yes`"), "{found}");
        assert_eq!(found.lines().count(), 5, "{found}");
    }
}
