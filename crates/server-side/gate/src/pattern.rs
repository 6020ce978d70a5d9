//! Rows of the table: each word of a command has one place, and a place says what may stand there.

use std::fmt;

/// What may stand at one place of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// Exactly this.
    Exact(String),
    /// One of these: `(on|off)`.
    OneOf(Vec<String>),
    /// `<name>`: letters, digits, `.`, `_` and `-`, at most 64, not starting with a sign.
    Name,
    /// `<number>`: at most nine digits.
    Number,
    /// `<text>`: one argument of any content that starts with neither `-` nor `@`; at most 4,096 bytes.
    Text,
    /// `<header Authorization>`: `Authorization: ` and one line of plain characters; at most 2,048 bytes.
    Header(String),
    /// `<path below /var/log>`, `<url below http://127.0.0.1/>`: this beginning, then plain segments; never `..`.
    Below(String),
}

const NAME_BYTES: usize = 64;
const TEXT_BYTES: usize = 4_096;
const PATH_BYTES: usize = 512;
const HEADER_BYTES: usize = 2_048;

impl Word {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            let words: Vec<String> = inner.split('|').map(str::to_owned).collect();
            let plain = words.len() > 1 && words.iter().all(|word| is_plain(word));
            return if plain {
                Ok(Self::OneOf(words))
            } else {
                Err(format!("`{text}` is no choice of words"))
            };
        }
        if let Some(inner) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            return match inner.split_once(" below ") {
                None if inner == "name" => Ok(Self::Name),
                None if inner == "number" => Ok(Self::Number),
                None if inner == "text" => Ok(Self::Text),
                Some(("path", root)) if root.starts_with('/') => Ok(Self::Below(closed(root))),
                Some(("url", root)) if is_own_url(root) => Ok(Self::Below(closed(root))),
                None if inner.strip_prefix("header ").is_some_and(is_name) => {
                    Ok(Self::Header(format!("{}: ", &inner["header ".len()..])))
                }
                _ => Err(format!("`{text}` is no placeholder")),
            };
        }
        if is_plain(text) {
            Ok(Self::Exact(text.to_owned()))
        } else {
            Err(format!("`{text}` is no plain word"))
        }
    }

    fn admits(&self, word: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == word,
            Self::OneOf(words) => words.iter().any(|one| one == word),
            Self::Name => is_name(word),
            Self::Number => (1..=9).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit()),
            // `@` names a file to programs such as curl.
            Self::Text => word.len() <= TEXT_BYTES && !word.starts_with(['-', '@']) && !word.contains('\0'),
            Self::Header(begin) => {
                let value = word.strip_prefix(begin.as_str());
                word.len() <= HEADER_BYTES && value.is_some_and(is_header_value)
            }
            Self::Below(root) => {
                let rest = word.strip_prefix(root.as_str());
                word.len() <= PATH_BYTES && rest.is_some_and(|rest| rest.split('/').all(is_segment))
            }
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(word) => f.write_str(word),
            Self::OneOf(words) => write!(f, "({})", words.join("|")),
            Self::Name => f.write_str("<name>"),
            Self::Number => f.write_str("<number>"),
            Self::Text => f.write_str("<text>"),
            Self::Header(begin) => write!(f, "<header {}>", begin.trim_end_matches([':', ' '])),
            Self::Below(root) if root.starts_with('/') => write!(f, "<path below {root}>"),
            Self::Below(root) => write!(f, "<url below {root}>"),
        }
    }
}

fn closed(root: &str) -> String {
    format!("{}/", root.trim_end_matches('/'))
}

fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c))
}

/// Whether a text is a name as placeholders understand it.
pub(crate) fn is_name(word: &str) -> bool {
    let tail = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    word.len() <= NAME_BYTES
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(tail)
}

/// Whether an address is on the machine itself: `http://127.0.0.1.example.com` is not.
fn is_own_url(root: &str) -> bool {
    root.strip_prefix("http://127.0.0.1")
        .is_some_and(|rest| rest.starts_with([':', '/']) && !rest.contains('@'))
}

/// No quote, no line break, no `;`: nothing that could be a second header.
fn is_header_value(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || " ._~+/=-".contains(c))
}

fn is_segment(segment: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(plain)
}

/// One row: a whole command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Word>);

impl Pattern {
    /// Reads a row of the table, for example `tail -n <number> <path below /var/log>`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut words = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            // Placeholders may hold spaces.
            let end = match rest.strip_prefix('<') {
                Some(inner) => inner.find('>').map(|at| at + 2).ok_or(format!("`{rest}` is not closed"))?,
                None => rest.find(' ').unwrap_or(rest.len()),
            };
            words.push(Word::parse(&rest[..end])?);
            if !matches!(rest[end..].chars().next(), None | Some(' ')) {
                return Err(format!("something follows directly on `{}`", &rest[..end]));
            }
            rest = rest[end..].trim_start();
        }
        match words.first() {
            Some(Word::Exact(program)) if !program.contains('/') => Ok(Self(words)),
            _ => Err("a row starts with the plain name of a program".to_owned()),
        }
    }

    /// Whether the whole command, word by word, is this row.
    pub(crate) fn matches(&self, words: &[String]) -> bool {
        self.0.len() == words.len() && self.0.iter().zip(words).all(|(place, word)| place.admits(word))
    }

    pub(crate) fn program(&self) -> &str {
        match self.0.first() {
            Some(Word::Exact(program)) => program,
            _ => "",
        }
    }

    pub(crate) fn takes_free_text(&self) -> bool {
        self.0.contains(&Word::Text)
    }

    /// Whether every word stands in the table itself.
    pub(crate) fn is_literal(&self) -> bool {
        self.0.iter().all(|word| matches!(word, Word::Exact(_) | Word::OneOf(_)))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            write!(f, "{}{word}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn matches(pattern: &str, words: &[&str]) -> bool {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Pattern::parse(pattern).expect(pattern).matches(&words)
    }

    #[test]
    fn a_row_matches_whole_commands_only() {
        for (pattern, words, wanted) in [
            ("df -h", &["df", "-h"][..], true),
            ("df -h", &["df"], false),
            ("df -h", &["df", "-h", "-i"], false),
            ("df -h", &["df", "-h "], false),
            ("df -h", &["df -h"], false),
            ("ls (-l|-a)", &["ls", "-l"], true),
            ("ls (-l|-a)", &["ls", "-l|-a"], false),
            ("ls (-l|-a)", &["ls", "-la"], false),
            ("x <name>", &["x", "a.b_c-1"], true),
            ("x <name>", &["x", "-rf"], false),
            ("x <name>", &["x", "a;b"], false),
            ("x <name>", &["x", "a\nb"], false),
            ("x <name>", &["x", ""], false),
            ("x <number>", &["x", "100"], true),
            ("x <number>", &["x", "1e3"], false),
            ("x <number>", &["x", "-1"], false),
            ("x <number>", &["x", "1234567890"], false),
            ("x <path below /var/log>", &["x", "/var/log/a/b.log"], true),
            ("x <path below /var/log>", &["x", "/var/log"], false),
            ("x <path below /var/log>", &["x", "/var/log/"], false),
            ("x <path below /var/log>", &["x", "/var/logs/a"], false),
            ("x <path below /var/log>", &["x", "/var/log/../shadow"], false),
            ("x <path below /var/log>", &["x", "/var/log/a/../../b"], false),
            ("x <path below /var/log>", &["x", "/var/log//a"], false),
            ("x <path below /var/log>", &["x", "/var/log/$(id)"], false),
            ("x <path below /var/log/>", &["x", "/var/log/a"], true),
            ("x <url below http://127.0.0.1:2368/ghost>", &["x", "http://127.0.0.1:2368/ghost/api"], true),
            ("x <url below http://127.0.0.1:2368/ghost>", &["x", "http://127.0.0.1:2368/ghost/?a"], false),
            ("x <url below http://127.0.0.1:2368/ghost>", &["x", "http://evil/"], false),
            ("x <header A-b>", &["x", "A-b: Ghost ey.J_-0="], true),
            ("x <header A-b>", &["x", "A-b: "], false),
            ("x <header A-b>", &["x", "A-b: x\r\nHost: y"], false),
            ("x <header A-b>", &["x", "A-c: x"], false),
            ("x <header A-b>", &["x", "@/etc/passwd"], false),
            ("x <text>", &["x", "any; thing $(at) all\n"], true),
            ("x <text>", &["x", "-o"], false),
            ("x <text>", &["x", "@/etc/passwd"], false),
        ] {
            assert_eq!(matches(pattern, words), wanted, "{pattern} / {words:?}");
        }
    }

    #[test]
    fn rows_that_say_nothing_clear_are_refused_and_others_are_shown_as_written() {
        for bad in [
            "",
            "<name> x",
            "/bin/ls",
            "ls <path below var>",
            "ls <pat",
            "ls (a)",
            "ls <x>",
            "a b;c",
            "ls <name>x",
            "ls <header >",
            "ls <url below http://127.0.0.1.example.com/>",
            "ls <url below http://127.0.0.1:1@example.com/>",
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        let row = "tail -n <number> (a|b) <path below /var/log/> <text> <name> <header X-y>";
        assert_eq!(Pattern::parse(row).expect("reads").to_string(), row);
    }
}
