//! Roles of PostgreSQL as former releases stored them: the text of `pg_dumpall --roles-only`.
//!
//! It is read word by word: a name or value that goes over lines is one word. What is not of the forms that are known here is
//! left out. Some releases of `pg_dumpall` put a role's name into a comment as it was, where it could begin a statement of its
//! own: what only a superuser may give is therefore never taken from such a text.

use super::postgresql::{Attribute, Fact, Member, Role, Setting};

/// What a role may have had from anybody who may make roles.
const ORDINARY: [Attribute; 3] = [Attribute::Inherit, Attribute::Createdb, Attribute::Login];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A key word, number or name without quotes.
    Word(String),
    /// In double quotes.
    Name(String),
    /// In single quotes.
    Text(String),
    Sign(char),
}

use Token::{Name, Sign, Text, Word};

/// What a text says of roles other than that they may what only a superuser gives.
pub(super) fn facts(text: &str, login: &str) -> Vec<Fact> {
    let facts = statements(text).into_iter().filter_map(|statement| fact(&statement));
    facts.filter_map(|fact| ordinary(fact, login)).collect()
}

fn ordinary(fact: Fact, login: &str) -> Option<Fact> {
    match fact {
        Fact::Role(mut role) => {
            role.may.retain(|attribute| ORDINARY.contains(attribute));
            Some(Fact::Role(role))
        }
        Fact::Member(member) if member.role == login || member.role.starts_with("pg_") => None,
        Fact::Setting(setting) if setting.name.to_ascii_lowercase().ends_with("_preload_libraries") => None,
        other => Some(other),
    }
}

/// The words of every statement that comes to its end.
pub(super) fn statements(text: &str) -> Vec<Vec<Token>> {
    let (mut all, mut statement) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            ';' => {
                all.push(std::mem::take(&mut statement));
                after
            }
            c if c.is_ascii_whitespace() => after,
            '-' if after.starts_with('-') => behind_line(rest),
            // Words to the client (`\restrict`): lines of their own.
            '\\' if statement.is_empty() => behind_line(rest),
            '"' | '\'' => {
                let Some((content, after)) = quoted(after, c, false) else { return all };
                statement.push(if c == '"' { Name(content) } else { Text(content) });
                after
            }
            'E' if after.starts_with('\'') => {
                let Some((content, after)) = quoted(&after[1..], '\'', true) else { return all };
                statement.push(Text(content));
                after
            }
            _ => {
                let length = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
                statement.push(if length == 0 { Sign(c) } else { Word(rest[..length].to_owned()) });
                if length == 0 { after } else { &rest[length..] }
            }
        };
    }
    all
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn behind_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

/// What is in quotes, and what comes after them; `None` where they do not end.
fn quoted(text: &str, quote: char, escapes: bool) -> Option<(String, &str)> {
    let mut content = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        match c {
            '\\' if escapes => content.push(characters.next()?.1),
            _ if c != quote => content.push(c),
            _ if next == Some(quote) => {
                characters.next();
                content.push(quote);
            }
            _ => return Some((content, &text[at + 1..])),
        }
    }
    None
}

/// What a statement says, where it is of a form that `pg_dumpall` has for roles.
pub(super) fn fact(statement: &[Token]) -> Option<Fact> {
    let (first, rest) = statement.split_first()?;
    match (word(first)?, rest) {
        ("CREATE", [kind, role]) if is(kind, "ROLE") => {
            let bare = Role { name: named(role)?, may: Vec::new(), connections: -1, until: None };
            Some(Fact::Role(bare))
        }
        ("ALTER", [kind, role, with, attributes @ ..]) if is(kind, "ROLE") && is(with, "WITH") => {
            Some(Fact::Role(attributed(named(role)?, attributes)?))
        }
        ("ALTER", [kind, role, set, name, to, values @ ..])
            if is(kind, "ROLE") && is(set, "SET") && is(to, "TO") =>
        {
            let values = values.split(|token| *token == Sign(',')).map(|value| match value {
                [Text(text)] => Some(text.clone()),
                _ => None,
            });
            let (role, name) = (named(role)?, named(name)?);
            Some(Fact::Setting(Setting { role, name, values: values.collect::<Option<_>>()? }))
        }
        ("GRANT", [role, to, member, options @ ..]) if is(to, "TO") => {
            Some(Fact::Member(membership(named(role)?, named(member)?, options)?))
        }
        _ => None,
    }
}

fn attributed(name: String, mut tokens: &[Token]) -> Option<Role> {
    let mut role = Role { name, may: Vec::new(), connections: -1, until: None };
    while let Some((first, rest)) = tokens.split_first() {
        tokens = match (word(first)?, rest) {
            ("CONNECTION", [limit, Word(number), rest @ ..]) if is(limit, "LIMIT") => {
                role.connections = number.parse().ok()?;
                rest
            }
            ("VALID", [until, Text(moment), rest @ ..]) if is(until, "UNTIL") => {
                role.until = Some(moment.clone());
                rest
            }
            (word, rest) => {
                let known = |word: &str| Attribute::ALL.into_iter().find(|(_, known)| *known == word);
                match (known(word), word.strip_prefix("NO").and_then(known)) {
                    (Some((attribute, _)), _) => role.may.push(attribute),
                    (None, Some(_)) => {}
                    (None, None) => return None,
                }
                rest
            }
        };
    }
    Some(role)
}

fn membership(role: String, member: String, mut tokens: &[Token]) -> Option<Member> {
    let mut made = Member { role, member, ..Member::default() };
    if let [granted, by, grantor] = &tokens[tokens.len().saturating_sub(3)..]
        && is(granted, "GRANTED")
        && is(by, "BY")
    {
        // Whoever that was: on the new server it is the one who makes them all.
        named(grantor)?;
        tokens = &tokens[..tokens.len() - 3];
    }
    let Some((with, options)) = tokens.split_first() else { return Some(made) };
    if !is(with, "WITH") {
        return None;
    }
    for option in options.split(|token| *token == Sign(',')) {
        let [what, how] = option else { return None };
        match (word(what)?, word(how)?) {
            ("ADMIN", "OPTION" | "TRUE") => made.admin = true,
            ("ADMIN", "FALSE") => made.admin = false,
            ("INHERIT", how @ ("TRUE" | "FALSE")) => made.inherit = Some(how == "TRUE"),
            ("SET", how @ ("TRUE" | "FALSE")) => made.set = Some(how == "TRUE"),
            _ => return None,
        }
    }
    Some(made)
}

fn word(token: &Token) -> Option<&str> {
    if let Word(word) = token { Some(word) } else { None }
}

fn is(token: &Token, key: &str) -> bool {
    word(token) == Some(key)
}

/// A name with quotes or without, where `pg_dumpall` puts none.
fn named(token: &Token) -> Option<String> {
    match token {
        Name(name) => Some(name.clone()),
        Word(word) if word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_') => {
            Some(word.clone())
        }
        _ => None,
    }
}
