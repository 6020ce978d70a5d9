//! The SSH server's configuration as it reads it: its lines, the files it includes, and for whom a line counts.

use std::collections::BTreeSet;

use glob::{MatchOptions, Pattern};

/// What sshd takes as white space around a line.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\u{c}'];

/// When and for whom lines are read. The first value counts, so what stands before our own file counts more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// For everybody, before our own file.
    Before,
    /// For everybody, after it.
    After,
    /// For whomever a `Match` names, here or where the file is included: it counts more than what is for everybody.
    Matched,
}

/// One file, and the places that it is read at; it may be included more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it lies.
    pub path: String,
    /// What it holds.
    pub text: String,
    /// Where it is read.
    pub places: BTreeSet<Place>,
}

/// An `Include` with one of its patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// An absolute pattern.
    pub pattern: String,
    /// Where what it names is read, but for our own file's neighbours.
    pub place: Place,
}

/// A line: the keyword in lower case, and its arguments without quotes. `None` for comments and empty lines. Between
/// keyword and arguments stand blanks, tabs or one `=`.
fn parse_line(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim_matches(BLANKS);
    let (keyword, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_at(line.find([' ', '\t', '\r', '=', '"']).unwrap_or(line.len())),
    };
    if keyword.is_empty() || keyword.starts_with('#') {
        return None;
    }
    let rest = rest.trim_start_matches(BLANKS);
    Some((keyword.to_ascii_lowercase(), arguments(rest.strip_prefix('=').unwrap_or(rest))))
}

/// Words as sshd splits them (`argv_split`); a `#` at the beginning of a word begins a comment.
fn arguments(text: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start_matches(BLANKS));
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = first_word(rest);
        words.push(word);
        rest = after.trim_start_matches(BLANKS);
    }
    words
}

/// Quotes may stand anywhere in a word; a backslash stands before quotes, backslashes and blanks.
fn first_word(text: &str) -> (String, &str) {
    let (mut word, mut quote, mut letters) = (String::new(), None, text.char_indices().peekable());
    while let Some((at, letter)) = letters.next() {
        match (letter, quote) {
            ('\\', _) => {
                let bare = quote.is_none();
                let escapes = |next: char| matches!(next, '\'' | '"' | '\\') || (bare && next == ' ');
                word.push(letters.next_if(|(_, next)| escapes(*next)).map_or('\\', |(_, next)| next));
            }
            (' ' | '\t', None) => return (word, &text[at..]),
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if open == letter => quote = None,
            _ => word.push(letter),
        }
    }
    (word, "")
}

/// What a text read at `place` includes, in order. After the first pattern that brings `ours`, the rest comes after it.
#[must_use]
pub fn includes(text: &str, place: Place, ours: &str) -> Vec<Include> {
    let (mut found, mut place) = (Vec::new(), place);
    for (keyword, words) in text.lines().filter_map(parse_line) {
        if keyword == "match" {
            place = Place::Matched;
        }
        for path in words.into_iter().filter(|_| keyword == "include") {
            let pattern = if path.starts_with('/') { path } else { format!("/etc/ssh/{path}") };
            let brings_ours = place == Place::Before && fits(&pattern, ours);
            found.push(Include { pattern, place });
            place = if brings_ours { Place::After } else { place };
        }
    }
    found
}

/// Whether a text includes `ours` for everybody.
#[must_use]
pub fn includes_file(text: &str, ours: &str) -> bool {
    let found = includes(text, Place::Before, ours);
    found.iter().any(|include| include.place == Place::Before && fits(&include.pattern, ours))
}

/// Whether a path is one that a pattern of an `Include` names.
#[must_use]
pub fn fits(pattern: &str, path: &str) -> bool {
    let mut pattern = pattern.to_owned();
    for (twice, once) in [("//", "/"), ("**", "*")] {
        while pattern.contains(twice) {
            pattern = pattern.replace(twice, once);
        }
    }
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    match Pattern::new(&pattern) {
        Ok(pattern) => pattern.matches_with(path, options),
        Err(_) => pattern == path,
    }
}

/// A configuration with the lines made comments that `why` gives a reason for, and these reasons; `None` if there are
/// none.
/// `why` is asked with keyword, arguments and every place that the line is read at.
#[must_use]
pub fn commented<Why: Ord + Copy>(
    file: &ConfigFile,
    ours: &str,
    why: impl Fn(&str, &[String], &BTreeSet<Place>) -> Option<Why>,
    note: impl Fn(Why) -> &'static str,
) -> Option<(String, BTreeSet<Why>)> {
    let (mut places, mut reasons) = (file.places.clone(), BTreeSet::new());
    let mut left = String::with_capacity(file.text.len());
    for line in file.text.lines() {
        if let Some((keyword, words)) = parse_line(line) {
            if keyword == "match" {
                places = BTreeSet::from([Place::Matched]);
            }
            if let Some(reason) = why(&keyword, &words, &places) {
                reasons.insert(reason);
                left.push_str(note(reason));
            }
            if keyword == "include" && includes_file(line, ours) && places.remove(&Place::Before) {
                places.insert(Place::After);
            }
        }
        left.push_str(line);
        left.push('\n');
    }
    (!reasons.is_empty()).then_some((left, reasons))
}

/// Whether a line opens a port.
#[must_use]
pub fn opens_port(keyword: &str, words: &[String]) -> bool {
    match keyword {
        "port" => true,
        "listenaddress" => words.first().is_some_and(|address| names_port(address)),
        _ => false,
    }
}

/// `host:port`, `[address]:port`; an IPv6 address without brackets has colons of its own.
fn names_port(address: &str) -> bool {
    address.contains("]:") || (address.matches(':').count() == 1 && !address.starts_with('['))
}

#[cfg(test)]
mod tests;
