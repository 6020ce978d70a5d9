//! The pages about error codes (`docs/errors/CODE.md`) have one form: a title, four sections in one order, none empty,
//! and at the end whether the programs try again.

use crate::{File, Finding, Repository};

/// Where the pages are.
pub const FOLDER: &str = "docs/errors/";
/// The sections of every page, in this order.
const SECTIONS: [&str; 4] =
    ["## What happened", "## What was left untouched", "## How to see the cause", "## What to type"];
/// Begins the last paragraph of every page; `yes`, `no` or `depends` follows.
pub const AGAIN: &str = "Tried again by itself: ";

/// All pages, with their codes, sorted.
pub fn pages(repository: &Repository) -> impl Iterator<Item = (&str, &File)> {
    repository.files.iter().filter_map(|file| {
        let name = file.path.strip_prefix(FOLDER)?.strip_suffix(".md")?;
        (name != "README" && !name.contains('/')).then_some((name, file))
    })
}

/// What the code of a page means, in a few words: its title.
#[must_use]
pub fn title<'a>(code: &str, page: &'a File) -> Option<&'a str> {
    let title = page.text.lines().next()?.strip_prefix("# ")?.strip_prefix(code)?.strip_prefix(": ")?;
    (!title.trim().is_empty()).then_some(title)
}

/// Whether the programs try again: the line and `yes`, `no` or `depends`.
#[must_use]
pub fn again(page: &File) -> Option<(usize, &'static str)> {
    let (line, said) = page.lines().find_map(|(line, text)| Some((line, text.strip_prefix(AGAIN)?)))?;
    let word = said.split(|c: char| !c.is_ascii_alphabetic()).next()?;
    Some((line, ["yes", "no", "depends"].into_iter().find(|known| *known == word)?))
}

/// Pages that do not have the form.
#[must_use]
pub fn misshapen(repository: &Repository) -> Vec<Finding> {
    pages(repository).flat_map(|(code, page)| faults(code, page)).collect()
}

fn faults(code: &str, page: &File) -> Vec<Finding> {
    let mut faults = Vec::new();
    if title(code, page).is_none() {
        faults.push(page.finding(1, format!("the title must be `# {code}: what it means`")));
    }
    // Each section with its line and how many lines of text it has.
    let mut sections: Vec<(&str, usize, usize)> = Vec::new();
    let mut ends: Vec<(usize, &str)> = Vec::new();
    for (line, text) in page.lines().skip(1) {
        if !text.matches('`').count().is_multiple_of(2) {
            faults.push(page.finding(line, "a command must not be broken over two lines"));
        }
        if text.starts_with('#') {
            sections.push((text, line, 0));
        } else if text.starts_with(AGAIN) {
            ends.push((line, sections.last().map_or("", |(name, ..)| *name)));
        } else if ends.is_empty()
            && !text.trim().is_empty()
            && let Some((.., lines)) = sections.last_mut()
        {
            *lines += 1;
        }
    }
    if !sections.iter().map(|(name, ..)| *name).eq(SECTIONS) {
        let wanted = SECTIONS.join("`, `");
        faults.push(page.finding(1, format!("the sections must be, in this order: `{wanted}`")));
    }
    let empty = sections.iter().filter(|(.., lines)| *lines == 0);
    faults.extend(empty.map(|(name, line, _)| page.finding(*line, format!("`{name}` is empty"))));
    match ends.as_slice() {
        [(_, section)] if *section == SECTIONS[3] && again(page).is_some() => {}
        _ => faults
            .push(page.finding(1, format!("the last paragraph must be one `{AGAIN}`yes, no or depends"))),
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{AGAIN, SECTIONS, misshapen};
    use crate::{Repository, tidy};

    fn good() -> String {
        let sections: Vec<String> = SECTIONS.iter().map(|name| format!("{name}\n\nText.\n")).collect();
        format!("# ABC001: x\n\n{}\n{AGAIN}no.\n", sections.join("\n"))
    }

    fn found(text: &str) -> String {
        tidy::messages(&misshapen(&Repository::example(&[("docs/errors/ABC001.md", text)])))
    }

    #[test]
    fn every_page_has_its_sections_in_order_and_none_is_empty() {
        tidy::assert_none(&misshapen(&Repository::read()));
    }

    #[test]
    fn a_page_without_the_form_is_found() {
        assert_eq!(found(&good()), "");
        for (from, to, why) in [
            ("# ABC001: x", "# ABC001", "the title must be"),
            ("## What was left untouched\n\nText.\n", "", "in this order"),
            ("## How to see the cause", "## Causes", "in this order"),
            ("## What to type\n\nText.", "## What to type\n", "`## What to type` is empty"),
            ("## What happened\n\nText.", "## What happened\n", "`## What happened` is empty"),
            ("to type\n\nText.", "to type\n\n`letsbe orders\nlist`", "broken over two lines"),
            ("itself: no.", "itself: perhaps.", "the last paragraph"),
            ("Tried again by itself: no.", "", "the last paragraph"),
        ] {
            let bad = good().replacen(from, to, 1);
            assert!(found(&bad).contains(why), "{why}: {}", found(&bad));
        }
        let (swapped, late) = (good().replace("happened", "X"), good() + "## Notes\n\nText.\n");
        let swapped = swapped.replace("was left untouched", "happened").replace("X", "was left untouched");
        assert!(found(&swapped).contains("in this order"));
        assert!(found(&late).contains("in this order"));
        let early = format!("# ABC001: x\n\n{AGAIN}no.\n{}", &good()[12..]);
        assert!(found(&early).contains("the last paragraph"));
    }
}
